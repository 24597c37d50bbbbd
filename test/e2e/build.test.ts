/** `build` as a person or a script calls it: files, whole images, layers on images, and what is refused. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { nydusify } from '../support/command.js';
import { everyKind, type LiveEntry, makeLiveTree, makeSparse } from '../support/images/live-tree.js';
import { treeDifferences } from '../support/images/tree-differences.js';
import { needs } from '../support/needs.js';
import { productCommand } from '../support/project.js';
import { listTree, referenceCheck, referenceTool } from '../support/references/reference-builder.js';
import { pathOrSkip } from '../support/references/tools.js';
import { runTool } from '../support/run-tool.js';
import { tempFolder } from '../support/temp-folder.js';

const SMALL: readonly LiveEntry[] = [
  { kind: 'directory', path: '', mode: 0o755 },
  { kind: 'directory', path: 'etc' },
  { kind: 'file', path: 'etc/conf', bytes: 'one' },
  { kind: 'file', path: 'etc/gone', bytes: 'two' },
  { kind: 'file', path: 'app', bytes: Buffer.alloc(300_000, 'app'), mode: 0o755 },
  { kind: 'symlink', path: 'bin', target: 'etc' },
];

interface Lab {
  readonly folder: string;
  /** A directory with this name and these entries. */
  readonly tree: (name: string, entries?: readonly LiveEntry[]) => Promise<string>;
  /** Runs the command in the folder. It must succeed, and only say what is expected of it. */
  readonly run: (...args: readonly string[]) => Promise<string>;
}

async function lab(t: TestContext): Promise<Lab> {
  const folder = await tempFolder(t);
  return {
    folder,
    tree: async (name, entries = SMALL) => {
      const path = join(folder, name);
      await mkdir(path);
      await makeLiveTree(path, entries);
      return path;
    },
    run: async (...args) => {
      const { status, stdout, stderr } = await nydusify(args, { cwd: folder });
      assert.equal(status, 0, stderr);
      return stdout.trim();
    },
  };
}

async function refusal(folder: string, args: readonly string[]): Promise<readonly [number | null, string]> {
  const { status, stderr } = await nydusify(args, { cwd: folder });
  return [status, stderr.split('\n').find((line) => line.startsWith('error:')) ?? stderr];
}

test("upstream's call gives upstream's files and line, under the command's second name and from its variables too", async (t) => {
  const { folder, tree, run } = await lab(t);
  await tree('tree');
  const line = await run('build', '--source-dir', 'tree', '--name', 'app');
  const out = '.nydus-build-output';
  assert.equal(line, `successfully built Nydus image (bootstrap:'${out}/app.meta', blob:'${out}/app.blob')`);
  assert.deepEqual((await readdir(join(folder, out))).sort(), ['app.blob', 'app.meta', 'output.json']);
  const { bootstrap, blobs } = JSON.parse(await readFile(join(folder, out, 'output.json'), 'utf8')) as {
    bootstrap: string;
    blobs: readonly string[];
  }; // a test that it is so follows
  const [, sum = ''] =
    /^([0-9a-f]{64}) /.exec((await runTool('sha256sum', [join(folder, out, 'app.blob')])).toString()) ?? [];
  assert.deepEqual([bootstrap, blobs], [`${out}/app.meta`, [sum]]);

  await run('pack', '--target-dir', 'tree', '--bootstrap', 'other.boot', '-o', 'two');
  assert.deepEqual((await readdir(join(folder, 'two'))).sort(), ['other.blob', 'other.boot', 'output.json']);
  assert.deepEqual(
    await readFile(join(folder, 'two/other.boot')),
    await readFile(join(folder, out, 'app.meta')),
  );

  const env = {
    SOURCE_DIR: 'tree',
    IMAGE_NAME: 'named',
    OUTPUT_DIR: 'three',
    COMPRESSOR: 'none',
    CHUNK_SIZE: '0x1000',
  };
  const { status, stderr } = await nydusify(['build'], { cwd: folder, env });
  assert.equal(status, 0, stderr);
  const { compressor } = JSON.parse(await readFile(join(folder, 'three/output.json'), 'utf8')) as {
    compressor: string;
  };
  assert.equal(compressor, 'none');
});

