/** The end of an image that was to be flattened. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { InterruptedError, UnsupportedError } from '../../../src/errors.js';
import { FORMAT_DEFAULTS } from '../../../src/native/formats.js';
import { type ImagePacker, type LayerPacker, openImagePacker } from '../../../src/native/packer.js';
import { file, layer } from '../../support/images/tar.js';

async function heldLayer(packer: ImagePacker, path: string): Promise<LayerPacker> {
  const held = packer.openLayer(0, path);
  await held.write(layer(file('a', 'one'), file('b', 'two')));
  await held.finish();
  held.hold();
  return held;
}

test('an image that is given up is not flattened any more', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'nydusify-ts-flatten-'));
  try {
    const packer = openImagePacker({ ...FORMAT_DEFAULTS, flatten: 'layers', threads: 1 });
    const held = await heldLayer(packer, join(folder, 'blob'));
    packer[Symbol.dispose]();
    await assert.rejects(packer.flatten([0]), InterruptedError);
    held.abort();
  } finally {
    await rm(folder, { recursive: true });
  }
});

test('a layer is flattened once, and only in an image that is to be flattened', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'nydusify-ts-flatten-'));
  try {
    using packer = openImagePacker({ ...FORMAT_DEFAULTS, flatten: 'one', threads: 1 });
    const held = await heldLayer(packer, join(folder, 'blob'));
    assert.equal((await packer.flatten([0])).blobs.length, 1);
    await assert.rejects(packer.flatten([0]), /is not there to be flattened/);
    using whole = openImagePacker({ ...FORMAT_DEFAULTS, threads: 1 });
    const other = await heldLayer(whole, join(folder, 'other'));
    await assert.rejects(whole.flatten([0]), /is not to be flattened/);
    held.abort();
    other.abort();
    const unknown = { ...FORMAT_DEFAULTS, flatten: 'all' as never, threads: 1 };
    assert.throws(() => openImagePacker(unknown), (error) => !(error instanceof UnsupportedError));
  } finally {
    await rm(folder, { recursive: true });
  }
});
