/**
 * `mount` by a stand-in for nydusd, which is not available to the tests: how it is called, what it is told, and that nothing stays
 * mounted. Whether nydusd itself reads the images is a matter of the tests of formats.
 */
import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { chmod, mkdir, open, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { nydusify, registry } from '../support/command.js';
import { buildImage } from '../support/images/image-builder.js';
import { file, layer } from '../support/images/tar.js';
import { needs } from '../support/needs.js';
import { nydusdStandIn } from '../support/nydusd-stand-in.js';
import { productCommand } from '../support/project.js';
import { runTool, tryRun } from '../support/run-tool.js';
import { tempFolder } from '../support/temp-folder.js';

interface Lab {
  readonly host: string;
  readonly ordinary: string;
  readonly nydus: string;
  readonly folder: string;
}

async function lab(t: TestContext): Promise<Lab> {
  const store = await registry(t);
  const folder = await tempFolder(t);
  const ordinary = await store.put('library/app:1', buildImage({ layers: [layer(file('f', 'content'))] }));
  const nydus = `${store.host}/library/app:1-nydus`;
  assert.equal((await nydusify(['convert', ordinary, nydus])).status, 0);
  return { host: store.host, ordinary, nydus, folder };
}

interface Mounting {
  readonly child: ChildProcess;
  readonly stderr: () => string;
  readonly closed: Promise<number | null>;
}

/** Returns when the image is mounted. */
async function mounting(t: TestContext, args: readonly string[], cwd: string): Promise<Mounting> {
  const child = spawn(process.execPath, [productCommand, 'mount', ...args], {
    cwd,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  t.after(() => child.kill('SIGKILL'));
  const closed = once(child, 'close').then(([code]) => code as number | null); // of the process
  let err = '';
  child.stderr.on('data', (data: Buffer) => (err += data.toString()));
  await Promise.race([once(child.stdout, 'data'), closed]);
  assert.equal(child.exitCode, null, err);
  return { child, stderr: () => err, closed };
}

async function isMounted(folder: string): Promise<boolean> {
  return (await readFile('/proc/self/mountinfo', 'utf8')).includes(` ${folder} `);
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
  test(`${signal} unmounts, and leaves no daemon and no folder`, async (t) => {
    if (!needs(t, 'root')) return;
    const { nydus, folder } = await lab(t);
    const { program, recorded } = await nydusdStandIn(folder);
    const directory = join(folder, 'mounted');
    const { child, closed, stderr } = await mounting(t, ['--nydusd', program, nydus, directory], folder);
    assert.ok(await isMounted(directory));
    const { args } = await recorded();
    child.kill(signal);
    assert.equal(await closed, 0, stderr());
    assert.ok(!(await isMounted(directory)));
    assert.ok(!existsSync(directory), 'the folder was made for the mount');
    for (const path of args.filter((arg) => arg.startsWith('/'))) assert.ok(!existsSync(path), path);
    assert.notEqual((await tryRun('pgrep', ['-f', program])).status, 0);
  });

for (const [first, second] of [
  ['SIGINT', 'SIGINT'],
  ['SIGTERM', 'SIGTERM'],
  ['SIGHUP', 'SIGINT'],
  ['SIGTERM', 'SIGHUP'],
] as const)
  test(`${second} after ${first} unmounts at once a directory that is in use, though nydusd does not end by itself`, async (t) => {
    if (!needs(t, 'root')) return;
    const { nydus, folder } = await lab(t);
    const { program } = await nydusdStandIn(folder, 'stays');
    const directory = join(folder, 'mounted');
    const { child, closed, stderr } = await mounting(t, ['--nydusd', program, nydus, directory], folder);
    const used = await open(join(directory, 'used'), 'w');
    child.kill(first);
    await sleep(50);
    const begun = performance.now();
    for (let i = 0; i < 3; i++) child.kill(second);
    assert.equal(await closed, 0, stderr());
    assert.ok(performance.now() - begun < 3000, 'the directory is not waited for');
    assert.ok(!(await isMounted(directory)));
    assert.ok(!existsSync(directory), 'the folder was made for the mount');
    assert.notEqual((await tryRun('pgrep', ['-f', program])).status, 0);
    await used.close();
  });

test('signals that come while nydusd starts leave nothing mounted', async (t) => {
  if (!needs(t, 'root')) return;
  const { nydus, folder } = await lab(t);
  const { program } = await nydusdStandIn(folder, 'stays');
  const directory = join(folder, 'mounted');
  const child = spawn(process.execPath, [productCommand, 'mount', '--nydusd', program, nydus, directory], {
    stdio: 'ignore',
  });
  t.after(() => child.kill('SIGKILL'));
  const closed = once(child, 'close');
  while (!(await isMounted(directory))) await sleep(5);
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGINT'] as const) child.kill(signal);
  assert.deepEqual(await closed, [0, null]);
  assert.ok(!(await isMounted(directory)));
  assert.ok(!existsSync(directory));
  assert.notEqual((await tryRun('pgrep', ['-f', program])).status, 0);
});

test('nydusd is called as upstream calls it, with a registry that it can reach', async (t) => {
  if (!needs(t, 'root')) return;
  const { host, nydus, folder } = await lab(t);
  const { program, recorded } = await nydusdStandIn(folder);
  const auth = join(folder, 'auth.json');
  const login = Buffer.from('me:secret-word').toString('base64');
  await writeFile(auth, JSON.stringify({ auths: { [host]: { auth: login } } }));
  const { child, closed, stderr } = await mounting(
    t,
    ['--nydusd', program, '--target', nydus, '--authfile', auth, '--prefetch'],
    folder,
  );
  const { args, config, mode } = await recorded();
  assert.deepEqual(
    args.filter((arg) => arg.startsWith('--')),
    ['--config', '--mountpoint', '--bootstrap', '--apisock', '--log-level'],
  );
  assert.ok(args.includes(join(folder, 'image-fs')), 'upstream’s default');
  const { device, ...others } = config;
  assert.deepEqual(device.backend, {
    type: 'registry',
    config: {
      scheme: 'http',
      host,
      repo: 'library/app',
      auth: login,
      skip_verify: false,
      timeout: 5,
      connect_timeout: 5,
      retry_limit: 2,
    },
  });
  assert.equal(device.cache.type, 'blobcache');
  assert.deepEqual(others, {
    mode: 'direct',
    digest_validate: false,
    iostats_files: false,
    enable_xattr: true,
    fs_prefetch: { enable: true, threads_count: 10, merging_size: 131_072 },
  });
  assert.equal(mode, 0o600, 'it holds a login');
  child.kill('SIGTERM');
  assert.equal(await closed, 0);
  assert.ok(!stderr().includes(login) && !stderr().includes('secret-word'));
});

test('of a layout nydusd reads the blobs where they lie, and of a backend with its settings', async (t) => {
  if (!needs(t, 'root')) return;
  const { nydus, folder } = await lab(t);
  const { program, recorded } = await nydusdStandIn(folder);
  const layout = join(folder, 'layout');
  assert.equal((await nydusify(['copy', nydus, `oci:${layout}:1`])).status, 0);
  const directory = join(folder, 'mounted');
  const cases = [
    [[`oci:${layout}:1`], { type: 'localfs', config: { dir: join(layout, 'blobs/sha256') } }],
    [
      [
        '--backend-type',
        'localfs',
        '--backend-config',
        JSON.stringify({ dir: folder, readahead: true }),
        nydus,
      ],
      { type: 'localfs', config: { dir: folder, readahead: true } },
    ],
  ] as const;
  for (const [args, backend] of cases) {
    const { child, closed } = await mounting(t, ['--nydusd', program, ...args, directory], folder);
    assert.deepEqual((await recorded()).config.device.backend, backend);
    child.kill('SIGTERM');
    assert.equal(await closed, 0);
  }
});

test('what a work folder holds stays, and serves the next mount', async (t) => {
  if (!needs(t, 'root')) return;
  const { nydus, folder } = await lab(t);
  const { program, recorded } = await nydusdStandIn(folder);
  const [work, directory] = [join(folder, 'work'), join(folder, 'mounted')];
  await mkdir(work);
  await mkdir(directory);
  await writeFile(join(work, 'mine'), 'mine');
  const places: string[] = [];
  for (let round = 0; round < 2; round++) {
    const { child, closed } = await mounting(
      t,
      ['--nydusd', program, '--work-dir', work, nydus, directory],
      folder,
    );
    places.push((await recorded()).config.device.cache.config.work_dir);
    child.kill('SIGTERM');
    assert.equal(await closed, 0);
  }
  assert.equal(places[0], places[1]);
  assert.ok(places[0]?.startsWith(`${work}/nydusify-mount-`) === true && existsSync(places[0]));
  assert.equal(await readFile(join(work, 'mine'), 'utf8'), 'mine');
  assert.ok(existsSync(directory), 'a folder that was there stays');
  const all = (await readdir(work, { recursive: true })).join('\n');
  assert.doesNotMatch(all, /config|sock/, 'logins are not kept');
});

test('a work folder that others can change is not used', async (t) => {
  if (!needs(t, 'root')) return;
  const { nydus, folder } = await lab(t);
  const { program } = await nydusdStandIn(folder);
  const [work, directory] = [join(folder, 'work'), join(folder, 'mounted')];
  await mkdir(work);
  await chmod(work, 0o777);
  const run = await nydusify(['mount', '--nydusd', program, '--work-dir', work, nydus, directory]);
  assert.equal(run.status, 6, run.stderr);
  assert.match(run.stderr, /other users can change \S+\/nydusify-mount-\w+/);
  assert.ok(!existsSync(directory));
});

test('a directory whose files are open is unmounted all the same', async (t) => {
  if (!needs(t, 'root')) return;
  const { nydus, folder } = await lab(t);
  const { program } = await nydusdStandIn(folder);
  const directory = join(folder, 'mounted');
  const { child, closed, stderr } = await mounting(t, ['--nydusd', program, nydus, directory], folder);
  const used = await open(join(directory, 'used'), 'w');
  child.kill('SIGTERM');
  assert.equal(await closed, 0);
  assert.match(stderr(), /warning: programs use \S+: it goes for good when they end/);
  assert.ok(!(await isMounted(directory)));
  await used.close();
});

test('what cannot be mounted is said in a sentence, and nothing stays', async (t) => {
  const { nydus, ordinary, folder } = await lab(t);
  const failing = await nydusdStandIn(folder, 'fails');
  const directory = join(folder, 'mounted');
  const refused = async (args: readonly string[], status: number, said: RegExp): Promise<void> => {
    const run = await nydusify(args, { env: { NYDUSD: '' } });
    assert.equal(run.status, status, run.stderr);
    assert.match(run.stderr, said);
    assert.ok(!existsSync(directory));
  };
  for (const command of ['mount', 'view'])
    await refused(
      [command, '--nydusd', 'no-such-nydusd', nydus, directory],
      5,
      /not installed[^]*nydusify serve REF[^]*nydusify extract REF DIR/,
    );
  await refused(
    ['mount', '--nydusd', failing.program, ordinary, directory],
    5,
    /no Nydus image[^]*nydusify serve/,
  );
  await refused(
    ['mount', '--nydusd', failing.program, nydus, directory],
    6,
    /nydusd has ended before the image was mounted: blob backend: \\x1b\[31mno access/,
  );
  await refused(['mount'], 2, /required flag --target is missing/);
  if (process.getuid?.() === 0) {
    const { program } = await nydusdStandIn(folder);
    const busy = join(folder, 'busy');
    await mkdir(busy);
    await runTool('mount', ['-t', 'tmpfs', 'other', busy]);
    try {
      await refused(['mount', '--nydusd', program, nydus, busy], 6, /something is mounted on \S+ already/);
      assert.ok(await isMounted(busy), 'it is another’s');
    } finally {
      await runTool('umount', [busy]);
    }
  }
});