test('the bytes depend neither on threads nor on the order in which the disk lists names', async (t) => {
  const { folder, tree, run } = await lab(t);
  const files = (names: readonly number[]): readonly LiveEntry[] => [
    ...SMALL,
    ...names.map((name): LiveEntry => ({
      kind: 'file',
      path: `f${name}`,
      bytes: Buffer.alloc(name * 50, `${name % 9}`),
    })),
  ];
  const names = [...Array(400).keys()];
  await tree('forwards', files(names));
  await tree('backwards', files(names.toReversed()));
  const found = new Set<string>();
  for (const directory of ['forwards', 'backwards'])
    for (const threads of ['1', '2', '8']) {
      await run(
        'build',
        directory,
        '--name',
        'x',
        '-o',
        `${directory}-${threads}`,
        '--threads',
        threads,
        '--reproducible',
      );
      const read = async (name: string): Promise<string> =>
        (await readFile(join(folder, `${directory}-${threads}`, name))).toString('base64');
      found.add(`${await read('x.meta')} ${await read('x.blob')}`);
    }
  assert.equal(found.size, 1);
});

test('an image of a directory has its config, is judged good, and is extracted as the directory was', async (t) => {
  if (!needs(t, 'root', 'rsync') || pathOrSkip(t, referenceTool()) === undefined) return;
  const { folder, tree, run } = await lab(t);
  const directory = await tree('tree', [
    ...everyKind(),
    {
      kind: 'file',
      path: 'several',
      xattrs: {
        'user.b': '2',
        'trusted.a': '',
        'security.capability': Buffer.from('0100000200040000000000000000000000000000', 'hex'),
      },
    },
  ]);
  await makeSparse(join(directory, 'sparse'), 64 << 20, 30 << 20, Buffer.alloc(8192, 7));
  const args = [
    '--entrypoint',
    '["/bin/tool","two words"]',
    '--cmd',
    'a b',
    '--env',
    'PATH=/bin',
    '--env',
    'LANG=C',
    '--label',
    'x=1=2',
    '--port',
    '80',
    '--user',
    '7:8',
    '--workdir',
    '/w',
    '--volume',
    '/v',
    '--stop-signal',
    'SIGINT',
    '--platform',
    'linux/arm64',
  ];
  const deployed = await run('build', '--image', 'oci:layout:1', ...args, 'tree');
  assert.match(deployed, /^oci:\S+layout:1@sha256:[0-9a-f]{64}$/);
  const { config } = await layoutDocuments(join(folder, 'layout'), deployed);
  assert.deepEqual([config['architecture'], config['os']], ['arm64', 'linux']);
  assert.deepEqual(config['config'], {
    User: '7:8',
    ExposedPorts: { '80/tcp': {} },
    Env: ['PATH=/bin', 'LANG=C'],
    Entrypoint: ['/bin/tool', 'two words'],
    Cmd: ['a', 'b'],
    Volumes: { '/v': {} },
    WorkingDir: '/w',
    Labels: { x: '1=2' },
    StopSignal: 'SIGINT',
  });
  assert.match(await run('check', 'oci:layout:1'), /: 0 errors, 0 warnings$/m);
  await run('extract', 'oci:layout:1', 'out');
  assert.deepEqual(treeDifferences(await listTree(join(folder, 'out')), await listTree(directory)), []);
  const rsync = [
    '-aHAX',
    '--dry-run',
    '--itemize-changes',
    '--delete',
    '--checksum',
    `${directory}/`,
    `${join(folder, 'out')}/`,
  ];
  assert.equal((await runTool('rsync', rsync)).toString(), '');
  const again = await run('build', '--image', 'oci:layout:1', '--json', ...args, 'tree');
  assert.equal((JSON.parse(again) as { unchanged: boolean }).unchanged, true);
});

async function layoutDocuments(
  layout: string,
  deployed: string,
): Promise<{ readonly config: Record<string, unknown>; readonly manifest: Manifest }> {
  const document = async (digest: string): Promise<unknown> =>
    JSON.parse(await readFile(join(layout, 'blobs/sha256', digest.slice('sha256:'.length)), 'utf8'));
  const manifest = (await document(deployed.slice(deployed.indexOf('@') + 1))) as Manifest; // looked at field by field
  return { manifest, config: (await document(manifest.config.digest)) as Record<string, unknown> };
}

interface Manifest {
  readonly config: { readonly digest: string };
  readonly layers: readonly { readonly digest: string }[];
  readonly annotations: Readonly<Record<string, string>>;
}

