import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { test } from 'node:test';
import type { CliContext } from '../../../src/cli/context.js';
import { FLAGS_OF } from '../../../src/cli/flags/tables.js';
import { main } from '../../../src/cli/main.js';
import { VERSION } from '../../../src/convert/version.js';

interface TestContext extends CliContext {
  readonly out: () => string;
  readonly err: () => string;
}

function context(): TestContext {
  let [out, err] = ['', ''];
  return {
    stdout: { write: (text) => (out += text) },
    stderr: { write: (text) => (err += text) },
    env: {},
    columns: 80,
    signal: new AbortController().signal,
    exitCode: 0,
    out: () => out,
    err: () => err,
  };
}

/** All modules that the compiled module imports before anything runs, our files and packages alike. */
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
  const packages = [...staticImports(join(import.meta.dirname, '../../../src/cli/process.js'))].filter(
    (name) => !name.startsWith('/') && !name.startsWith('node:'),
  );
  assert.deepEqual(packages, ['commander']);
});

test('a conversion starts without the readers of bootstraps and of settings, the judge and the checks', () => {
  const src = join(import.meta.dirname, '../../../src');
  const loaded = [
    'cli/process.js',
    'cli/commands/convert.js',
    'convert/convert.js',
    'registry/open.js',
  ].flatMap((path) => [...staticImports(join(src, path))]);
  const notNeeded =
    /\/src\/(?:check|look|rafs-builder\/(?:read|rules|show|blob))\/|\/native\/judge\.js$|\/cli\/config\/read\.js$|^smol-toml$/;
  assert.deepEqual(
    loaded.filter((name) => notNeeded.test(name)),
    [],
  );
});

test('the help of convert loads no package beside the parser of the command line', () => {
  const packages = [
    ...staticImports(join(import.meta.dirname, '../../../src/cli/commands/convert.js')),
  ].filter((name) => !name.startsWith('/') && !name.startsWith('node:'));
  assert.deepEqual(packages, ['commander']);
});

test('the flags of every command are known without its modules, as the configuration file needs them', async () => {
  const run = context();
  await main(['--help'], run);
  const [, list = ''] = run.out().split('Commands:\n');
  const names = [...list.matchAll(/^ {2}([a-z]+)(?:\|[a-z]+)? /gm)].map(([, name]) => name);
  assert.deepEqual(
    Object.keys(FLAGS_OF),
    names.filter((name) => name !== 'help'),
  );
  const packages = [...staticImports(join(import.meta.dirname, '../../../src/cli/flags/tables.js'))].filter(
    (name) => !name.startsWith('/') && !name.startsWith('node:'),
  );
  assert.deepEqual(packages, []);
});

test('the version is that of the package', () => {
  const json = readFileSync(join(import.meta.dirname, '../../../../package.json'), 'utf8');
  assert.equal((JSON.parse(json) as { version: string }).version, VERSION);
});

test('nothing asked for is a wish for help', async () => {
  const run = context();
  assert.equal(await main([], run), 0);
  assert.match(run.out(), /^Usage: nydusify/);
  assert.equal(run.err(), '');
});

test('errors go to stderr with the exit code of their class', async () => {
  const run = context();
  assert.equal(await main(['convert', '--source', 'a'], run), 2);
  assert.equal(run.out(), '');
  assert.match(run.err(), /^error: --target or --target-suffix is required\n/);
  assert.equal(await main(['convert', 'a', 'b', 'c'], context()), 2);
});

test('--debug shows where an error was born', async () => {
  const run = context();
  await main(['--debug', 'convert'], run);
  assert.match(run.err(), /\n +at /);
});

test('a note names the variables that are not read beside words', async () => {
  const run = {
    ...context(),
    env: { LOG_LEVEL: 'debug', PLAIN_HTTP: 'no boolean', NYDUSIFY_LOG_LEVEL: 'warn' },
  };
  assert.equal(await main(['ls', 'oci:/nonexistent:1'], run), 3);
  assert.match(
    run.err(),
    /^note: beside words \$PLAIN_HTTP is not read; NYDUSIFY_PLAIN_HTTP would be\nerror: /,
  );
});

test('with --json a failing command prints its error as a document too, and the sentence stays on standard error', async () => {
  const cases: readonly (readonly [readonly string[], string])[] = [
    [['convert', '--json', 'a', 'b', '--no-such-flag'], 'USAGE'],
    [['convert', '--json', 'UPPER:1', 'b:2'], 'REFERENCE'],
    [['check', '--json=true'], 'USAGE'],
    [['ls', '--json', '/nowhere/to/be/found'], 'IO'],
    [['ls', 'oci:/nowhere/to/be/found:1', '--json'], 'REGISTRY'],
  ];
  for (const [argv, code] of cases) {
    const run = context();
    const exitCode = await main(argv, run);
    const document = JSON.parse(run.out()) as { schemaVersion: number; error: { exitCode: number } };
    assert.equal(document.schemaVersion, 1);
    const { error } = document;
    assert.deepEqual([error.exitCode, 'code' in error && error.code], [exitCode, code], run.err());
    assert.match(run.err(), /^error: /);
  }
  const plain = context();
  assert.equal(await main(['convert', 'UPPER:1', 'b:2'], plain), 2);
  assert.equal(plain.out(), '');
  const byVariable = { ...context(), env: { NYDUSIFY_JSON: 'true' } };
  await main(['convert', 'UPPER:1', 'b:2'], byVariable);
  assert.match(byVariable.out(), /"code": "REFERENCE"/);
});
