/** Who may import whom: the table of docs/ARCHITECTURE.md, held against the real imports. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { test } from 'node:test';

/** What stands on top of all else may use all of it. */
const EVERYTHING = [
  'convert',
  'check',
  'look',
  'embedded-registry',
  'native',
  'merge',
  'registry',
  'rafs-builder',
  'io',
  'reporter',
  'oci',
  'errors',
];

/** Module → modules whose code it may import. Types may also come from where the note says. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  errors: [],
  oci: ['errors'],
  reporter: ['oci'],
  io: ['reporter', 'oci', 'errors'],
  'rafs-builder': ['oci', 'errors'],
  registry: ['io', 'reporter', 'oci', 'errors'],
  'embedded-registry': ['io', 'oci', 'errors'],
  merge: ['rafs-builder', 'oci', 'errors'],
  native: ['rafs-builder', 'reporter', 'oci', 'errors'],
  convert: ['native', 'merge', 'registry', 'rafs-builder', 'io', 'reporter', 'oci', 'errors'],
  look: ['native', 'merge', 'registry', 'rafs-builder', 'io', 'reporter', 'oci', 'errors'],
  check: ['look', 'native', 'merge', 'registry', 'rafs-builder', 'io', 'reporter', 'oci', 'errors'],
  cli: EVERYTHING,
  index: EVERYTHING,
};
/** Packages that one module alone may import, so that leaving one is local. */
const HOME_OF: Readonly<Record<string, readonly string[]>> = {
  undici: ['registry'],
  commander: ['cli'],
  ora: ['cli'],
  chalk: ['cli'],
  valibot: ['oci', 'registry'],
  'jsonc-parser': ['oci', 'convert', 'check'],
  'smol-toml': ['registry'],
  'tar-stream': ['convert', 'registry', 'look'],
};

const root = join(import.meta.dirname, '..', '..', '..');
const src = join(root, 'src');

function moduleOf(file: string): string {
  const [first = ''] = relative(src, file).split('/');
  return first.replace(/\.(?:ts|js)$/, '');
}

const files = readdirSync(src, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts'))
  .map((name) => join(src, name));

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

test('modules import only what lies below them', () => {
  const faults: string[] = [];
  for (const file of files) {
    const from = moduleOf(file);
    const allowed = MAY_IMPORT[from];
    assert.ok(allowed !== undefined, `${relative(root, file)}: module "${from}" is not in the table`);
    for (const specifier of importsOf(file)) {
      if (!specifier.startsWith('.')) continue;
      const to = moduleOf(resolve(dirname(file), specifier));
      if (to !== from && !allowed.includes(to)) faults.push(`${relative(root, file)} imports ${specifier}`);
    }
  }
  assert.deepEqual(faults, []);
});

test('each package is imported from one place', () => {
  const faults: string[] = [];
  for (const file of files) {
    for (const specifier of importsOf(file)) {
      if (specifier.startsWith('.') || specifier.startsWith('node:')) continue;
      if (!(HOME_OF[specifier] ?? []).includes(moduleOf(file)))
        faults.push(`${relative(root, file)} imports ${specifier}`);
    }
  }
  assert.deepEqual(faults, []);
});

test('only the command line touches the process, its environment and the console', () => {
  const faults = files
    .filter((file) => moduleOf(file) !== 'cli')
    .filter((file) =>
      /\bprocess\.(?:env|argv|exit|exitCode|stdout|stderr|stdin)\b|\bconsole\./.test(
        readFileSync(file, 'utf8'),
      ),
    )
    .map((file) => relative(root, file));
  assert.deepEqual(faults, []);
});

test('the dependency graph has no unknown module left in the table', () => {
  const present = new Set(files.map(moduleOf));
  assert.deepEqual(
    Object.keys(MAY_IMPORT).filter((name) => !present.has(name)),
    [],
  );
});
