/** The search of the site: an index that is made with it, and the script that asks the index. Both are files of the site. */
import { join } from 'node:path';
import MiniSearch from 'minisearch';
import { rolldown } from 'rolldown';
import { projectRoot } from '../../test/support/project.js';
import type { Section } from './render.js';
import { SEARCH_OPTIONS } from './search-options.js';

export interface SearchedPage {
  readonly path: string;
  readonly title: string;
  readonly sections: readonly Section[];
}

const EXCERPT = 160;

/** A script that sets the index, since a page in a file may load scripts and nothing else. */
export function searchIndex(pages: readonly SearchedPage[]): string {
  const index = new MiniSearch(SEARCH_OPTIONS);
  for (const { path, title: page, sections } of pages)
    for (const [i, { anchor, title, text }] of sections.entries())
      index.add({
        id: i === 0 ? path : `${path}#${anchor}`,
        page,
        title,
        text,
        excerpt: text.length > EXCERPT ? `${text.slice(0, EXCERPT)}…` : text,
      });
  return `globalThis.SEARCH_INDEX = ${JSON.stringify(JSON.stringify(index))};\n`;
}

/** The script of the pages, with the library in it. */
export async function searchScript(): Promise<string> {
  const bundle = await rolldown({
    input: join(projectRoot, 'tools', 'site', 'search-page.mjs'),
    platform: 'browser',
  });
  const { output } = await bundle.generate({ format: 'iife', minify: true });
  await bundle.close();
  return output[0].code;
}