test('a directory becomes a layer on an image: blobs stay, changes are merged, and the config is that of the image', async (t) => {
  const { folder, tree, run } = await lab(t);
  await tree('base');
  await tree('upper', [
    { kind: 'directory', path: '', mode: 0o755 },
    { kind: 'directory', path: 'etc' },
    { kind: 'file', path: 'etc/.wh.gone' },
    { kind: 'file', path: 'etc/conf', bytes: 'new' },
    { kind: 'file', path: 'added', bytes: 'added' },
  ]);
  const below = await run(
    'build',
    '--image',
    'oci:one:base',
    '--cmd',
    'app',
    '--env',
    'A=1',
    '--env',
    'B=1',
    'base',
  );
  const above = await run(
    'build',
    '--image',
    'oci:two:app',
    '--append-to',
    'oci:one:base',
    '--env',
    'B=2',
    'upper',
  );
  const [{ manifest: lower }, { manifest, config }] = [
    await layoutDocuments(join(folder, 'one'), below),
    await layoutDocuments(join(folder, 'two'), above),
  ];
  assert.equal(manifest.layers.length, 3);
  assert.equal(manifest.layers[0]?.digest, lower.layers[0]?.digest);
  assert.deepEqual(config['config'], { Env: ['A=1', 'B=2'], Cmd: ['app'] });
  const { diff_ids: diffIds } = config['rootfs'] as { diff_ids: readonly string[] }; // as OCI has it
  assert.deepEqual([diffIds.length, (config['history'] as unknown[]).length], [3, 3]);
  assert.match(await run('check', 'oci:two:app'), /: 0 errors, 0 warnings$/m);
  await run('extract', 'oci:two:app', 'out');
  const found = (
    await runTool('find', [join(folder, 'out'), '-mindepth', '1', '-printf', '%P\n'])
  ).toString();
  assert.deepEqual(found.trim().split('\n').sort(), ['added', 'app', 'bin', 'etc', 'etc/conf']);
  assert.equal(await readFile(join(folder, 'out/etc/conf'), 'utf8'), 'new');

  const twice = ['build', '--image', 'oci:two:app', '--append-to', 'oci:two:app', 'upper'];
  assert.match((await refusal(folder, twice))[1], /two:app has the blob of this directory already/);
});

test('a parent bootstrap, in three forms of whiteouts', async (t) => {
  if (!needs(t, 'root') || pathOrSkip(t, referenceTool()) === undefined) return;
  const { folder, tree, run } = await lab(t);
  await tree('base');
  const changes: Readonly<Record<string, readonly LiveEntry[]>> = {
    oci: [
      { kind: 'file', path: 'etc/.wh..wh..opq' },
      { kind: 'file', path: '.wh.app' },
    ],
    overlayfs: [
      { kind: 'directory', path: 'etc', xattrs: { 'trusted.overlay.opaque': 'y' } },
      { kind: 'char', path: 'app', major: 0, minor: 0 },
    ],
    none: [],
  };
  await run('build', '--name', 'base', '-o', 'out', 'base');
  for (const [form, entries] of Object.entries(changes)) {
    const etc: LiveEntry = { kind: 'directory', path: 'etc' };
    const own = entries.filter(({ path }) => path === 'etc');
    const others = entries.filter(({ path }) => path !== 'etc');
    await tree(form, [
      ...(own.length > 0 ? own : [etc]),
      ...others,
      { kind: 'file', path: 'etc/new', bytes: 'new' },
    ]);
    const line = await run(
      'build',
      '--name',
      form,
      '-o',
      'out',
      '--parent-bootstrap',
      'out/base.meta',
      '--whiteout-spec',
      form,
      form,
    );
    const [, blob = ''] = /blob:'(\S+)'/.exec(line) ?? [];
    assert.match(blob, /^out\/[0-9a-f]{64}$/);
    const { blobs } = await referenceCheck(join(folder, 'out', `${form}.meta`));
    assert.deepEqual([blobs.length, blobs.includes(blob.slice('out/'.length))], [2, true]);
    const listed = (await run('tree', `./out/${form}.meta`))
      .split('\n')
      .map((name) => name.replace(/^[│├└─ ]*/, ''));
    assert.deepEqual(listed.includes('app'), form === 'none', form);
    assert.deepEqual(listed.includes('conf'), form === 'none', form);
    assert.ok(listed.includes('new'), form);
  }
  const other = ['build', '--name', 'x', '--parent-bootstrap', 'out/base.meta', '--fs-version', '5', 'oci'];
  assert.match(
    (await refusal(folder, other))[1],
    /has RAFS version 6, and the directory is to be packed with 5/,
  );
});

