/** The page of `check --report html`, as a person sees it: in a browser, on a telephone and a screen, in both colour schemes. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { FAILURE_REPORTS } from '../../src/cli/report/report.js';
import { RegistryError } from '../../src/errors.js';
import { axeViolations, openBrowser, overflowing, SCHEMES, WIDTHS } from '../support/browser.js';
import { nydusify, registry } from '../support/command.js';
import { buildImage, buildIndex } from '../support/images/image-builder.js';
import { noise } from '../support/images/opaque-image.js';
import { dir, file, layer } from '../support/images/tar.js';
import { needs } from '../support/needs.js';
import { place, tempFolder } from '../support/temp-folder.js';

const LONG =
  'a-directory-whose-name-is-so-long-that-no-telephone-shows-it-in-one-line-however-small-its-letters';
const content = (seed: number) =>
  buildImage({
    layers: [
      layer(dir('usr'), dir(`usr/${LONG}`), file(`usr/${LONG}/app`, noise(90_000, seed))),
      layer(file('etc/motd', 'hello '.repeat(900)), file('etc/other', `${seed}`)),
    ],
  });

test('the page has no fault that axe finds and fits a telephone and a screen, whether the image is good, bad or unread', async (t) => {
  if (!needs(t, 'chromium')) return;
  const { host, put } = await registry(t);
  const folder = await tempFolder(t);
  const platform = (architecture: string) => ({ platform: { os: 'linux', architecture } });
  const index = buildIndex([
    { image: content(1), fields: platform('amd64') },
    { image: content(2), fields: platform('arm64') },
  ]);
  const [source, other, target] = [
    await put('app:1', index),
    await put('app:2', content(3)),
    `${host}/app:nydus`,
  ];
  const convert = ['convert', '--merge-platform', '--all-platforms', source, target];
  assert.equal((await nydusify(convert, { cwd: folder })).status, 0);
  const report = async (name: string, status: number, ...args: readonly string[]): Promise<string> => {
    const path = join(folder, name);
    const done = await nydusify(['check', '--report', `html=${path}`, target, ...args], { cwd: folder });
    assert.equal(done.status, status, done.stderr);
    return path;
  };
  const pages = [
    await report('good.html', 0, source),
    await report('bad.html', 1, other),
    await place(
      folder,
      'unread.html',
      FAILURE_REPORTS.html({
        target: `${host}/${LONG}:1`,
        source: undefined,
        error: new RegistryError(`${LONG} ${LONG}`, { status: 404 }),
        hint: LONG,
        milliseconds: 20,
        started: new Date(0),
        commandLine: `nydusify check ${LONG}`,
      }),
    ),
  ];
  const browser = await openBrowser(t, pathToFileURL(folder).href);
  for (const path of pages) {
    for (const width of WIDTHS) {
      for (const scheme of SCHEMES) {
        const { page, asked } = await browser.open(pathToFileURL(path).href, width, scheme);
        const where = `${path} at ${width}, ${scheme}`;
        await page.evaluate('for (const one of document.querySelectorAll("details")) one.open = true');
        assert.deepEqual(await overflowing(page), [], where);
        assert.deepEqual(await axeViolations(page), [], where);
        assert.deepEqual(asked, [], where);
        await page.close();
      }
    }
  }
});
