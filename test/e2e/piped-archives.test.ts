/** Archives of images in every compression, as files, named pipes and standard input, also where nothing may be written. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { gzipSync } from 'node:zlib';
import { nydusify } from '../support/command.js';
import { file, layer } from '../support/images/tar.js';
import { needs } from '../support/needs.js';
import { productCommand } from '../support/project.js';
import { runTool, tryRun, type Ran } from '../support/run-tool.js';
import { tempFolder } from '../support/temp-folder.js';
import { FormatError } from '../../src/errors.js';
import { ArchiveUnpacker } from '../../src/native/unpack.js';
import { sha256 } from '../../src/oci/digest.js';
import { waitFor } from '../support/wait-for.js';

const tar = layer(file('a/x', '1'));
const saved = layer(
  file('l.tar', tar),
  file(
    'c.json',
    JSON.stringify({
      architecture: 'amd64',
      os: 'linux',
      config: {},
      rootfs: { type: 'layers', diff_ids: [sha256(tar)] },
    }),
  ),
  file('manifest.json', JSON.stringify([{ Config: 'c.json', RepoTags: ['app:1'], Layers: ['l.tar'] }])),
);

function withInput(
  input: Uint8Array,
  args: readonly string[],
  env: Record<string, string> = {},
): Promise<Ran> {
  return tryRun(process.execPath, [productCommand, ...args], { input, env });
}

async function compressed(t: TestContext): Promise<Record<string, Buffer> | undefined> {
  if (!needs(t, 'xz', 'zstd')) return undefined;
  const zstd = await runTool('zstd', ['-qc'], { input: saved });
  return {
    none: saved,
    gzip: gzipSync(saved),
    zstd,
    'zstd behind a frame to skip': Buffer.concat([Buffer.from('5b2a4d1801000000ff', 'hex'), zstd]),
    xz: await runTool('xz', ['-c'], { input: saved }),
    'xz of two streams': Buffer.concat([
      await runTool('xz', ['-c'], { input: saved.subarray(0, 700) }),
      await runTool('xz', ['-c'], { input: saved.subarray(700) }),
    ]),
  };
}

test('an archive gives its image in any compression, as a file, by a pipe and on standard input', async (t) => {
  const archives = await compressed(t);
  if (archives === undefined) return;
  const folder = await tempFolder(t);
  await Promise.all(
    Object.entries(archives).map(async ([name, bytes], i) => {
      const path = join(folder, `${i}.tar`);
      const pipe = join(folder, `${i}.pipe`);
      await writeFile(path, bytes);
      await runTool('mkfifo', [pipe]);
      const writer = spawn('cp', [path, pipe], { stdio: 'ignore' });
      const runs = {
        file: await nydusify(['ls', `docker-archive:${path}`, '/a']),
        pipe: await nydusify(['ls', `docker-archive:${pipe}`, '/a']),
        'standard input': await withInput(bytes, ['ls', 'docker-archive:-:app:1', '/a']),
      };
      for (const [how, { status, stdout, stderr }] of Object.entries(runs))
        assert.deepEqual([status, stdout.toString()], [0, 'x\n'], `${name}, ${how}: ${stderr}`);
      if (writer.exitCode === null) await once(writer, 'close');
    }),
  );
  assert.deepEqual(
    (await readdir(folder)).filter((name) => name.startsWith('nydusify-')),
    [],
  );
});

test('upstream’s --source-archive takes a pipe, too', async (t) => {
  const folder = await tempFolder(t);
  const args = ['convert', '--source-archive', '/dev/stdin', '--source', 'app:1', '--target', 'app:2'];
  const { status, stderr } = await withInput(gzipSync(saved), [
    ...[...args, '--target-archive', join(folder, 'made.tar'), '--work-dir', join(folder, 'work')],
    ...['--progress', 'none'],
  ]);
  assert.equal(status, 0, stderr);
  assert.deepEqual(await readdir(folder), ['made.tar']);
});

test('damaged and other input is refused with the reason, and leaves nothing behind', async (t) => {
  const archives = await compressed(t);
  if (archives === undefined) return;
  const TMPDIR = await tempFolder(t);
  const refusal = async (bytes: Uint8Array): Promise<string> => {
    const { status, stderr } = await withInput(bytes, ['ls', 'docker-archive:-', '/'], { TMPDIR });
    assert.notEqual(status, 0);
    return stderr;
  };
  const cut = (name: string): Buffer => (archives[name] ?? Buffer.alloc(0)).subarray(0, 100);
  assert.match(
    await refusal(cut('xz')),
    /^error: \/dev\/stdin: xz archive .*: the input ends within a stream/,
  );
  assert.match(await refusal(cut('zstd')), /^error: \/dev\/stdin: zstd archive .* ends within a frame/);
  const flipped = Buffer.from(archives['xz'] ?? '');
  flipped[80] = (flipped[80] ?? 0) ^ 0xff;
  assert.match(await refusal(flipped), /^error: \/dev\/stdin: xz archive .*: the data is damaged/);
  assert.match(
    await refusal(Buffer.from('BZh91AY&SY')),
    /compressed with bzip2; gzip, zstd and xz are known/,
  );
  assert.deepEqual(await readdir(TMPDIR), []);
});

test('unpacking ends at the limit that its caller sets', async (t) => {
  const folder = await tempFolder(t);
  const bytes = gzipSync(Buffer.alloc(10_000_000));
  const unpacker = new ArchiveUnpacker(join(folder, 'unpacked'));
  await assert.rejects(
    unpacker.write(bytes, 1_000_000),
    (error) => error instanceof FormatError && error.message === 'it unpacks to more than 1000000 bytes',
  );
  assert.ok((await stat(join(folder, 'unpacked'))).size <= 1_000_000);
});

/** True once a process has a handler of SIGINT; before, a busy machine may not have got to its first line. */
async function handlesInterrupts(pid: number): Promise<boolean> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  const caught = /^SigCgt:\s+([0-9a-f]+)$/m.exec(status)?.[1] ?? '0';
  return (BigInt(`0x${caught}`) & (1n << 1n)) !== 0n;
}

