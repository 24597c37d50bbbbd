/** Runs that are stopped, run out of space, or meet one another: each ends in one of the ways of docs/reliability.md. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { buildImage } from '../support/images/image-builder.js';
import { isRoot } from '../support/needs.js';
import { noise } from '../support/images/opaque-image.js';
import { dir, file, layer } from '../support/images/tar.js';
import { tempFolder } from '../support/temp-folder.js';
import { type TestRegistry, nydusify, registry } from '../support/command.js';
import { productCommand } from '../support/project.js';

const LAYERS = [
  layer(dir('etc'), file('etc/motd', 'hello'), file('etc/noise', noise(300_000, 1))),
  layer(file('lib', noise(200_000, 2))),
  layer(file('app', noise(100_000, 3))),
];
const image = buildImage({ layers: LAYERS });
const newer = buildImage({ layers: [layer(file('newer', noise(50_000, 4)))] });
const lastLayer = image.parts[LAYERS.length - 1]?.descriptor.digest ?? '-';

const uploads = ({ requests }: TestRegistry): number =>
  requests.filter(({ method, path }) => method === 'PUT' && path.includes('/blobs/uploads/')).length;

test('a killed run leaves no tag; the next one removes its files and sends only what is missing', async (t) => {
  let isStuck = true;
  const source = await registry(t, {
    // The last layer does not come.
    intercept: (request) => isStuck && request.method === 'GET' && (request.url ?? '').endsWith(lastLayer),
  });
  const target = await registry(t);
  const from = await source.put('app:1', image);
  const cwd = await tempFolder(t);
  await mkdir(join(cwd, 'tmp'));
  await writeFile(join(cwd, 'tmp', 'precious'), 'x');
  let done = 0;
  const killed = await nydusify(['convert', '--work-dir', 'tmp', from, `${target.host}/app:1`], {
    cwd,
    onStderr: (seen, kill) => {
      done = seen.match(/layer \d of 3: /g)?.length ?? 0;
      if (done === 2) kill('SIGKILL');
    },
  });
  assert.equal(killed.status, null);
  assert.equal((await readdir(join(cwd, 'tmp'))).length, 2);
  assert.equal(await target.hasTag(`${target.host}/app:1`), false);
  const before = uploads(target);
  assert.equal(before, 2);
  isStuck = false;
  const again = await nydusify(['convert', '--work-dir', 'tmp', from, `${target.host}/app:1`], { cwd });
  assert.equal(again.status, 0, again.stderr);
  assert.equal(again.stderr.match(/\(present\)/g)?.length, 2, again.stderr);
  // The third blob, the bootstrap layer, the config.
  assert.equal(uploads(target) - before, 3);
  assert.deepEqual(await readdir(join(cwd, 'tmp')), ['precious']);
});

test('a large blob that an interrupted run has sent while it was made is not sent again, from a fresh machine either', async (t) => {
  const large = layer(file('large', noise(6 * 1024 * 1024, 5)));
  const last = layer(file('last', noise(50_000, 6)));
  const built = buildImage({ layers: [large, last] });
  const [first, second] = built.parts;
  assert.ok(first !== undefined && second !== undefined);
  let isStuck = true;
  const source = await registry(t, {
    intercept: async (request, response) => {
      const { method, url = '' } = request;
      if (method !== 'GET') return false;
      if (url.endsWith(second.descriptor.digest)) return isStuck;
      if (!url.endsWith(first.descriptor.digest)) return false;
      response.writeHead(200, { 'content-length': first.bytes.length });
      for (let at = 0; at < first.bytes.length; at += 256 * 1024) {
        response.write(first.bytes.subarray(at, at + 256 * 1024));
        await sleep(20);
      }
      response.end();
      return true;
    },
  });
  const target = await registry(t);
  const from = await source.put('app:1', built);
  const count = (method: string): number =>
    target.requests.filter((request) => request.method === method && request.path.includes('/uploads/'))
      .length;
  const killed = await nydusify(['convert', from, `${target.host}/app:1`], {
    cwd: await tempFolder(t),
    onStderr: (seen, kill) => {
      if (/layer \d of 2: /.test(seen)) kill('SIGKILL');
    },
  });
  assert.equal(killed.status, null);
  assert.equal(count('PATCH'), 1, 'sent while it was made');
  const before = count('PUT');
  assert.equal(before, 2, 'the blob and its note');
  isStuck = false;
  const again = await nydusify(['convert', from, `${target.host}/app:1`], { cwd: await tempFolder(t) });
  assert.equal(again.status, 0, again.stderr);
  assert.equal(count('PATCH'), 1);
  // The second blob, the bootstrap layer, the config.
  assert.equal(count('PUT') - before, 3);
});

test('a run that is stopped in the middle of uploads cancels them, and ends soon where the registry does not answer', async (t) => {
  const source = await registry(t);
  const from = await source.put('app:1', image);
  for (const isAnswered of [true, false]) {
    let stop = (): void => undefined;
    let cancelled = 0;
    const target = await registry(t, {
      intercept: ({ method, url = '', headers }) => {
        if (method === 'DELETE') {
          cancelled++;
          return !isAnswered;
        }
        // The large blobs are not taken.
        const isStuck =
          method === 'PUT' && url.includes('/uploads/') && Number(headers['content-length']) > 50_000;
        if (isStuck) stop();
        return isStuck;
      },
    });
    const child = spawn(process.execPath, [productCommand, 'convert', from, `${target.host}/app:1`], {
      cwd: await tempFolder(t),
      env: { PATH: process.env['PATH'], HOME: '/nonexistent' },
      stdio: 'ignore',
    });
    let stoppedAt = 0;
    stop = () => {
      if (stoppedAt > 0) return;
      stoppedAt = performance.now();
      child.kill('SIGTERM');
    };
    const status = await new Promise<number | null>((resolve) => child.on('close', resolve));
    const elapsed = performance.now() - stoppedAt;
    assert.equal(status, 130);
    assert.ok(cancelled > 0);
    // One second for the answers, and what a busy machine needs to end a process.
    assert.ok(elapsed < 4000, `${elapsed} ms`);
  }
});

test('a second signal ends the run at once, whatever it waits for', async (t) => {
  const source = await registry(t, {
    intercept: (request) => request.method === 'GET' && (request.url ?? '').endsWith(lastLayer),
  });
  const target = await registry(t);
  const from = await source.put('app:1', image);
  const cwd = await tempFolder(t);
  let signals = 0;
  const { status, stderr } = await nydusify(['convert', from, `${target.host}/app:1`], {
    cwd,
    onStderr: (seen, kill) => {
      if (signals === 0 && seen.includes('layer 1 of 3')) {
        signals++;
        kill('SIGINT');
        kill('SIGTERM');
      }
    },
  });
  assert.equal(status, 130, stderr);
  assert.equal(await target.hasTag(`${target.host}/app:1`), false);
});

test('a conversion is finished though its progress is not read', async (t) => {
  const target = await registry(t);
  const from = await target.put('app:1', image);
  const child = spawn(process.execPath, [productCommand, 'convert', from, `${target.host}/out:1`], {
    cwd: await tempFolder(t),
    env: { PATH: process.env['PATH'], HOME: '/nonexistent' },
  });
  child.stderr.destroy();
  child.stdout.destroy();
  const status = await new Promise<number | null>((resolve) => child.on('close', resolve));
  assert.equal(status, 0);
  assert.equal(await target.hasTag(`${target.host}/out:1`), true);
});

/** A command that runs its arguments where a file system may be mounted; where none works the test is skipped by name. */
function mountNamespace(t: TestContext): readonly string[] | undefined {
  const ways = [
    ...(isRoot ? [['unshare', '--mount']] : []),
    ['unshare', '--user', '--map-root-user', '--mount'],
    ...(isRoot ? [] : [['sudo', '-n', '--preserve-env', 'unshare', '--mount']]),
  ];
  const works = ways.find(([command = '', ...args]) => {
    const probe = ['sh', '-c', 'mount -t tmpfs -o size=128k none /mnt'];
    return spawnSync(command, [...args, ...probe], { stdio: 'ignore' }).status === 0;
  });
  if (works === undefined)
    t.skip('needs the right to mount: root, user namespaces or sudo without a password');
  return works;
}

