/** tools/setup: which versions it asks for, and what it removes from `dist`. */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { projectRoot } from '../../support/project.js';
import { tempFolder } from '../../support/temp-folder.js';

interface Requirements {
  readonly requirements: (root: string) => { readonly node: string; readonly rust: string };
  readonly isAtLeast: (version: string, minimum: string) => boolean;
}
interface StaleOutputs {
  readonly removeStaleOutputs: (root: string) => string[];
}

/** Setup runs before anything is compiled, so it is plain JavaScript, outside of the TypeScript project. */
async function setupModule<T>(name: string): Promise<T> {
  return (await import(pathToFileURL(join(projectRoot, 'tools', 'setup', name)).href)) as T;
}

const { requirements, isAtLeast } = await setupModule<Requirements>('requirements.mjs');
const { removeStaleOutputs } = await setupModule<StaleOutputs>('stale-outputs.mjs');

test('versions are compared number by number', () => {
  assert.ok(isAtLeast('20.18.1', '20.18.1'));
  assert.ok(isAtLeast('22.0.0', '20.18.1'));
  assert.ok(isAtLeast('1.100.0', '1.95'));
  assert.ok(isAtLeast('1.96.0-nightly', '1.95'));
  assert.ok(!isAtLeast('20.18.0', '20.18.1'));
  assert.ok(!isAtLeast('1.9', '1.95'));
});

test('the toolchain, the crates and the README name the versions that setup asks for', () => {
  const { node, rust } = requirements(projectRoot);
  const read = (path: string): string => readFileSync(join(projectRoot, path), 'utf8');
  const channel = /^channel = "([^"]+)"$/m.exec(read('rust-toolchain.toml'))?.[1] ?? '0';
  assert.ok(isAtLeast(channel, rust), 'the pinned compiler is not older than what the crates need');
  assert.ok(read('native/reference/Cargo.toml').includes(`rust-version = "${rust}"`));
  assert.ok(read('README.md').includes(`Node ${node}`));
});

test('compiled files whose source was moved or deleted go, and the compiler forgets them', async (t) => {
  const root = await tempFolder(t);
  const files = [
    'src/a.ts',
    'dist/src/a.js',
    'dist/src/a.js.map',
    'dist/src/a.d.ts',
    'dist/test/unit/old.test.js',
    'dist/test/unit/old.test.d.ts',
    'dist/tsconfig.tsbuildinfo',
  ];
  for (const file of files) {
    mkdirSync(join(root, dirname(file)), { recursive: true });
    writeFileSync(join(root, file), '');
  }
  assert.deepEqual(removeStaleOutputs(root).sort(), ['test/unit/old.test.d.ts', 'test/unit/old.test.js']);
  assert.deepEqual(
    files.filter((file) => existsSync(join(root, file))),
    files.slice(0, 4),
  );
  assert.deepEqual(removeStaleOutputs(root), []);
});

test('without a dist folder nothing is stale', async (t) => {
  assert.deepEqual(removeStaleOutputs(await tempFolder(t)), []);
});