test('waiting for a pipe that nothing writes to can be interrupted', async (t) => {
  const pipe = join(await tempFolder(t), 'pipe');
  await runTool('mkfifo', [pipe]);
  const child = spawn(process.execPath, [productCommand, 'convert', `docker-archive:${pipe}`, 'oci:x'], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const closed = once(child, 'close');
  await waitFor(() => handlesInterrupts(child.pid ?? 0));
  setTimeout(() => child.kill('SIGINT'), 500);
  const [status] = (await closed) as [number];
  assert.equal(status, 130);
});

test('sources of a folder that cannot be written are read, and temporary files go elsewhere', async (t) => {
  if (!needs(t, 'root', 'skopeo')) return;
  const folder = await tempFolder(t);
  const [real, seen, temporary] = ['real', 'seen', 'tmp'].map((name) => join(folder, name));
  assert.ok(real !== undefined && seen !== undefined && temporary !== undefined);
  await Promise.all([real, seen, temporary].map((path) => mkdir(path)));
  await writeFile(join(real, 'app.tar'), gzipSync(saved));
  await writeFile(join(real, 'plain.tar'), saved);
  await runTool('skopeo', [
    'copy',
    '-q',
    `docker-archive:${join(real, 'plain.tar')}`,
    `oci:${real}/layout:v`,
  ]);
  await runTool('mount', ['--bind', real, seen]);
  try {
    await runTool('mount', ['-o', 'remount,ro,bind', seen]);
    await readOnly(folder, seen, temporary);
  } finally {
    await runTool('umount', ['-l', seen]);
  }
});

async function readOnly(folder: string, seen: string, temporary: string): Promise<void> {
  const env = { TMPDIR: temporary };
  const to = (name: string): string => `oci:${join(folder, name)}:v`;
  for (const args of [
    ['convert', 'docker-archive:app.tar', to('one')],
    ['convert', 'oci:layout:v', to('two')],
    ['check', to('one'), 'docker-archive:app.tar'],
    ['check', to('two'), 'oci:layout:v'],
    ['cat', 'oci:layout:v', '/a/x'],
  ]) {
    const { status, stderr } = await nydusify(args, { cwd: seen, env });
    assert.equal(status, 0, `${args.join(' ')}: ${stderr}`);
  }
  assert.deepEqual(await readdir(temporary), []);
  const args = ['convert', 'oci:layout:v', to('four'), '--work-dir', 'here'];
  const { status, stderr } = await nydusify(args, { cwd: seen, env });
  assert.equal(status, 6);
  assert.match(stderr, /cannot create a temporary folder in .*here/);
}

test('a target archive never takes the place of a device or pipe', async (t) => {
  const folder = await tempFolder(t);
  await writeFile(join(folder, 'app.tar'), saved);
  const pipe = join(folder, 'pipe');
  await runTool('mkfifo', [pipe]);
  for (const path of [pipe, '/dev/null', '/proc/self/fd/1']) {
    const target = `oci-archive:${path}`;
    const { status, stderr } = await nydusify(['convert', `docker-archive:${folder}/app.tar`, target], {
      cwd: folder,
    });
    assert.equal(status, 6);
    assert.match(stderr, /it is no regular file\nhint: name a file that may be replaced/);
  }
});
