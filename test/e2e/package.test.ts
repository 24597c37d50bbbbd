/**
 * The package as others get it: packed, unpacked into a project outside of this repository, compiled against with the strictest
 * settings, and run.
 */
import assert from 'node:assert/strict';
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { cp, mkdir, mkdtemp, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { buildImage } from '../support/images/image-builder.js';
import { dir, file, layer } from '../support/images/tar.js';
import { registry } from '../support/command.js';
import { projectRoot } from '../support/project.js';
import { removeFolder } from '../support/temp-folder.js';

const run = promisify(execFile);
const EXAMPLES = ['convert', 'check', 'list'] as const;
const NODE_MODULES = join(projectRoot, 'node_modules');

interface PackageJson {
  readonly dependencies: Readonly<Record<string, string>>;
  readonly exports: Readonly<Record<string, unknown>>;
}

let folder = '';
let tarball = '';
/** Root of the unpacked package in the consumer's node_modules. */
let installed = '';

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nydusify-test-'));
  const packed = await run('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', folder], {
    cwd: projectRoot,
    maxBuffer: 1 << 26,
  });
  const [{ filename } = { filename: '' }] = JSON.parse(packed.stdout) as readonly { filename: string }[];
  tarball = join(folder, filename);
  installed = join(folder, 'consumer', 'node_modules', 'nydusify-ts');
  await mkdir(installed, { recursive: true });
  await run('tar', ['-xzf', tarball, '--strip-components=1', '-C', installed]);
});

after(async () => {
  await removeFolder(folder);
});

async function packageJson(): Promise<PackageJson> {
  return JSON.parse(await readFile(join(installed, 'package.json'), 'utf8')) as PackageJson;
}

/** Files below `root`, relative to it. */
async function filesBelow(root: string): Promise<string[]> {
  const entries = await readdir(root, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(root.length + 1))
    .sort();
}

/** Output of a tool of node_modules that judges the tarball; an exit code other than 0 fails the test with it. */
async function judged(tool: string, ...args: readonly string[]): Promise<string> {
  try {
    return (await run(join(NODE_MODULES, '.bin', tool), [tarball, ...args], { cwd: folder })).stdout;
  } catch (error) {
    const { stdout = '', stderr = '' } = error as { readonly stdout?: string; readonly stderr?: string };
    return assert.fail(`${tool}: ${stdout}${stderr}`);
  }
}

test('publint finds nothing to say about the package', async () => {
  assert.match(await judged('publint', '--strict'), /All good/);
});

test('types resolve as the code does, for every entry point', async () => {
  await judged('attw', '--profile', 'esm-only');
});

test('the package holds the compiled library, the sources of the addon, and nothing else', async () => {
  const names = await filesBelow(installed);
  const strange = names.filter(
    (name) =>
      !/^dist\/src\/.*\.(?:js|d\.ts)$/.test(name) &&
      !/^native\/(?:core|judge|layout|node)\/(?:src\/.*\.rs|Cargo\.toml|build\.rs)$/.test(name) &&
      !['native/Cargo.toml', 'native/Cargo.lock', 'native/build.mjs'].includes(name) &&
      !['bin/nydusify', 'bin/nydusify.js', 'package.json', 'README.md', 'LICENSE'].includes(name),
  );
  assert.deepEqual(strange, []);
  for (const crate of ['core', 'judge', 'layout', 'node']) {
    const source = join('native', crate, 'src');
    assert.deepEqual(await filesBelow(join(installed, source)), await filesBelow(join(projectRoot, source)));
  }
  // cargo finds all members of the workspace, and the lock file is theirs.
  const manifest = join(installed, 'native', 'Cargo.toml');
  await run(
    'cargo',
    ['metadata', '--locked', '--offline', '--format-version', '1', '--manifest-path', manifest],
    {
      cwd: installed,
      maxBuffer: 1 << 26,
    },
  );
});

