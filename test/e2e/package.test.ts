/**
 * The packages as others get them: packed, installed into an empty folder without a network and without Rust, compiled against with the
 * strictest settings, and run.
 */
import assert from 'node:assert/strict';
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { cp, mkdir, mkdtemp, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { packageOf, PLATFORMS, thisPlatform } from '../../src/native/platforms.js';
import { bundledPackages, writeBundle } from '../../tools/packages/bundle.js';
import { alone, packHere } from '../../tools/packages/pack-here.js';
import { buildImage } from '../support/images/image-builder.js';
import { dir, file, layer } from '../support/images/tar.js';
import { registry } from '../support/command.js';
import { NODE_LINES, nodeFolder } from '../support/node-lines.js';
import { productCommand, projectRoot } from '../support/project.js';
import { removeFolder } from '../support/temp-folder.js';

const run = promisify(execFile);
const EXAMPLES = ['convert', 'check', 'list', 'serve', 'extract'] as const;
const NODE_MODULES = join(projectRoot, 'node_modules');

interface PackageJson {
  readonly version: string;
  readonly man: readonly string[];
  readonly engines: { readonly node: string };
  readonly exports: Readonly<Record<string, unknown>>;
  readonly optionalDependencies: Readonly<Record<string, string>>;
}

let folder = '';
/** Tarballs of the main package and of the one with the addon. */
let tarball = '';
let platformTarball = '';
/** A project that both are installed into. */
let root = '';
/** Folder of the main package in it. */
let installed = '';

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nydusify-test-'));
  // Other tests pack the same folder.
  const readManifest = (): Promise<string> =>
    alone(() => readFile(join(projectRoot, 'package.json'), 'utf8'));
  const manifest = await readManifest();
  const umask = process.umask(0o077);
  [tarball, platformTarball] = await packHere(folder);
  process.umask(umask);
  assert.equal(await readManifest(), manifest, 'packing leaves no trace');
  root = join(folder, 'consumer');
  await install(root, tarball, platformTarball);
  installed = join(root, 'node_modules', 'nydusify-ts');
});

after(async () => {
  await removeFolder(folder);
});

/** Installs tarballs into a new project, from nothing but them. */
async function install(prefix: string, ...tarballs: readonly string[]): Promise<void> {
  await mkdir(prefix, { recursive: true });
  await writeFile(
    join(prefix, 'package.json'),
    JSON.stringify({ name: 'consumer', private: true, type: 'module' }),
  );
  const offline = ['--offline', '--cache', join(folder, 'cache'), '--no-audit', '--no-fund'];
  await run('npm', ['install', ...offline, ...tarballs], { cwd: prefix, env: bareEnvironment() });
}

/** Finds Node and npm, but no compiler of Rust. */
function bareEnvironment(): NodeJS.ProcessEnv {
  const folders = [dirname(process.execPath), ...(process.env['PATH'] ?? '').split(':')];
  return { PATH: folders.filter((name) => !name.includes('cargo')).join(':'), HOME: '/nonexistent' };
}

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

const IMAGE = buildImage({ layers: [layer(dir('etc'), file('etc/motd', 'hello\n'))] });

function digestIn(output: string): string {
  const found = /sha256:\w{64}/.exec(output)?.[0];
  return found ?? assert.fail(`no digest in ${output}`);
}

/** Output of a tool of node_modules that judges the tarball; an exit code other than 0 fails the test with it. */
async function judged(tool: string, path: string, ...args: readonly string[]): Promise<string> {
  try {
    return (await run(join(NODE_MODULES, '.bin', tool), [path, ...args], { cwd: folder })).stdout;
  } catch (error) {
    const { stdout = '', stderr = '' } = error as { readonly stdout?: string; readonly stderr?: string };
    return assert.fail(`${tool}: ${stdout}${stderr}`);
  }
}

test('publint finds nothing to say about the packages', async () => {
  for (const path of [tarball, platformTarball])
    assert.match(await judged('publint', path, '--strict'), /All good/);
});

test('types resolve as the code does, for every entry point', async () => {
  await judged('attw', tarball, '--profile', 'esm-only');
});