test('a full disk is a sentence that names the file, exit code 6, and nothing left', async (t) => {
  const namespace = mountNamespace(t);
  if (namespace === undefined) return;
  const target = await registry(t);
  const from = await target.put('app:1', image);
  const folder = await tempFolder(t);
  const [command = '', ...args] = namespace;
  const child = spawn(
    command,
    [
      ...args,
      'sh',
      '-c',
      'mount -t tmpfs -o size=128k none "$1" && shift && "$@"; status=$?; ls -A "$WORK"; exit $status',
      'sh',
      folder,
      process.execPath,
      productCommand,
      'convert',
      '--work-dir',
      folder,
      from,
      `${target.host}/out:1`,
    ],
    { env: { PATH: process.env['PATH'], HOME: '/nonexistent', WORK: folder } },
  );
  let stderr = '';
  let stdout = '';
  child.stderr.on('data', (data: Buffer) => (stderr += data.toString()));
  child.stdout.on('data', (data: Buffer) => (stdout += data.toString()));
  const status = await new Promise<number | null>((resolve) => child.on('close', resolve));
  assert.equal(status, 6, stderr);
  assert.match(stderr, /error: .*[Nn]o space left on (the )?device/);
  assert.equal(stdout, '');
  assert.equal(await target.hasTag(`${target.host}/out:1`), false);
});