test('chunks of a dictionary are not stored again', async (t) => {
  const { folder, tree, run } = await lab(t);
  const bytes = await readFile(process.execPath).then((all) => all.subarray(0, 5_000_000));
  await tree('one', [{ kind: 'file', path: 'a', bytes }]);
  await tree('two', [
    { kind: 'file', path: 'b', bytes },
    { kind: 'file', path: 'c', bytes: 'new' },
  ]);
  await run('build', '--name', 'one', '-o', 'out', 'one');
  const told = await run(
    'build',
    '--name',
    'two',
    '-o',
    'out',
    '--chunk-dict',
    'bootstrap=out/one.meta',
    '--json',
    'two',
  );
  const document = JSON.parse(told) as { blobs: readonly string[]; blob: { size: number } };
  assert.equal(document.blobs.length, 2);
  assert.ok(document.blob.size < 20_000, String(document.blob.size));
  const over = ['--parent-bootstrap', 'out/one.meta', '--chunk-dict', 'bootstrap=out/one.meta'];
  const both = ['build', '--name', 'both', '-o', 'out', ...over, 'two'];
  assert.match(
    (await refusal(folder, both))[1],
    /the chunk dictionary names blob [0-9a-f]{64}, which lies below already/,
  );
  await run('build', '--image', 'oci:layout:one', 'one');
  const image = ['build', '--image', 'oci:layout:two', '--chunk-dict', 'oci:layout:one', '--json', 'two'];
  assert.equal((JSON.parse(await run(...image)) as { borrowed: readonly unknown[] }).borrowed.length, 1);
  await run('check', 'oci:layout:two');
  await run('extract', 'oci:layout:two', 'extracted');
  assert.deepEqual(await readFile(join(folder, 'extracted/b')), bytes);
});

test('files go to a storage backend: the blob under its digest, the bootstrap under its name', async (t) => {
  const { folder, tree, run } = await lab(t);
  await tree('tree');
  const backend = [
    '--backend-type',
    'localfs',
    '--backend-config',
    JSON.stringify({ dir: join(folder, 'store') }),
  ];
  const line = await run('build', '--name', 'app', '-o', 'out', '--backend-push', ...backend, 'tree');
  const [, blob = ''] = /blob:'\S+\/([0-9a-f]{64})'/.exec(line) ?? [];
  assert.ok(line.includes(`bootstrap:'${join(folder, 'store/app.meta')}'`), line);
  assert.deepEqual((await readdir(join(folder, 'store'))).sort(), [blob, 'app.meta'].sort());
  assert.deepEqual(await readFile(join(folder, 'store', blob)), await readFile(join(folder, 'out', blob)));
  const empty = ['build', '--name', 'app', '--backend-push', 'tree'];
  assert.match(
    (await refusal(folder, empty))[1],
    /backend configuration is empty, please specify option '--backend-config'/,
  );
});

