/** `nydusify copy` as a program: its words and flags, real registries and other tools beside it, and runs that are killed. */
import assert from 'node:assert/strict';
import { mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { anonymous } from '../../src/registry/auth/credentials.js';
import { openTarget } from '../../src/registry/open.js';
import { nydusify, type Outcome, registry } from '../support/command.js';
import { buildImage, putImage } from '../support/images/image-builder.js';
import { AMD64, ODD_INDEX, referrerOf } from '../support/images/odd-index.js';
import { noise } from '../support/images/opaque-image.js';
import { file, layer } from '../support/images/tar.js';
import { needs } from '../support/needs.js';
import { startDockerRegistry } from '../support/registries/real-registries.js';
import { runTool } from '../support/run-tool.js';
import { tempFolder } from '../support/temp-folder.js';

async function succeeds(...args: readonly string[]): Promise<Outcome> {
  const outcome = await nydusify(args);
  assert.equal(outcome.status, 0, outcome.stderr);
  return outcome;
}

test("upstream's flags and file:// write an archive with the names of the source, and read it back", async (t) => {
  const { host, put, get } = await registry(t);
  const folder = await tempFolder(t);
  const source = await put('team/app:1.0', ODD_INDEX);
  const path = join(folder, 'app.tar');
  await writeFile(path, Buffer.alloc(10_000_000));
  const digest = ODD_INDEX.root.descriptor.digest;
  const written = await succeeds('copy', '--source', source, '--target', `file://${path}`);
  assert.equal(written.stdout, `oci-archive:${path}:1.0@${digest}\n`);
  assert.ok((await stat(path)).size < 1_000_000, 'nothing of the longer file is left');
  const read = await succeeds('copy', '--source', `file://${path}`, '--target', `${host}/back/app:2`);
  assert.equal(read.stdout, `${host}/back/app@${digest}\n`);
  assert.equal((await get(`${host}/back/app:2`)).digest, digest);
  const layout = join(folder, 'layout');
  await succeeds('copy', source, `oci:${layout}:x`);
  const index = JSON.parse(await readFile(join(layout, 'index.json'), 'utf8')) as { manifests: object[] };
  assert.equal(index.manifests.length, 1);
  await succeeds('copy', '--platform', 'linux/arm64', `file://${layout}`, `${host}/back/arm:1`);
  const { stdout } = await runTool('tar', ['-xOf', path, 'index.json']).then((bytes) => ({
    stdout: bytes.toString(),
  }));
  assert.match(stdout, /"io\.containerd\.image\.name":"[^"]*team\/app:1\.0"/);
});

test('a comparison ends with 1 when something differs, says what, and prints no name to deploy', async (t) => {
  const { host, put } = await registry(t);
  const source = await put('app:1', AMD64);
  const other = await put('app:2', ODD_INDEX);
  await succeeds('copy', '--verify', source, `${host}/copy:1`);
  await succeeds('copy', '--verify-only', source, `${host}/copy:1`);
  await put('app:r', referrerOf(AMD64.root, 'application/x-signature'));
  const folder = await tempFolder(t);
  const digestFile = join(folder, 'digest');
  for (const args of [
    [other, `${host}/copy:1`],
    ['--referrers', source, `${host}/copy:1`],
  ]) {
    const { status, stdout } = await nydusify([
      'copy',
      '--verify-only',
      '--digest-file',
      digestFile,
      ...args,
    ]);
    assert.equal(status, 1);
    assert.match(stdout, /^differs \(\w+\): .*\n(?:differs .*\n)*\S+ is not \S+: \d+ differences?, /);
    assert.equal(await readFile(digestFile, 'utf8').catch(() => ''), '');
  }
  await succeeds('copy', '--referrers', '--verify', '--digest-file', digestFile, source, `${host}/copy:1`);
  assert.equal(await readFile(digestFile, 'utf8'), AMD64.root.descriptor.digest);
});

test('file:// is an archive or a folder for convert and reverse, too, and a missing one is a sentence', async (t) => {
  const { put } = await registry(t);
  const folder = await tempFolder(t);
  const saved = join(folder, 'saved.tar');
  const image = buildImage({ layers: [layer(file('a', 'x'))] });
  await succeeds('copy', '-q', await put('library/app:1.0', image), `file://${saved}`);
  const nydus = join(folder, 'nydus.tar');
  await succeeds('convert', '-q', `file://${saved}`, `file://${nydus}`);
  const back = join(folder, 'back');
  await mkdir(back);
  await succeeds('reverse', '-q', '--reverse-mode', 'rebuild', `file://${nydus}`, `file://${back}`);
  await succeeds('diff', `oci-archive:${nydus}`, `oci:${back}`);
  for (const command of ['copy', 'convert', 'reverse']) {
    const { status, stderr } = await nydusify([command, `file://${folder}/none.tar`, `oci:${folder}/x`]);
    assert.equal(status, 6, command);
    assert.match(stderr, /error: cannot read .*none\.tar: no such file or folder/, command);
  }
});

test('wrong words are refused, and a storage backend without its configuration', async (t) => {
  const folder = await tempFolder(t);
  const cases: readonly (readonly [RegExp, readonly string[]])[] = [
    [/Required flags "source, target" not set/, []],
    [/Required flag "target" not set/, ['a:1']],
    [/"file:\/\/" names no file/, ['file://', 'a:1']],
    [/please specify option '--source-backend-config'/, ['--source-backend-type', 'oss', 'a:1', 'b:1']],
    [/docker-archive: can only be a source/, [`oci:${folder}:1`, `docker-archive:${folder}/x.tar`]],
    [/push-chunk-size/, ['--push-chunk-size', 'much', 'a:1', 'b:1']],
    [/concurrency should be 1 to 64/, ['--concurrency', '0', `oci:${folder}:1`, 'oci:b:1']],
  ];
  for (const [said, args] of cases) {
    const { status, stderr } = await nydusify(['copy', ...args], { cwd: folder });
    assert.equal(status, 2, stderr);
    assert.match(stderr, said);
  }
});

test('between real registries, with other tools before and behind', async (t) => {
  if (!needs(t, 'docker-registry', 'skopeo')) return;
  const folder = await tempFolder(t);
  const from = `oci:${join(folder, 'layout')}:v`;
  await using target = openTarget(from, { credentials: anonymous });
  await putImage(target, AMD64);
  await using first = await startDockerRegistry();
  await using second = await startDockerRegistry();
  await runTool('skopeo', ['copy', '-q', '--dest-tls-verify=false', from, `docker://${first.host}/a/app:1`]);
  await succeeds('copy', '--verify', `${first.host}/a/app:1`, `${second.host}/b/app:1`);
  const raw = await runTool('skopeo', [
    'inspect',
    '--raw',
    '--tls-verify=false',
    `docker://${second.host}/b/app:1`,
  ]);
  assert.ok(raw.equals(AMD64.root.bytes));
  const mounted = await succeeds('copy', '--json', `${first.host}/a/app:1`, `${first.host}/c/app:1`);
  assert.match(mounted.stdout, /"sentBytes": 0,/);
  await runTool('skopeo', [
    'copy',
    '-q',
    '--src-tls-verify=false',
    `docker://${first.host}/c/app:1`,
    `dir:${folder}/dir`,
  ]);
});

test('a copy that is killed moves no tag, and the next one sends only what is missing', async (t) => {
  if (!needs(t, 'docker-registry')) return;
  const folder = await tempFolder(t);
  const layers = Array.from({ length: 8 }, (_, i) => layer(file(`f${i}`, noise(400_000, i))));
  const image = buildImage({ layers });
  const total = image.parts.slice(0, -1).reduce((sum, { descriptor }) => sum + descriptor.size, 0);
  const from = `oci:${join(folder, 'from')}:v`;
  await using put = openTarget(from, { credentials: anonymous });
  await putImage(put, image);
  await using real = await startDockerRegistry();
  for (const to of [`${real.host}/app:1`, `oci:${join(folder, 'to')}:v`]) {
    // Slow enough to be killed in the middle.
    const slow = ['copy', '--progress', 'json', '--limit-rate', '1MB/s', '--concurrency', '1', from, to];
    let sent = 0;
    const killed = await nydusify(slow, {
      onStderr: (text, kill) => {
        sent = new Set(text.match(/"digest":"\S+?","done":(\d+),"total":\1\b/g)).size;
        if (sent >= 4) kill('SIGKILL');
      },
    });
    assert.equal(killed.status, null);
    assert.equal((await nydusify(['copy', '--verify-only', from, to])).status, 1);
    const { stdout } = await succeeds('copy', '--json', '--verify', from, to);
    const { copied } = JSON.parse(stdout) as { copied: { sentBytes: number } };
    assert.ok(
      copied.sentBytes <= total - 3 * 400_000,
      `${copied.sentBytes} of ${total} bytes were sent again`,
    );
    assert.ok(copied.sentBytes > 0);
  }
});
