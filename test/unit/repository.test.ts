/** Git holds known entries at the root, known kinds of files in each folder, and nothing large beside the fixtures. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, lstatSync, readFileSync } from 'node:fs';
import { basename, extname, join } from 'node:path';
import { test } from 'node:test';
import { projectRoot } from '../support/project.js';

const ROOT_FILES = [
  '.gitignore',
  '.prettierignore',
  '.prettierrc.json',
  'CHANGELOG.md',
  'CONTRIBUTING.md',
  'LICENSE',
  'README.md',
  'action.yml',
  'eslint.config.js',
  'knip.json',
  'package-lock.json',
  'package.json',
  'rust-toolchain.toml',
  'tsconfig.json',
];

/** Folders at the root, and the extensions of files in them. A file without an extension, or a dotfile, is listed by its name. */
const FOLDERS: Readonly<Record<string, readonly string[]>> = {
  '.ci': ['run'],
  bin: ['.js', 'nydusify'],
  docs: ['.md', '.png', '.svg', '.json'],
  examples: ['.ts', '.mjs', '.json', '.md'],
  native: ['.rs', '.mjs', '.toml', '.lock', '.md', '.txt', '.proptest-regressions', '.gitignore'],
  npm: ['.json', '.md'],
  pipelines: ['.yml', '.yaml', '.sh', 'Jenkinsfile'],
  src: ['.ts', '.md', '.bash', '.zsh', '.fish', '.ps1'],
  templates: ['.yml'],
  test: ['.ts', '.md', '.txt', '.go', '.mod', '.sum', '.groovy'],
  tools: ['.ts', '.mjs', '.md', '.txt'],
};
/** Texts of any kind and size, each described in a README of its own. */
const FIXTURES = 'fixtures';

const MAX_BYTES = 256 * 1024;

interface TrackedFile {
  readonly path: string;
  readonly bytes: number;
}

/** One sentence for each file that does not belong. */
function strangers(files: readonly TrackedFile[]): string[] {
  return files.flatMap(({ path, bytes }) => {
    const [folder = '', ...inside] = path.split('/');
    if (inside.length === 0)
      return ROOT_FILES.includes(path) ? [] : [`${path}: not a known file of the root`];
    if (folder === FIXTURES) return [];
    const kinds = FOLDERS[folder];
    if (kinds === undefined) return [`${path}: ${folder} is not a known folder of the root`];
    const kind = extname(path) === '' ? basename(path) : extname(path);
    if (!kinds.includes(kind)) return [`${path}: ${folder} holds no files of the kind ${kind}`];
    return bytes > MAX_BYTES ? [`${path}: ${bytes} bytes, more than ${MAX_BYTES}`] : [];
  });
}

test('every file of the repository has a known place, kind and size', () => {
  const listed = execFileSync('git', ['ls-files', '-z'], { cwd: projectRoot, encoding: 'utf8' });
  const files = listed.split('\0').filter((path) => path !== '');
  assert.ok(files.length > 500, 'git lists the files of this project');
  const sizes = files.flatMap((path): TrackedFile[] => {
    // A file that was deleted in the working tree is still listed.
    const found = lstatSync(join(projectRoot, path), { throwIfNoEntry: false });
    return found === undefined ? [] : [{ path, bytes: found.size }];
  });
  assert.deepEqual(strangers(sizes), []);
});

test('logs of the profiler, binaries and large files are refused wherever they appear', () => {
  const intruders = [
    { path: 'isolate-0x5581-12345-v8.log', bytes: 10 },
    { path: 'src/isolate-0x5581-12345-v8.log', bytes: 10 },
    { path: 'native/nydusify.node', bytes: 10 },
    { path: 'scratch/notes.md', bytes: 10 },
    { path: 'notes.md', bytes: 10 },
    { path: 'tools/core', bytes: 10 },
    { path: 'test/golden/expected.txt', bytes: MAX_BYTES + 1 },
  ];
  assert.deepEqual(
    strangers(intruders).map((sentence) => sentence.slice(0, sentence.indexOf(':'))),
    intruders.map(({ path }) => path),
  );
});

test('what belongs is let in', () => {
  const guests = [
    { path: 'README.md', bytes: 10 },
    { path: '.ci/run', bytes: 10 },
    { path: 'native/fuzz/.gitignore', bytes: 10 },
    { path: 'src/io/README.md', bytes: MAX_BYTES },
    { path: 'fixtures/reference/large.json', bytes: MAX_BYTES + 1 },
  ];
  assert.deepEqual(strangers(guests), []);
});

test('a test ends early where something is missing, and not where it is there', () => {
  const listed = execFileSync('git', ['ls-files', '-z', 'test'], { cwd: projectRoot, encoding: 'utf8' });
  const tests = listed.split('\0').filter((path) => path.endsWith('.test.ts'));
  const turned = tests.filter((path) => {
    const file = join(projectRoot, path);
    return existsSync(file) && /\bif \(needs\((?!.*\{$)/m.test(readFileSync(file, 'utf8'));
  });
  assert.deepEqual(turned, [], '`needs` is true when the test can run');
});