test('without root everything is packed that this user may read, and what it may not is named', async (t) => {
  if (!needs(t, 'root', 'setpriv')) return;
  const { folder, tree } = await lab(t);
  await tree('tree', [{ kind: 'directory', path: '', mode: 0o755 }, ...SMALL.slice(1)]);
  await chmod(folder, 0o755);
  await mkdir(join(folder, 'out'));
  await chmod(join(folder, 'out'), 0o777);
  const asNobody = async (...args: readonly string[]): Promise<readonly [number | null, string]> => {
    const nobody = ['--reuid=65534', '--regid=65534', '--clear-groups', process.execPath, productCommand];
    const child = spawn('setpriv', [...nobody, ...args], {
      cwd: folder,
      env: { PATH: process.env['PATH'], HOME: '/nonexistent' },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let said = '';
    child.stderr.on('data', (data: Buffer) => (said += data.toString()));
    child.stdout.resume();
    const [status] = (await once(child, 'close')) as [number | null];
    return [status, said];
  };
  const [status, said] = await asNobody('build', '--name', 'x', '-o', 'out', '--owner', '0:0', 'tree');
  assert.equal(status, 0, said);
  // Root has made the tree, and gets the same of it.
  assert.equal((await nydusify(['build', '--name', 'x', '-o', 'root', 'tree'], { cwd: folder })).status, 0);
  for (const name of ['x.meta', 'x.blob'])
    assert.deepEqual(await readFile(join(folder, 'out', name)), await readFile(join(folder, 'root', name)));
  await chmod(join(folder, 'tree/etc/conf'), 0o600);
  const [refused, reason] = await asNobody('build', '--name', 'y', '-o', 'out', 'tree');
  assert.equal(refused, 6);
  assert.match(reason, /error: cannot read tree\/etc\/conf: Permission denied/);
  assert.deepEqual((await readdir(join(folder, 'out'))).sort(), ['output.json', 'x.blob', 'x.meta']);
});

test('a socket is left out with a warning, and a directory without anything is an image', async (t) => {
  const { folder, tree, run } = await lab(t);
  const path = await tree('tree', []);
  await run('build', '--image', 'oci:layout:empty', 'tree');
  await run('check', 'oci:layout:empty');
  const server = createServer().listen(join(path, 'socket'));
  await once(server, 'listening');
  t.after(() => server.close());
  const { status, stderr } = await nydusify(['build', '--name', 'x', 'tree'], { cwd: folder });
  assert.equal(status, 0);
  assert.match(stderr, /warning: "socket" is left out: a socket has no meaning without its program/);
});

test('what makes no sense is refused with one sentence, and nothing is left behind', async (t) => {
  const { folder, tree } = await lab(t);
  await tree('tree');
  await writeFile(join(folder, 'file'), '');
  await symlink('tree', join(folder, 'link'));
  const cases: readonly (readonly [readonly string[], number, RegExp])[] = [
    [[], 2, /Required flags "source-dir, name" not set/],
    [['tree'], 2, /Required flag "name" not set/],
    [['file', '--name', 'x'], 2, /source path 'file' is not a directory/],
    [['missing', '--name', 'x'], 6, /cannot read missing/],
    [['tree', '--name', 'a/b'], 2, /"a\/b" is no name of a file/],
    [
      ['tree', '--name', 'x', '-o', 'tree/out'],
      2,
      /tree\/out lies in tree, so that the build would read what it writes/,
    ],
    [['tree', '--name', 'x', '-o', 'link/out'], 2, /link\/out lies in tree/],
    [['tree', '--name', 'x', '--source-dir', 'file'], 2, /the directory is given twice/],
    [
      ['tree', '--name', 'x', '--user', 'me'],
      2,
      /--user has no place here: it is about a whole image: add --image/,
    ],
    [['tree', '--image', 'oci:x', '--name', 'x'], 2, /--name has no place here: --image makes no files/],
    [['tree', '--name', 'x', '--owner', 'root'], 2, /--owner "root" is no owner by numbers/],
    [['tree', '--name', 'x', '--mtime', 'noon'], 2, /--mtime "noon" is no time/],
    [
      ['tree', '--name', 'x', '--whiteout-spec', 'aufs'],
      2,
      /--whiteout-spec should be one of \[oci overlayfs none\]/,
    ],
    [
      ['tree', '--name', 'x', '--chunk-dict', 'blob=x'],
      2,
      /invalid chunk dict format blob, should be \[bootstrap\]/,
    ],
    [['tree', '--name', 'x', '--parent-bootstrap', 'file', '--compact'], 2, /--compact is not done/],
    [['tree', '--name', 'x', '--parent-bootstrap', 'file'], 5, /./],
    [['tree', '--image', 'oci:x:1', '--append-to', 'oci:missing:1'], 3, /missing is no OCI layout/],
    [['tree', '--image', 'oci:x:1', '--env', 'A'], 2, /--env "A" is not NAME=VALUE/],
    [['tree', '--image', 'oci:x:1', '--work-dir', 'tree/work'], 2, /tree\/work lies in tree/],
  ];
  for (const [args, code, message] of cases) {
    const [status, error] = await refusal(folder, ['build', ...args]);
    assert.match(error, message, args.join(' '));
    assert.equal(status, code, `${args.join(' ')}: ${error}`);
  }
  assert.deepEqual((await readdir(folder)).sort(), ['.nydus-build-output', 'file', 'link', 'tree']);
  assert.deepEqual(await readdir(join(folder, '.nydus-build-output')), []);
  assert.deepEqual((await readdir(join(folder, 'tree'))).sort(), ['app', 'bin', 'etc']);
});
