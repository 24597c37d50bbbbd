/** Builds the site into a folder, which holds nothing else then. */
import { cpSync, mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { projectRoot } from '../../test/support/project.js';
import { addressFrom, frame } from './frame.js';
import { pagePath, siteGroups, type SitePage } from './pages.js';
import { escaped, renderPage } from './render.js';
import { searchIndex, type SearchedPage, searchScript } from './search.js';
import { STYLE } from './style.js';

/** Returns the paths of the pages. Throws when a page links to what is neither a page nor a file of the project. */
export async function buildSite(folder: string): Promise<readonly string[]> {
  rmSync(folder, { recursive: true, force: true });
  const write = (path: string, content: string): void => {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), content);
  };
  const groups = siteGroups();
  const pages = groups.flatMap((group) => group.pages);
  const known = new Map(pages.map(({ source, path }) => [source, path]));
  /** Files and folders that pages link to, and that are no pages. */
  const linked = new Set<string>();
  const searched: SearchedPage[] = [];
  for (const page of pages) {
    const { html, sections, contents } = renderPage(page, (target) => {
      const path = known.get(target) ?? other(target, linked);
      return addressFrom(page.path, path);
    });
    write(page.path, frame({ path: page.path, title: page.title, html, contents }, groups));
    searched.push({ path: page.path, title: page.title, sections });
  }
  const lists: string[] = [];
  for (const target of linked) {
    if (!statSync(join(projectRoot, target)).isDirectory()) {
      mkdirSync(dirname(join(folder, target)), { recursive: true });
      cpSync(join(projectRoot, target), join(folder, target));
      continue;
    }
    const path = `${target}/index.html`;
    write(path, frame({ path, title: target, html: listing(target, folder, pages), contents: [] }, groups));
    lists.push(path);
  }
  write('assets/style.css', STYLE);
  write('assets/search.js', await searchScript());
  write('assets/search-index.js', searchIndex(searched));
  return [...pages.map(({ path }) => path), ...lists];
}

function other(target: string, linked: Set<string>): string {
  const path = target.replace(/\/$/, '');
  const found = statSync(join(projectRoot, path), { throwIfNoEntry: false });
  if (found === undefined) throw new Error(`a page links to ${target}, which is not there`);
  linked.add(path);
  return found.isDirectory() ? `${path}/index.html` : path;
}

/** The page of a folder: the files in it, which are copied unless they are pages. */
function listing(target: string, folder: string, pages: readonly SitePage[]): string {
  const items = readdirSync(join(projectRoot, target), { withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ name }) => name)
    .sort()
    .map((name) => {
      const page = pages.find(({ source }) => source === `${target}/${name}`);
      if (page === undefined) {
        mkdirSync(join(folder, target), { recursive: true });
        cpSync(join(projectRoot, target, name), join(folder, target, name));
      }
      const [href, text] = page === undefined ? [name, name] : [pagePath(name), page.title];
      return `<li><a href="${escaped(href)}">${escaped(text)}</a></li>`;
    });
  return `<h1>${escaped(target)}</h1>\n<ul>${items.join('\n')}</ul>\n`;
}
