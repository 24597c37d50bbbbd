/** What stands around each page: head, search, navigation. All addresses are relative, so that the site runs from any folder, even from files. */
import { dirname, relative } from 'node:path/posix';
import type { PageGroup } from './pages.js';
import { escaped, type Rendered } from './render.js';

export interface FramedPage extends Pick<Rendered, 'html' | 'contents'> {
  /** From the root of the site. */
  readonly path: string;
  readonly title: string;
}

/** The address of a file of the site, as a page names it. */
export function addressFrom(page: string, path: string): string {
  return relative(dirname(page), path) || '.';
}

export function frame(page: FramedPage, groups: readonly PageGroup[]): string {
  const { path, title } = page;
  const to = (target: string): string => escaped(addressFrom(path, target));
  const name = path === 'index.html' ? 'nydusify-ts' : `${title} · nydusify-ts`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8" />
<meta name="viewport" content="width=device-width, initial-scale=1" />
<title>${escaped(name)}</title>
<link rel="stylesheet" href="${to('assets/style.css')}" />
<link rel="icon" href="data:," />
<script defer src="${to('assets/search.js')}" data-root="${escaped(addressFrom(path, 'index.html').replace(/index\.html$/, ''))}"></script>
</head>
<body>
<a class="skip" href="#page">To the text</a>
<header class="top">
<a class="name" href="${to('index.html')}">nydusify-ts</a>
<a class="menu" href="#menu">All pages</a>
<form class="search" role="search" hidden><input type="search" aria-label="Search all pages" placeholder="Search" autocomplete="off" /></form>
</header>
<section class="hits" aria-label="Search results" aria-live="polite" hidden></section>
<div class="body">
<main id="page">
${contents(page)}${page.html}</main>
<nav id="menu" aria-label="Pages">
${groups.map((group) => navigation(group, path)).join('\n')}
</nav>
</div>
<footer>Made of the Markdown of the project by <code>npm run site</code>. This site loads nothing from elsewhere.</footer>
</body>
</html>
`;
}

function contents({ contents: headings }: FramedPage): string {
  if (headings.length < 3) return '';
  const items = headings.map(
    ({ anchor, title }) => `<li><a href="#${escaped(anchor)}">${escaped(title)}</a></li>`,
  );
  return `<details class="contents"><summary>On this page</summary><ul>${items.join('')}</ul></details>\n`;
}

function navigation({ name, pages }: PageGroup, current: string): string {
  const items = pages.map(({ path, title }) => {
    const mark = path === current ? ' aria-current="page"' : '';
    return `<li><a href="${escaped(addressFrom(current, path))}"${mark}>${escaped(title)}</a></li>`;
  });
  return `<h2>${escaped(name)}</h2>\n<ul>${items.join('')}</ul>`;
}
