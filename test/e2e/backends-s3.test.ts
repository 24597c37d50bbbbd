/** S3 as a storage backend, beside a real server of the protocol. */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import type { BlobBackend } from '../../src/backend/backend.js';
import { parseBackendConfig } from '../../src/backend/config.js';
import { type BackendOptions, openBackend } from '../../src/backend/open.js';
import { withBackend, withBackendTarget } from '../../src/backend/stores.js';
import { checkImage } from '../../src/check/check.js';
import { convertImage } from '../../src/convert/convert.js';
import { AuthError, NydusError } from '../../src/errors.js';
import { collect, contentOf } from '../../src/io/streams.js';
import { sha256 } from '../../src/oci/digest.js';
import { allOf } from '../support/backends/contract.js';
import { KEYS } from '../support/backends/open.js';
import { startVersityGateway } from '../support/backends/versitygw.js';
import { nydusify } from '../support/command.js';
import { converted, manifestOf, sourceImage } from '../support/images/memory-conversion.js';
import { noise } from '../support/images/opaque-image.js';
import { dir, file, layer } from '../support/images/tar.js';
import { goProgram, pathOrSkip } from '../support/references/tools.js';
import { MemoryStore } from '../support/registries/memory-store.js';
import { tempFolder } from '../support/temp-folder.js';

const OPTIONS: BackendOptions = { retry: { attempts: 3, baseMs: 10, capMs: 20 } };
const MIB = 1024 * 1024;

const open = (settings: Readonly<Record<string, string>>): Promise<BlobBackend> =>
  openBackend(parseBackendConfig('s3', JSON.stringify(settings)), OPTIONS);

test('a real server takes blobs of one part and of several, with every checksum, and gives them back', async (t) => {
  const gateway = pathOrSkip(t, await goProgram('versitygw'));
  if (gateway === undefined) return;
  await using server = await startVersityGateway(gateway);
  for (const checksum_algorithm of ['', 'CRC32', 'CRC32C', 'SHA1', 'SHA256']) {
    await using backend = await open({ ...server.settings, object_prefix: 'a/b-', checksum_algorithm });
    for (const size of [10, 20 * MIB + 5]) {
      const bytes = Buffer.from(noise(size, size));
      const blob = { digest: sha256(bytes), size };
      assert.equal(await backend.sizeOf(blob.digest), undefined);
      await backend.put(blob, contentOf(bytes));
      assert.equal(await backend.sizeOf(blob.digest), size);
      assert.ok((await collect(backend.read(blob.digest, undefined), size, 'blob')).equals(bytes));
      const range = { start: size - 9, end: size - 2 };
      const part = await collect(backend.read(blob.digest, range), size, 'range');
      assert.ok(part.equals(bytes.subarray(range.start, range.end)));
      assert.deepEqual(
        (await allOf(backend.list())).map(({ digest }) => digest),
        [blob.digest],
      );
      await backend.remove(blob.digest);
    }
    assert.deepEqual(await allOf(backend.list()), []);
    assert.deepEqual(await allOf(backend.unfinished()), []);
  }
  assert.deepEqual(await server.names(), []);
});

test('an upload that a killed run has left on a real server is gone on with', async (t) => {
  const gateway = pathOrSkip(t, await goProgram('versitygw'));
  if (gateway === undefined) return;
  await using server = await startVersityGateway(gateway);
  await using backend = await open(server.settings);
  const bytes = Buffer.from(noise(20 * MIB, 3));
  const blob = { digest: sha256(bytes), size: bytes.length };
  const { loadSdk } = await import('../../src/backend/s3/sdk.js');
  const { S3Store } = await import('../../src/backend/s3/store.js');
  const { Redactor } = await import('../../src/registry/http/redact.js');
  const { Transport } = await import('../../src/registry/http/transport.js');
  const config = parseBackendConfig('s3', JSON.stringify(server.settings));
  assert.ok(config.type === 's3');
  await using store = new S3Store(await loadSdk(), config, new Transport({ side: 'target' }, new Redactor()));
  const upload = await store.beginUpload(blob.digest.slice(7), {});
  await store.putPart(upload, 2, bytes.subarray(8 * MIB, 16 * MIB), {});
  await store.putPart(upload, 1, Buffer.from(noise(8 * MIB, 4)), {});
  assert.equal((await allOf(backend.unfinished())).length, 1);
  await backend.put(blob, contentOf(bytes));
  assert.ok((await collect(backend.read(blob.digest, undefined), blob.size, 'blob')).equals(bytes));
  assert.deepEqual(await allOf(backend.unfinished()), []);
  assert.deepEqual(await server.names(), [blob.digest.slice(7)]);
});