test('the package holds the bundle, its declarations and texts, and nothing else', async () => {
  const strange = (await filesBelow(installed)).filter(
    (name) =>
      !/^dist\/bundle\/(?:chunks\/)?[\w-]+\.js$/.test(name) &&
      !/^dist\/src\/.*\.d\.ts$/.test(name) &&
      !/^dist\/man\/nydusify(?:-[a-z]+)?\.1$/.test(name) &&
      !['dist/bundle/nydusify', 'dist/bundle/THIRD-PARTY.md'].includes(name) &&
      !['package.json', 'README.md', 'LICENSE', 'CHANGELOG.md'].includes(name),
  );
  assert.deepEqual(strange, []);
  const { man } = await packageJson();
  assert.ok(man.includes('dist/man/nydusify-convert.1'));
  for (const path of man) await readFile(join(installed, path));
  const declared = (await filesBelow(join(installed, 'dist', 'src'))).map((name) => name.split('/')[0]);
  assert.ok(!declared.includes('cli'), 'no entry point leads to the command');
});

test('nothing runs at installation, and nothing is installed but the addon for the platform', async () => {
  const manifest: object = await packageJson();
  for (const field of ['scripts', 'dependencies', 'devDependencies', 'private'])
    assert.ok(!(field in manifest), field);
  const { version, optionalDependencies } = await packageJson();
  assert.deepEqual(
    optionalDependencies,
    Object.fromEntries(PLATFORMS.map(({ name }) => [packageOf(name), version])),
  );
  const names = await readdir(join(root, 'node_modules'));
  assert.deepEqual(
    names.filter((name) => !name.startsWith('.')),
    ['nydusify-ts', packageOf(thisPlatform())],
  );
  const addon = join(root, 'node_modules', packageOf(thisPlatform()));
  assert.deepEqual(await filesBelow(addon), [
    'LICENSE',
    'README.md',
    'THIRD-PARTY.md',
    `nydusify.${thisPlatform()}.node`,
    'package.json',
  ]);
});

test('files in the packages have the modes that git knows, whatever the umask', async () => {
  for (const path of [tarball, platformTarball]) {
    const { stdout } = await run('tar', ['-tvzf', path]);
    const modes = stdout
      .trim()
      .split('\n')
      .map((line) => line.slice(0, 10));
    assert.deepEqual([...new Set(modes)].sort(), ['-rw-r--r--', '-rwxr-xr-x']);
  }
});

test('the bundle is the same when the project lies elsewhere', () => alone(bundledElsewhere));

async function bundledElsewhere(): Promise<void> {
  const elsewhere = join(folder, 'another', 'place');
  const parts = (await bundledPackages()).map((path) => relative(projectRoot, path));
  for (const path of ['package.json', 'bin', 'dist/src', ...parts]) {
    if (existsSync(join(projectRoot, path)))
      await cp(join(projectRoot, path), join(elsewhere, path), { recursive: true });
  }
  await writeBundle(elsewhere);
  const [here, there] = [projectRoot, elsewhere].map((root) => join(root, 'dist', 'bundle')) as [
    string,
    string,
  ];
  const names = (await filesBelow(here)).filter((name) => name !== 'THIRD-PARTY.md');
  assert.deepEqual(await filesBelow(there), names);
  for (const name of names)
    assert.equal(await readFile(join(there, name), 'utf8'), await readFile(join(here, name), 'utf8'), name);
}

test('the packages name the software of others that they contain, with its licences', async () => {
  const bundled = await readFile(join(installed, 'dist', 'bundle', 'THIRD-PARTY.md'), 'utf8');
  for (const name of ['undici', 'commander', 'chalk', 'tar-stream', 'valibot'])
    assert.match(bundled, new RegExp(`^## .*\\b${name} \\d`, 'm'));
  const compiled = await readFile(
    join(root, 'node_modules', packageOf(thisPlatform()), 'THIRD-PARTY.md'),
    'utf8',
  );
  for (const name of ['zstd-sys', 'blake3', 'napi', 'liblzma-sys'])
    assert.match(compiled, new RegExp(`^## .*\\b${name} \\d`, 'm'));
  assert.doesNotMatch(bundled, /holds no text/);
});

