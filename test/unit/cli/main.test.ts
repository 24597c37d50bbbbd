import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { test } from 'node:test';
import type { CliContext } from '../../../src/cli/context.js';
import { main } from '../../../src/cli/main.js';
import { VERSION } from '../../../src/convert/version.js';

interface Told extends CliContext {
  readonly out: () => string;
  readonly err: () => string;
}

function context(): Told {
  let [out, err] = ['', ''];
  return {
    stdout: { write: (text) => (out += text) },
    stderr: { write: (text) => (err += text) },
    env: {},
    isTTY: false,
    columns: 80,
    signal: new AbortController().signal,
    exitCode: 0,
    out: () => out,
    err: () => err,
  };
}

/** What the compiled module brings with it before anything runs, our files and packages alike. */
function staticImports(path: string, seen = new Set<string>()): ReadonlySet<string> {
  if (seen.has(path)) return seen;
  seen.add(path);
  for (const match of readFileSync(path, 'utf8').matchAll(
    /^(?:import|export)[^'"]*?from ['"]([^'"]+)['"]/gm,
  )) {
    const name = match[1] ?? '';
    if (name.startsWith('.')) staticImports(resolve(dirname(path), name), seen);
    else seen.add(name);
  }
  return seen;
}

test('help and version load nothing heavy', () => {
  const packages = [...staticImports(join(import.meta.dirname, '../../../src/cli/main.js'))].filter(
    (name) => !name.startsWith('/') && !name.startsWith('node:'),
  );
  assert.deepEqual(packages, ['commander']);
});

test('the version is that of the package', () => {
  const json = readFileSync(join(import.meta.dirname, '../../../../package.json'), 'utf8');
  assert.equal((JSON.parse(json) as { version: string }).version, VERSION);
});

test('nothing asked for is a wish for help', async () => {
  const told = context();
  assert.equal(await main([], told), 0);
  assert.match(told.out(), /^Usage: nydusify/);
  assert.equal(told.err(), '');
});

test('errors go to stderr with the exit code of their class', async () => {
  const told = context();
  assert.equal(await main(['convert', '--source', 'a'], told), 2);
  assert.equal(told.out(), '');
  assert.match(told.err(), /^error: --target or --target-suffix is required\n/);
  assert.equal(await main(['convert', 'a', 'b', 'c'], context()), 2);
});

test('--debug shows where an error was born', async () => {
  const told = context();
  await main(['--debug', 'convert'], told);
  assert.match(told.err(), /\n +at /);
});
