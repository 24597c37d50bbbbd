/** Images in memory as the reference's crates read them. */
import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { bootstrapOf, readBootstrapLayer } from '../../../src/image/bootstrap-layer.js';
import { manifestOf } from '../images/memory-conversion.js';
import type { MemoryStore } from '../registries/memory-store.js';
import { QUICK_DISK, removeFolder, tempFolder } from '../temp-folder.js';
import { referenceRead } from './reference-builder.js';

export async function bootstrapBytes(target: MemoryStore): Promise<Uint8Array> {
  const last = manifestOf(target).layers.at(-1) ?? assert.fail();
  const stored = await readBootstrapLayer(
    (async function* () {
      yield target.content.get(last.digest) ?? assert.fail();
    })(),
  );
  return bootstrapOf(stored) ?? assert.fail();
}

/** Every file as the reference reads it, with the digest of every chunk checked. */
export async function readByReference(t: TestContext, target: MemoryStore): Promise<string> {
  const folder = await tempFolder(t, QUICK_DISK);
  const blobs = join(folder, 'blobs');
  await mkdir(blobs);
  for (const [digest, bytes] of target.content) await writeFile(join(blobs, digest.slice(7)), bytes);
  const bootstrap = join(folder, 'image.boot');
  await writeFile(bootstrap, await bootstrapBytes(target));
  const lines = await referenceRead(bootstrap, blobs);
  await removeFolder(folder);
  return lines;
}
