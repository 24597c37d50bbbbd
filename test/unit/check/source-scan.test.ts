import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { test } from 'node:test';
import { checkImage } from '../../../src/check/check.js';
import { SourceScan } from '../../../src/check/source-scan.js';
import { loadSubject, type ImageSubject } from '../../../src/check/subject.js';
import { InterruptedError } from '../../../src/errors.js';
import type { ByteStream } from '../../../src/io/streams.js';
import type { Descriptor } from '../../../src/oci/descriptor.js';
import { MEDIA } from '../../../src/oci/media-types.js';
import { allPlatforms } from '../../../src/oci/platform.js';
import type { FetchOptions } from '../../../src/registry/stores/store.js';
import { converted, OCI, putImage, sourceImage } from '../../support/images/memory-conversion.js';
import { file, layer } from '../../support/images/tar.js';
import { MemoryStore } from '../../support/registries/memory-store.js';

const LAYERS = [layer(file('a', 'lower')), layer(file('b', 'upper'))];

/** A source whose layers begin, and end only when the test ends them. */
class EndlessStore extends MemoryStore {
  readonly ended: unknown[] = [];

  override fetch(descriptor: Descriptor, options: FetchOptions = {}): ByteStream {
    return descriptor.mediaType === MEDIA.ociLayerGzip
      ? this.#endless(options)
      : super.fetch(descriptor, options);
  }

  async *#endless({ signal }: FetchOptions): ByteStream {
    assert.ok(signal !== undefined);
    try {
      yield Buffer.from([0x1f, 0x8b]);
      if (!signal.aborted) await once(signal, 'abort');
      throw signal.reason;
    } finally {
      this.ended.push(signal.reason);
    }
  }
}

function endlessSource(): EndlessStore {
  const store = new EndlessStore('memory.test/source:1');
  store.root = putImage(store, LAYERS, { family: OCI, architecture: 'amd64' });
  return store;
}

async function imageOf(store: MemoryStore): Promise<ImageSubject> {
  const { images } = await loadSubject(store, 'source', allPlatforms, {});
  return images[0] ?? assert.fail();
}

test('layers are read in chunks of the size that is asked for, with digests of the kind that is', async () => {
  for (const [chunkSize, digester, chunks, digest] of [
    [0x10_0000, 'blake3', 1, undefined],
    [0x1000, 'blake3', 3, undefined],
    [0x10_0000, 'sha256', 1, createHash('sha256').update(Buffer.alloc(0x3000, 'x')).digest()],
  ] as const) {
    const image = await imageOf(sourceImage([layer(file('a', Buffer.alloc(0x3000, 'x')))]));
    await using scan = new SourceScan(image, 1, {});
    const { value } = await scan.layers({ chunkSize, digester }, undefined);
    const [entry] = (await value?.[0]?.entries()) ?? [];
    assert.equal(entry?.body.kind === 'file' ? entry.body.chunks.length : 0, chunks);
    if (digest !== undefined) assert.deepEqual(value?.[0]?.chunks.at(0).digest, digest);
  }
});

test('a scan without a caller ends when it is disposed of', async () => {
  const store = endlessSource();
  const scan = new SourceScan(await imageOf(store), 1, {});
  await scan[Symbol.asyncDispose]();
  assert.equal(store.ended.length, LAYERS.length);
  assert.ok(store.ended.every((reason) => reason instanceof InterruptedError));
});

test('a scan ends with the signal of the call, and with that of a waiting caller', async () => {
  for (const whose of ['call', 'waiting'] as const) {
    const store = endlessSource();
    const stop = new AbortController();
    const image = await imageOf(store);
    await using scan = new SourceScan(image, 1, whose === 'call' ? { signal: stop.signal } : {});
    const waiting = scan.layers(
      { chunkSize: 0x10_0000, digester: 'blake3' },
      whose === 'waiting' ? stop.signal : undefined,
    );
    stop.abort(new InterruptedError('stopped'));
    await assert.rejects(waiting, { message: 'stopped' });
    assert.equal(store.ended.length, LAYERS.length);
  }
});

test('a target whose bootstrap cannot be read is reported without reading the source', async () => {
  const target = await converted(sourceImage(LAYERS));
  const { value } = (await imageOf(target)).manifest;
  const bootstrap = value.layers.at(-1) ?? assert.fail();
  target.content.set(bootstrap.digest, Buffer.alloc(bootstrap.size));
  const store = endlessSource();
  const { findings, verdict } = await checkImage({ source: store, target });
  assert.equal(verdict, 'bad');
  assert.deepEqual(
    findings.map(({ id }) => id),
    ['CONTENT-DIGEST'],
  );
  assert.equal(store.ended.length, LAYERS.length);
});
