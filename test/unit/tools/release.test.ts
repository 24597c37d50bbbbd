/** A release: what keeps one from being made, where the version stands, and that its folder is the same each time. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { indexTar } from '../../../src/io/tar/index.js';
import { assembleRelease } from '../../../tools/release/assemble.js';
import { sectionsOf } from '../../../tools/release/changelog.js';
import { obstacles, type TreeFacts } from '../../../tools/release/obstacles.js';
import { projectRoot } from '../../support/project.js';
import { runTool } from '../../support/run-tool.js';
import { tempFolder } from '../../support/temp-folder.js';

const CHANGELOG = `# Changelog

## Unreleased

## 1.10.0 - 2026-11-30

### Added

- A thing.

## 1.9.0

- Another.
`;
const READY: TreeFacts = {
  packageVersion: '1.10.0',
  changelog: CHANGELOG,
  changed: [],
  tags: ['v1.9.0', 'x'],
};

test('a release is made of a clean tree, at the version that the package and the changelog have', () => {
  assert.deepEqual(obstacles('1.10.0', READY), []);
  const refused = (version: string, facts: Partial<TreeFacts>, reason: RegExp): void => {
    const found = obstacles(version, { ...READY, ...facts });
    assert.equal(found.length, 1, found.join('\n'));
    assert.match(found[0] ?? '', reason);
  };
  for (const version of ['', 'v1.10.0', '1.10', '01.10.0', '1.10.0-rc.1', '1.10.0 ', '../1'])
    refused(version, {}, /is no version/);
  refused('1.10.0', { changed: ['src/x.ts'] }, /no commit has: src\/x\.ts/);
  refused('1.10.0', { packageVersion: '1.9.0' }, /npm version 1\.10\.0/);
  refused('1.11.0', { packageVersion: '1.11.0' }, /says nothing about 1\.11\.0/);
  refused('1.10.0', { changelog: CHANGELOG.replace('### Added\n\n- A thing.\n', '') }, /says nothing/);
  const unreleased = CHANGELOG.replace('Unreleased\n', 'Unreleased\n\n- Not yet.\n');
  refused('1.10.0', { changelog: unreleased }, /under Unreleased/);
});

test('a version that is not greater than all others is refused', () => {
  const reason = /not greater than/;
  assert.match(obstacles('1.9.0', { ...READY, packageVersion: '1.9.0' })[0] ?? '', reason);
  for (const tag of ['v1.10.0', 'v1.10.1', 'v2.0.0'])
    assert.match(obstacles('1.10.0', { ...READY, tags: [tag] })[0] ?? '', reason, tag);
  assert.deepEqual(obstacles('1.10.0', { ...READY, tags: ['v1.2.11'] }), [], 'compared number by number');
});

test('the sections of the changelog are found by version, and end where the next begins', () => {
  assert.deepEqual(sectionsOf(CHANGELOG), [
    { version: 'Unreleased', text: '' },
    { version: '1.10.0', text: '### Added\n\n- A thing.' },
    { version: '1.9.0', text: '- Another.' },
  ]);
  const own = sectionsOf(readFileSync(join(projectRoot, 'CHANGELOG.md'), 'utf8'));
  assert.equal(new Set(own.map(({ version }) => version)).size, own.length);
});

/** Files that hold the version of the package, and how it stands in them. */
const PLACES: Readonly<Record<string, RegExp>> = {
  'package-lock.json': /^ {2}"version": "(.*)"/m,
  'src/convert/version.ts': /VERSION = '(.*)'/,
  'native/Cargo.toml': /^\[workspace\.package\]\nversion = "(.*)"/m,
  'native/Cargo.lock': /^name = "nydus-node"\nversion = "(.*)"/m,
  'native/fuzz/Cargo.lock': /^name = "nydus-core"\nversion = "(.*)"/m,
  'action.yml': /nydusify-ts@(.*)/,
  'templates/nydusify.yml': /nydusify-ts@(.*)/,
  'pipelines/github/nydus.yml': /uses: OWNER\/nydusify-ts@v(.*)/,
  'pipelines/gitlab/.gitlab-ci.yml': /component: .*nydusify@v(.*)/,
  'pipelines/jenkins/Jenkinsfile': /nydusify-ts@(.*)/,
  'pipelines/shell/nydus.sh': /nydusify-ts@(\S+)/,
  'pipelines/tekton/nydusify-check.yaml': /version: '(.*)'/,
  'pipelines/tekton/nydusify-convert.yaml': /default: registry\.example\/nydusify-ts:(.*)/,
  'docs/pipelines.md': /nydusify-ts@v(\S+)/,
};

function versionsIn(root: string): Readonly<Record<string, string | undefined>> {
  return Object.fromEntries(
    Object.entries(PLACES).map(([path, pattern]) => [
      path,
      pattern.exec(readFileSync(join(root, path), 'utf8'))?.[1],
    ]),
  );
}

function everywhere(version: string): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.keys(PLACES).map((path) => [path, version]));
}

test('the version is the same wherever it stands', () => {
  const { version } = JSON.parse(readFileSync(join(projectRoot, 'package.json'), 'utf8')) as {
    readonly version: string;
  };
  assert.deepEqual(versionsIn(projectRoot), everywhere(version));
});

test('npm version sets the version everywhere, and nothing else', async (t) => {
  const root = await tempFolder(t);
  const paths = ['package.json', 'tools/release/version.mjs', ...Object.keys(PLACES)];
  for (const path of paths) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    cpSync(join(projectRoot, path), join(root, path));
  }
  execFileSync('npm', ['version', '98.76.54', '--no-git-tag-version'], { cwd: root, stdio: 'pipe' });
  assert.deepEqual(versionsIn(root), everywhere('98.76.54'));
  const { version } = JSON.parse(readFileSync(join(projectRoot, 'package.json'), 'utf8')) as {
    readonly version: string;
  };
  for (const path of paths) {
    const back = readFileSync(join(root, path), 'utf8').replaceAll('98.76.54', version);
    assert.equal(back, readFileSync(join(projectRoot, path), 'utf8'), path);
  }
});

test('the folder of a release is the same each time, and its digests hold', async (t) => {
  const root = await tempFolder(t);
  const layout = join(root, 'layout');
  for (const path of ['oci-layout', 'index.json', 'blobs/sha256/00ff']) {
    mkdirSync(dirname(join(layout, path)), { recursive: true });
    writeFileSync(join(layout, path), `content of ${path}`);
  }
  const tarball = join(root, 'x-1.0.0.tgz');
  writeFileSync(tarball, 'tarball');
  const folder = join(root, 'release', '1.0.0');
  const files = { files: [tarball], texts: { 'NOTES.md': 'new\n' }, image: { name: 'image.tar', layout } };
  const names = await assembleRelease(folder, files);
  assert.deepEqual(names, ['NOTES.md', 'image.tar', 'x-1.0.0.tgz', 'SHA256SUMS']);
  assert.deepEqual(
    [...(await indexTar(join(folder, 'image.tar'))).keys()],
    ['blobs/sha256/00ff', 'index.json', 'oci-layout'],
  );
  const sums = readFileSync(join(folder, 'SHA256SUMS'), 'utf8');
  await runTool('sha256sum', ['--check', '--strict', 'SHA256SUMS'], { cwd: folder });
  writeFileSync(join(folder, 'left over'), '');
  await assembleRelease(folder, files);
  assert.equal(readFileSync(join(folder, 'SHA256SUMS'), 'utf8'), sums);
  assert.deepEqual(readdirSync(folder).sort(), [...names].sort());
  assert.deepEqual(readdirSync(dirname(folder)), ['1.0.0']);
});
