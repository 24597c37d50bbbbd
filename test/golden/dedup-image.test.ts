/** Chunks of lower layers referred to (`--dedup image`): what a chunk dictionary is to the reference builder. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OWN_BLOB_ID, blobFeatures, readV6 } from '../../src/rafs-builder/index.js';
import {
  copiesImage,
  type EdgeImage,
  lowerBlobsImage,
  threadsImage,
  unusedBlobImage,
} from '../support/images/edge-images.js';
import { type PackedImage, packImage } from '../support/images/image.js';

const pack = ({ layers, options }: EdgeImage): Promise<PackedImage> => packImage(layers, options);

function blobTable(bootstrap: Uint8Array): { readonly id: string; readonly inlined: boolean }[] {
  return readV6(bootstrap).bootstrap.blobs.map(({ record }) => ({
    id: record.id,
    inlined: blobFeatures.has(record.features, 'INLINED_FS_META'),
  }));
}

test("a layer's own bootstrap lists lower blobs where packing first used them", async () => {
  const image = await pack(lowerBlobsImage());
  const ids = image.layers.map(({ record }) => record?.id);
  const tables = image.layers.map(({ bootstrap }) => blobTable(bootstrap));
  const own = { id: OWN_BLOB_ID, inlined: true };
  assert.deepEqual(tables, [
    [own],
    [own, { id: ids[0], inlined: false }],
    [1, 0].map((n) => ({ id: ids[n], inlined: false })),
  ]);
  assert.equal(image.layers[2]?.record, undefined, 'nothing of its own');
  assert.equal(image.layers[1]?.newChunks, 1);
});

test('a blob that no file of the merged tree refers to is not in its table', async () => {
  const image = await pack(unusedBlobImage());
  assert.deepEqual(blobTable(image.bootstrap), [{ id: image.layers[0]?.record?.id, inlined: false }]);
  assert.equal(image.layers[1]?.record?.chunkCount, 1);
});

test('dedup by layer keeps a copy in every layer', async () => {
  const image = await pack(copiesImage());
  assert.deepEqual(
    image.layers.map(({ newChunks }) => newChunks),
    [1, 1],
  );
  assert.equal(blobTable(image.bootstrap).length, 2);
});

test('an image has the same bytes with any number of threads', async () => {
  const results = await Promise.all([1, 2, 8].map((threads) => pack(threadsImage(threads))));
  const [first, ...others] = results.map((image) => [
    image.bootstrap,
    ...image.layers.map(({ bytes }) => bytes),
  ]);
  for (const other of others) assert.deepEqual(other, first);
});
