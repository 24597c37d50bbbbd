/**
 * Runs in a worker thread, with a work folder as its data: starts a conversion whose source stops in the middle of a layer, posts a
 * message when the conversion is there, and aborts it when it gets a message itself.
 */
import { randomBytes } from 'node:crypto';
import { existsSync, readdirSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { parentPort, workerData } from 'node:worker_threads';
import { convertImage } from '../../../src/convert/convert.js';
import type { ByteStream } from '../../../src/io/streams.js';
import type { Descriptor } from '../../../src/oci/descriptor.js';
import { MEDIA } from '../../../src/oci/media-types.js';
import { MemoryStore } from '../registries/memory-store.js';
import { sourceImage } from './memory-conversion.js';
import { file, layer } from './tar.js';

const workDir = workerData as string; // as the test gives it
const stop = new AbortController();

class StallingStore extends MemoryStore {
  override async *fetch(descriptor: Descriptor): ByteStream {
    if (descriptor.mediaType !== MEDIA.ociLayerGzip) {
      yield* super.fetch(descriptor);
      return;
    }
    for await (const bytes of super.fetch(descriptor)) {
      yield bytes.subarray(0, bytes.length / 2);
      while (!hasBlob()) await delay(5);
      parentPort?.postMessage('stalled');
      await new Promise((_, reject) => {
        stop.signal.addEventListener('abort', () => {
          reject(new Error('stopped'));
        });
      });
    }
  }
}

function hasBlob(): boolean {
  return (
    existsSync(workDir) &&
    readdirSync(workDir, { recursive: true, encoding: 'utf8' }).some((name) => name.endsWith('.blob'))
  );
}

parentPort?.once('message', () => {
  stop.abort();
});
const image = sourceImage([layer(file('noise', randomBytes(4 << 20)))]);
const source = new StallingStore(image.location);
for (const [digest, bytes] of image.content) source.content.set(digest, bytes);
source.root = image.root;
const target = new MemoryStore('memory.test/target:1');
await convertImage({ source, target }, { workDir, threads: 2 }, { signal: stop.signal }).catch(
  () => undefined,
);
