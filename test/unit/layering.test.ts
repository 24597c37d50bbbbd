/** Holds the imports of the project to test/support/layering.ts, and the rooms of `test` and `tools` to theirs. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { test } from 'node:test';
import { FOLDERS, MODULES } from '../support/layering.js';
import { projectRoot } from '../support/project.js';

/** Folders beside `src`, and the folders of the project that each may import. Tests of one kind share code through test/support. */
const ROOMS: Readonly<Record<string, readonly string[]>> = {
  src: ['src'],
  fixtures: ['src', 'fixtures'],
  'test/support': ['src', 'fixtures', 'test/support', 'test/second-opinion'],
  'test/second-opinion': ['src', 'test/support', 'test/second-opinion'],
  tools: ['src', 'fixtures', 'test/support', 'test/second-opinion', 'tools'],
  ...Object.fromEntries(
    ['golden', 'differential', 'e2e'].map((kind) => [
      `test/${kind}`,
      ['src', 'fixtures', 'test/support', 'tools', `test/${kind}`],
    ]),
  ),
  // These use the writer in TypeScript to make their subjects. The proofs above must not need it.
  ...Object.fromEntries(
    ['unit', 'property'].map((kind) => [
      `test/${kind}`,
      ['src', 'fixtures', 'test/support', 'test/second-opinion', 'tools', `test/${kind}`],
    ]),
  ),
};

const src = join(projectRoot, 'src');
const files = sourcesIn('src');

function sourcesIn(folder: string): string[] {
  return readdirSync(join(projectRoot, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => join(projectRoot, folder, name));
}

function moduleOf(file: string): string {
  const [first = ''] = relative(src, file).split('/');
  return first.replace(/\.(?:ts|js)$/, '');
}

/** Specifiers of static and dynamic imports. */
function importsOf(file: string): string[] {
  const text = readFileSync(file, 'utf8');
  const specifiers: string[] = [];
  for (const match of text.matchAll(
    /(?:^|\n)\s*(?:import|export)\b[^;'"]*?from\s+['"]([^'"]+)['"]|import\(\s*['"]([^'"]+)['"]\s*\)|(?:^|\n)import\s+['"]([^'"]+)['"]/g,
  )) {
    specifiers.push(match[1] ?? match[2] ?? match[3] ?? '');
  }
  return specifiers;
}

function* localImports(file: string): Generator<{ readonly specifier: string; readonly target: string }> {
  for (const specifier of importsOf(file)) {
    if (specifier.startsWith('.')) yield { specifier, target: resolve(dirname(file), specifier) };
  }
}

test('modules import only what lies below them', () => {
  const faults: string[] = [];
  for (const file of files) {
    const from = moduleOf(file);
    const allowed = MODULES.find(({ name }) => name === from)?.mayImport;
    assert.ok(allowed !== undefined, `${relative(projectRoot, file)}: module "${from}" is not in the table`);
    for (const { specifier, target } of localImports(file)) {
      const to = moduleOf(target);
      if (to !== from && !allowed.includes(to))
        faults.push(`${relative(projectRoot, file)} imports ${specifier}`);
    }
  }
  assert.deepEqual(faults, []);
});

test('the folders of a layered module import only the folders below them', () => {
  const faults: string[] = [];
  for (const [module, folders] of Object.entries(FOLDERS)) {
    const heightIn = (path: string): number => {
      const [first = '', ...rest] = relative(join(src, module), path).split('/');
      return rest.length === 0 ? -1 : folders.indexOf(first);
    };
    for (const file of files.filter((path) => moduleOf(path) === module && heightIn(path) >= 0)) {
      for (const { specifier, target } of localImports(file)) {
        if (moduleOf(target) === module && heightIn(target) > heightIn(file))
          faults.push(`${relative(projectRoot, file)} imports ${specifier}`);
      }
    }
    const present = readdirSync(join(src, module), { withFileTypes: true }).filter((entry) =>
      entry.isDirectory(),
    );
    assert.deepEqual(present.map(({ name }) => name).sort(), [...folders].sort());
  }
  assert.deepEqual(faults, []);
});

test('a package is imported only by the modules that the table names', () => {
  const faults: string[] = [];
  for (const file of files) {
    const packages = MODULES.find(({ name }) => name === moduleOf(file))?.packages ?? [];
    for (const specifier of importsOf(file)) {
      if (specifier.startsWith('.') || specifier.startsWith('node:')) continue;
      const name = /^(?:@[^/]+\/)?[^/]+/.exec(specifier)?.[0] ?? specifier;
      if (!packages.includes(name)) faults.push(`${relative(projectRoot, file)} imports ${specifier}`);
    }
  }
  assert.deepEqual(faults, []);
});

/** Callers without credentials get those of `docker login`, which the environment locates. */
const READS_ENVIRONMENT = join(src, 'registry', 'auth', 'docker-config.ts');

test('only the command line touches the process, its environment and the console', () => {
  const faults = files
    .filter((file) => moduleOf(file) !== 'cli' && file !== READS_ENVIRONMENT)
    .filter((file) =>
      /\bprocess\.(?:env|argv|exit|exitCode|stdout|stderr|stdin)\b|\bconsole\./.test(
        readFileSync(file, 'utf8'),
      ),
    )
    .map((file) => relative(projectRoot, file));
  assert.deepEqual(faults, []);
});

test('the table names no module that is gone', () => {
  const present = new Set(files.map(moduleOf));
  assert.deepEqual(
    MODULES.map(({ name }) => name).filter((name) => !present.has(name)),
    [],
  );
});

test('src imports no test, and tests of one kind import none of another kind', () => {
  const faults: string[] = [];
  for (const [room, allowed] of Object.entries(ROOMS)) {
    for (const file of sourcesIn(room)) {
      for (const { specifier, target } of localImports(file)) {
        const path = relative(projectRoot, target);
        if (!allowed.some((folder) => path.startsWith(`${folder}/`)))
          faults.push(`${relative(projectRoot, file)} imports ${specifier}`);
      }
    }
  }
  assert.deepEqual(faults, []);
});