test('what a real server refuses is one sentence', async (t) => {
  const gateway = pathOrSkip(t, await goProgram('versitygw'));
  if (gateway === undefined) return;
  await using server = await startVersityGateway(gateway);
  const bytes = Buffer.from(noise(100, 1));
  const cases: readonly (readonly [Readonly<Record<string, string>>, RegExp])[] = [
    [{ access_key_id: 'AKIDOTHER' }, /: the access key is not known there$/],
    [{ access_key_secret: 'other-secret' }, /: the secret key does not belong to the access key$/],
    [{ bucket_name: 'other' }, /: there is no bucket other at /],
  ];
  for (const [changes, message] of cases) {
    await using backend = await open({ ...server.settings, ...changes });
    const blob = { digest: sha256(bytes), size: 100 };
    await assert.rejects(
      backend.put(blob, contentOf(bytes)),
      (error) => error instanceof NydusError && message.test(error.message),
    );
    // This server says to a HEAD with an unknown key that there is no such object.
    if (changes['access_key_secret'] !== undefined)
      await assert.rejects(backend.sizeOf(blob.digest), AuthError);
  }
});

test('an image whose blobs are on a real server is as in a registry, and a second run sends none of them', async (t) => {
  const gateway = pathOrSkip(t, await goProgram('versitygw'));
  if (gateway === undefined) return;
  await using server = await startVersityGateway(gateway);
  const source = sourceImage([
    layer(dir('./'), file('big', noise(12 * MIB, 1))),
    layer(file('small', noise(5000, 2))),
  ]);
  const registry = new MemoryStore('memory.test/target:1');
  for (const outcome of ['pushed', 'present']) {
    await using backend = await open(server.settings);
    const target = withBackendTarget(registry, backend);
    const { images } = await convertImage({ source, target }, { threads: 2 });
    assert.deepEqual(
      images[0]?.layers.map((one) => one.outcome),
      [outcome, outcome],
    );
    const { findings } = await checkImage({ source, target: withBackend(registry, backend) });
    assert.deepEqual(findings, []);
  }
  const usual = manifestOf(await converted(source)).layers.slice(0, -1);
  assert.deepEqual((await server.names()).toSorted(), usual.map(({ digest }) => digest.slice(7)).toSorted());
  const log = await server.log();
  assert.ok(!log.includes(KEYS.secret));
});

test('the command takes its settings from a file, and shows the secret nowhere', async (t) => {
  const gateway = pathOrSkip(t, await goProgram('versitygw'));
  if (gateway === undefined) return;
  await using server = await startVersityGateway(gateway);
  const folder = await tempFolder(t);
  const settings = join(folder, 's3.json');
  await writeFile(settings, JSON.stringify(server.settings));
  const flags = ['--backend-type', 's3', '--backend-config-file', settings];
  const inline = ['--backend-type', 's3', '--backend-config', JSON.stringify(server.settings)];
  const image = 'oci:fixtures/none:1';
  const printed = await nydusify(['convert', ...inline, '--print-config', image, `oci:${folder}:n`]);
  const debug = { env: { NODE_DEBUG: 'nydus:registry' } };
  const wrong = await nydusify(['ls', ...flags, `oci:${folder}/none:1`], debug);
  for (const { stdout, stderr } of [printed, wrong]) assert.ok(!`${stdout}${stderr}`.includes(KEYS.secret));
  assert.match(printed.stdout, /backend-config +REDACTED/);
});
