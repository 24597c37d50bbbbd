/** README and docs/: where a new user looks first, and that blocks of configuration can be read. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { parse } from 'smol-toml';
import { projectRoot } from '../support/project.js';

const PAGES: readonly string[] = [
  'README.md',
  'CONTRIBUTING.md',
  ...readdirSync(join(projectRoot, 'docs'))
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
];

const read = (path: string): string => readFileSync(join(projectRoot, path), 'utf8');

test('the README installs before all else, and needs Rust in the sections that are for a clone alone', () => {
  const [, ...sections] = read('README.md').split(/^## /m);
  assert.match(sections[0] ?? '', /^Install\n/);
  const naming = sections
    .filter((section) => /\bRust\b|\bcargo\b/.test(section))
    .map((section) => section.slice(0, section.indexOf('\n')));
  assert.deepEqual(naming, ['Install', 'For developers']);
});

test('no page repeats the version of Rust: the README links to rust-toolchain.toml', () => {
  for (const path of PAGES)
    assert.doesNotMatch(read(path), /\b(?:Rust|rustc|cargo)(?: version)?,? v?\d+\.\d+/i, path);
  assert.match(read('README.md'), /\]\(rust-toolchain\.toml\)/);
});

test('every block of TOML in the pages can be read', () => {
  let blocks = 0;
  for (const path of PAGES) {
    for (const [, text = ''] of read(path).matchAll(/^```toml\n(.*?)^```$/gms)) {
      assert.doesNotThrow(() => parse(text), `${path}: ${text}`);
      blocks++;
    }
  }
  assert.ok(blocks >= 4, 'the pages show configuration');
});

test('links of the pages lead to files and headings that are there', () => {
  for (const path of PAGES) {
    for (const [, link = ''] of withoutCode(read(path)).matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^[a-z]+:/.test(link)) continue;
      const [file = '', heading] = link.split('#');
      const target = file === '' ? path : join(dirname(path), file);
      assert.ok(existsSync(join(projectRoot, target)), `${path}: ${link}`);
      if (heading !== undefined)
        assert.ok(headings(read(target)).includes(heading), `${path}: ${link} is no heading`);
    }
  }
});

/** A page without its fenced blocks and code spans, in which brackets are no links. */
function withoutCode(text: string): string {
  return text.replace(/^```.*?^```$/gms, '').replace(/`[^`\n]*`/g, '');
}

/** The anchors of a page, spelt as GitHub spells them. */
function headings(text: string): readonly string[] {
  return Array.from(text.replace(/^```.*?^```$/gms, '').matchAll(/^#+ (.*)$/gm), ([, title = '']) =>
    title
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  );
}