test('a work folder that cannot be made is a sentence that names it, exit code 6, before anything is read', async (t) => {
  const target = await registry(t);
  const from = await target.put('app:1', image);
  const cwd = await tempFolder(t);
  await writeFile(join(cwd, 'file'), '');
  const before = target.requests.length;
  // Not by its mode: root may write everywhere.
  for (const folder of ['file', 'file/below']) {
    const run = await nydusify(['convert', '--work-dir', folder, from, `${target.host}/out:1`], { cwd });
    assert.equal(run.status, 6, run.stderr);
    assert.match(run.stderr, new RegExp(`^error: .*${folder}.*\\n`, 'm'));
  }
  assert.equal(target.requests.length, before);
});

test('a target tag that another client moves during the run is not moved back', async (t) => {
  let move: (() => Promise<unknown>) | undefined;
  const source = await registry(t, {
    intercept: async (request) => {
      if (request.method === 'GET' && (request.url ?? '').endsWith(lastLayer)) await move?.();
      return false;
    },
  });
  const target = await registry(t);
  const from = await source.put('app:1', image);
  move = async () => {
    move = undefined;
    await target.put('out:1', newer);
  };
  const cwd = await tempFolder(t);
  const { status, stderr } = await nydusify(['convert', from, `${target.host}/out:1`], { cwd });
  assert.equal(status, 3, stderr);
  assert.match(
    stderr,
    /out:1 was moved to sha256:\w+ by another client during this run, which leaves it unchanged\nhint: run it again/,
  );
  assert.equal((await target.get(`${target.host}/out:1`)).digest, newer.root.descriptor.digest);
  assert.equal((await nydusify(['convert', from, `${target.host}/out:1`], { cwd })).status, 0);
});

test('a source tag that moves during the run changes nothing: what it pointed to first is converted', async (t) => {
  let move: (() => Promise<unknown>) | undefined;
  const source = await registry(t, {
    intercept: async (request) => {
      const isTag = request.method === 'HEAD' && (request.url ?? '').endsWith('/manifests/1');
      if (!isTag || move === undefined) return false;
      const moving = move;
      move = undefined;
      request.once('close', () => undefined);
      setTimeout(() => void moving(), 0);
      return false;
    },
  });
  const from = await source.put('app:1', image);
  const cwd = await tempFolder(t);
  const plain = await nydusify(['convert', from, `${source.host}/plain:1`], { cwd });
  move = async () => source.put('app:1', newer);
  const moved = await nydusify(['convert', from, `${source.host}/moved:1`], { cwd });
  assert.equal(moved.status, 0, moved.stderr);
  assert.equal(moved.stdout.split('@')[1], plain.stdout.split('@')[1]);
  assert.equal((await source.get(from)).digest, newer.root.descriptor.digest);
});

test('several runs of one image into one tag, in one work folder, all end well', async (t) => {
  const target = await registry(t);
  const from = await target.put('app:1', image);
  const cwd = await tempFolder(t);
  const runs = await Promise.all(
    [1, 2, 3].map(() =>
      nydusify(['convert', '--work-dir', 'tmp', '--merge-platform', from, `${target.host}/out:1`], { cwd }),
    ),
  );
  for (const { status, stderr } of runs) assert.equal(status, 0, stderr);
  assert.equal(new Set(runs.map(({ stdout }) => stdout)).size, 1);
  // The folder itself stays when the process that made it ends before the others do.
  if ((await readdir(cwd)).length > 0) assert.deepEqual(await readdir(join(cwd, 'tmp')), []);
});

test('several runs into one layout folder lose none of their tags', async (t) => {
  const target = await registry(t);
  const from = await target.put('app:1', image);
  const other = await target.put('app:2', newer);
  const cwd = await tempFolder(t);
  const runs = await Promise.all(
    [1, 2, 3, 4].map((n) => nydusify(['convert', n % 2 === 0 ? from : other, `oci:out:v${n}`], { cwd })),
  );
  for (const { status, stderr } of runs) assert.equal(status, 0, stderr);
  for (const n of [1, 2, 3, 4]) {
    const read = await nydusify(['check', `oci:out:v${n}`], { cwd });
    assert.equal(read.status, 0, read.stdout + read.stderr);
  }
  assert.deepEqual((await readdir(join(cwd, 'out'))).sort(), ['blobs', 'index.json', 'oci-layout']);
});