/** A project with the package, its dependencies and Node's types, and no other package. */
async function consumer(): Promise<string> {
  const root = join(folder, 'consumer');
  const { dependencies, exports } = await packageJson();
  for (const name of [...Object.keys(dependencies), '@types/node', 'undici-types']) {
    await mkdir(dirname(join(root, 'node_modules', name)), { recursive: true });
    await symlink(join(NODE_MODULES, name), join(root, 'node_modules', name));
  }
  // Where `npm run build:native` puts it.
  await cp(join(projectRoot, 'native', 'nydusify.node'), join(installed, 'native', 'nydusify.node'));
  await writeFile(
    join(root, 'package.json'),
    JSON.stringify({ name: 'consumer', private: true, type: 'module' }),
  );
  const entries = Object.keys(exports).filter((name) => name !== './package.json');
  const imports = entries.map((name, i) => `import * as entry${i} from 'nydusify-ts${name.slice(1)}';`);
  await writeFile(
    join(root, 'entries.ts'),
    `${imports.join('\n')}\nfor (const entry of [${entries.map((_, i) => `entry${i}`).join(', ')}]) console.log(Object.keys(entry).length);\n`,
  );
  for (const name of EXAMPLES)
    await cp(join(projectRoot, 'examples', `${name}.ts`), join(root, `${name}.ts`));
  const compilerOptions = {
    target: 'ES2022',
    module: 'NodeNext',
    types: ['node'],
    strict: true,
    exactOptionalPropertyTypes: true,
    noUncheckedIndexedAccess: true,
    verbatimModuleSyntax: true,
    skipLibCheck: false,
  };
  await writeFile(join(root, 'tsconfig.json'), JSON.stringify({ compilerOptions, include: ['*.ts'] }));
  return root;
}

interface Outcome {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a compiled example; `onStart` may keep the process, to stop it later. */
async function example(
  script: string,
  args: readonly string[],
  onStart: (child: ChildProcess) => void = () => undefined,
): Promise<Outcome> {
  const env = { PATH: process.env['PATH'], HOME: '/nonexistent' };
  const child = spawn(process.execPath, [script, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (data: Buffer) => (stdout += data.toString()));
  child.stderr.on('data', (data: Buffer) => (stderr += data.toString()));
  onStart(child);
  const status = await new Promise<number | null>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', resolve);
  });
  return { status, stdout, stderr };
}

test('a strict project compiles against the package, and the examples do what they say', async (t) => {
  const root = await consumer();
  const tsc = join(NODE_MODULES, 'typescript', 'bin', 'tsc');
  const compiled = await run(process.execPath, [tsc, '-p', root]).catch(
    (error: unknown) => error as { readonly stdout: string },
  );
  assert.equal(compiled.stdout, '');
  const counts = await example(join(root, 'entries.js'), []);
  assert.match(counts.stdout, /^(?:[1-9]\d*\n){4}$/);

  let running: ChildProcess | undefined;
  const lab = await registry(t, {
    // The example that is to be stopped waits for a blob that never comes.
    intercept: ({ method, url }) =>
      running !== undefined && method === 'GET' && /\/blobs\//.test(url ?? '') && running.kill('SIGINT'),
  });
  const layers = [layer(dir('etc'), file('etc/motd', 'hello\n')), layer(file('etc/issue', 'bye\n'))];
  const source = await lab.put('app:1', buildImage({ layers }));
  const target = `${lab.host}/app:1-nydus`;
  const script = (name: (typeof EXAMPLES)[number]): string => join(root, `${name}.js`);

  const converted = await example(script('convert'), [source, target]);
  assert.equal(converted.status, 0, converted.stderr);
  assert.match(converted.stdout, /^linux\/amd64 {2}sha256:\w{64}\nindex {2}sha256:\w{64}\n$/);
  assert.match(converted.stderr, /^layer 2: pushed$/m);

  const good = await example(script('check'), [target, source]);
  assert.equal(good.status, 0, good.stderr);
  assert.equal((JSON.parse(good.stdout) as { readonly verdict: string }).verdict, 'good');
  assert.equal((await example(script('check'), [source])).status, 1);

  for (const image of [target, source]) {
    const listed = await example(script('list'), [image]);
    assert.match(listed.stdout, /^file {6}0644 6 \/etc\/motd$/m, listed.stderr);
  }

  const missing = await example(script('convert'), [`${lab.host}/app:none`, target]);
  assert.equal(missing.status, 3);
  assert.match(missing.stderr, /^REGISTRY /m);

  const stopped = await example(script('convert'), [source, `${lab.host}/app:2`], (child) => {
    running = child;
  });
  assert.equal(stopped.status, 130, stopped.stderr);
  assert.equal(await lab.hasTag(`${lab.host}/app:2`), false);
});

test('the README shows the examples as they are', async () => {
  const readme = await readFile(join(projectRoot, 'README.md'), 'utf8');
  for (const name of EXAMPLES) {
    const text = await readFile(join(projectRoot, 'examples', `${name}.ts`), 'utf8');
    assert.ok(readme.includes(`\`\`\`ts\n${text}\`\`\`\n`), `examples/${name}.ts`);
  }
});
