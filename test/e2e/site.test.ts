/** The site that `npm run site` makes, in a browser: every link leads somewhere, nothing is asked for elsewhere, and the search finds. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { Page } from 'playwright-core';
import { buildSite } from '../../tools/site/build.js';
import { axeViolations, openBrowser, overflowing, SCHEMES, WIDTHS } from '../support/browser.js';
import { needs } from '../support/needs.js';
import { removeFolder } from '../support/temp-folder.js';

/** Pages of each kind: prose, tables, code, a list of files. */
const JUDGED = [
  'index.html',
  'docs/tasks.html',
  'docs/clients.html',
  'docs/schemas/index.html',
  'docs/decisions/0014-blobs-that-stand-alone.html',
];

let folder = '';
let root = '';
let paths: readonly string[] = [];

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nydusify-test-'));
  root = pathToFileURL(folder).href;
  paths = await buildSite(folder);
});

after(() => removeFolder(folder));

interface Links {
  /** Absolute addresses. */
  readonly links: readonly string[];
  readonly anchors: readonly string[];
  readonly brokenImages: readonly string[];
}

function linksOf(page: Page): Promise<Links> {
  return page.evaluate<Links>(`({
    links: [...document.querySelectorAll('a[href]')].map(({ href }) => href),
    anchors: [...document.querySelectorAll('[id]')].map(({ id }) => id),
    brokenImages: [...document.images].filter(({ complete, naturalWidth }) => !complete || naturalWidth === 0).map(({ src }) => src),
  })`);
}

test('every link of the site leads to a page or a file and its heading, and every page fits a telephone', async (t) => {
  if (!needs(t, 'chromium')) return;
  const browser = await openBrowser(t, root);
  const found = new Map<string, Links>();
  for (const path of paths) {
    const url = `${root}/${path}`;
    const { page, asked } = await browser.open(url, 390, 'light');
    assert.deepEqual(await overflowing(page), [], path);
    found.set(url, await linksOf(page));
    assert.deepEqual(asked, [], path);
    await page.close();
  }
  const dead: string[] = [];
  for (const [url, { links, brokenImages }] of found) {
    dead.push(...brokenImages);
    for (const link of links) {
      if (!link.startsWith('file:')) {
        // A page may name a site elsewhere; it loads nothing from there.
        if (!link.startsWith('https://')) dead.push(`${url}: ${link}`);
        continue;
      }
      const [target = '', anchor = ''] = link.split('#');
      const isThere = link.startsWith(root) && existsSync(fileURLToPath(target));
      const anchors = found.get(target)?.anchors ?? [];
      if (!isThere || (anchor !== '' && !anchors.includes(decodeURIComponent(anchor))))
        dead.push(`${url}: ${link}`);
    }
  }
  assert.deepEqual(dead, []);
  assert.ok(paths.length > 35 && existsSync(join(folder, 'docs/schemas/check.schema.json')));
});

test('pages of each kind have no fault that axe finds, in both colour schemes, on a telephone and a screen', async (t) => {
  if (!needs(t, 'chromium')) return;
  const browser = await openBrowser(t, root);
  for (const path of JUDGED) {
    for (const [i, width] of WIDTHS.entries()) {
      const scheme = SCHEMES[i] ?? 'light';
      const { page } = await browser.open(`${root}/${path}`, width, scheme);
      assert.deepEqual(await axeViolations(page), [], `${path} at ${width}, ${scheme}`);
      assert.deepEqual(await overflowing(page), [], `${path} at ${width}, ${scheme}`);
      await page.close();
    }
  }
});

test('the search finds sections of other pages, and a hit leads to them', async (t) => {
  if (!needs(t, 'chromium')) return;
  const browser = await openBrowser(t, root);
  const { page, asked } = await browser.open(`${root}/docs/decisions/0017-packages.html`, 390, 'dark');
  const box = page.getByRole('searchbox');
  await box.fill('private author'); // a word that is not ended yet
  const hit = page.locator('.hits a', { hasText: 'Use a private authority' });
  await hit.waitFor();
  assert.deepEqual(await overflowing(page), []);
  assert.deepEqual(await axeViolations(page), []);
  await hit.click();
  await page.waitForURL(`${root}/docs/tasks.html#8-use-a-private-authority`);
  await page.getByRole('searchbox').fill('qqqqzzzz');
  await page.getByText('Nothing found.').waitFor();
  assert.deepEqual(asked, []);
});
