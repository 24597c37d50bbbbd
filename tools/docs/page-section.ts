/**
 * Pages of docs/ that are written by hand except for sections between `<!-- NAME -->` and `<!-- /NAME -->`, which programs write:
 * the commands that measure, and `npm run docs`.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as prettier from 'prettier';
import { projectRoot } from '../../test/support/project.js';

/** The page with `text` in the section. */
export function withSection(page: string, name: string, text: string): string {
  const [open, close] = [`<!-- ${name} -->`, `<!-- /${name} -->`];
  const from = page.indexOf(open);
  const to = page.indexOf(close);
  if (from < 0 || to < from) throw new Error(`the page has no section "${name}"`);
  return `${page.slice(0, from + open.length)}\n\n${text}\n\n${page.slice(to)}`;
}

/** Writes a section of a file in docs/, and formats the page, since measured tables are not aligned. */
export async function writePageSection(file: string, name: string, text: string): Promise<void> {
  const path = join(projectRoot, 'docs', file);
  const changed = withSection(await readFile(path, 'utf8'), name, text);
  const config = await prettier.resolveConfig(path);
  await writeFile(path, await prettier.format(changed, { ...config, filepath: path }));
}