for (const version of NODE_LINES) {
  test(`the installed command converts alike with Node ${version}`, async (t) => {
    const lab = await registry(t);
    const source = await lab.put('app:1', IMAGE);
    const env = { ...bareEnvironment(), PATH: `${nodeFolder(version)}:${bareEnvironment()['PATH'] ?? ''}` };
    const command = join(root, 'node_modules', '.bin', 'nydusify');
    const { stdout } = await run(command, ['--version'], { env });
    assert.match(stdout, new RegExp(`^Node version: v${version}$`, 'm'));
    const targets = [`${lab.host}/app:line`, `${lab.host}/app:tree`] as const;
    const converted = await run(command, ['convert', source, targets[0]], { env });
    const again = await run(process.execPath, [productCommand, 'convert', source, targets[1]]);
    assert.equal(digestIn(converted.stdout), digestIn(again.stdout));
  });
}

test('npx runs the command by the name of the package, which has several', async () => {
  // npx takes the only command of a package, or the one that has its name.
  const { stdout } = await run('npx', ['--no-install', 'nydusify-ts', '--version'], { cwd: root });
  assert.match(stdout, /^Version: /m);
});

test('package.json allows the oldest of these lines', async () => {
  const { engines } = await packageJson();
  assert.equal(engines.node, `>=${NODE_LINES[0]}`);
});

test('a command without its addon says so, and exits with 7', async () => {
  const prefix = join(folder, 'no-addon');
  await install(prefix, tarball);
  const failed = (await run(join(prefix, 'node_modules', '.bin', 'nydusify'), ['convert', 'oci:a', 'oci:b'], {
    env: bareEnvironment(),
  }).catch((error: unknown) => error)) as { readonly code: number; readonly stderr: string };
  assert.equal(failed.code, 7);
  assert.ok(failed.stderr.includes(packageOf(thisPlatform())), failed.stderr);
  assert.match(failed.stderr, /^hint: .*--omit=optional/m);
});

test('all entry points share their classes, and a stack names functions', async () => {
  const script = join(root, 'classes.js');
  await writeFile(
    script,
    `import { NydusError, showPath } from 'nydusify-ts';
import { openTarget } from 'nydusify-ts/registry';
import { readBootstrap } from 'nydusify-ts/rafs';
for (const work of [() => openTarget('a b'), () => readBootstrap(new Uint8Array(5000))]) {
  try { work(); } catch (error) { console.log(error instanceof NydusError); }
}
try { showPath(42); } catch (error) { console.log(error.stack); }
`,
  );
  const { stdout } = await run(process.execPath, [script]);
  assert.match(stdout, /^true\ntrue\nTypeError/);
  assert.match(stdout, /at displayName \(file:.*\/dist\/bundle\/chunks\/[\w-]+\.js:\d+:\d+\)/);
});

/** Adds Node's types, the only ones that a program needs, and the programs to compile. */
async function compileConsumer(): Promise<string> {
  const { exports } = await packageJson();
  for (const name of ['@types/node', 'undici-types']) {
    await mkdir(dirname(join(root, 'node_modules', name)), { recursive: true });
    await symlink(join(NODE_MODULES, name), join(root, 'node_modules', name));
  }
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
  const tsc = join(NODE_MODULES, 'typescript', 'bin', 'tsc');
  const compiled = await run(process.execPath, [tsc, '-p', root]).catch(
    (error: unknown) => error as { readonly stdout: string },
  );
  return compiled.stdout;
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
  assert.equal(await compileConsumer(), '');
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

  for (const image of [target, source]) {
    const served = await example(script('serve'), [image], (child) => {
      child.stdout?.once('data', (address: Buffer) => {
        void fetch(new URL('etc/motd', address.toString().trim()))
          .then(async (answer) => {
            assert.equal(await answer.text(), 'hello\n');
          })
          .finally(() => child.kill('SIGINT'));
      });
    });
    assert.deepEqual([served.status, served.stderr], [0, 'GET /etc/motd 200\n']);
  }
  const out = join(root, 'extracted');
  const part = await example(script('extract'), [target, out, '/etc/motd']);
  assert.equal(part.stdout, '1 files of 6 bytes, 0 of them there already\n', part.stderr);
  const all = await example(script('extract'), [source, out]);
  assert.equal(all.stdout, '2 files of 10 bytes, 1 of them there already\n', all.stderr);
  assert.equal(await readFile(join(out, 'etc', 'issue'), 'utf8'), 'bye\n');

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
