/** Chunks of lower layers referred to (`--dedup image`): what a chunk dictionary is to the reference builder. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OWN_BLOB_ID, blobFeatures, readV6 } from '../../src/rafs-builder/index.js';
import { packImage } from '../support/images/image.js';
import { file, layer, whiteout } from '../support/images/tar.js';

const shared = 'held by several layers\n'.repeat(300);

function blobTable(bootstrap: Uint8Array): { readonly id: string; readonly inlined: boolean }[] {
  return readV6(bootstrap).bootstrap.blobs.map(({ record }) => ({
    id: record.id,
    inlined: blobFeatures.has(record.features, 'INLINED_FS_META'),
  }));
}

test("a layer's own bootstrap lists lower blobs where packing first used them", async () => {
  const image = await packImage(
    [
      layer(file('low', shared), file('gone', 'g')),
      layer(file('own', 'o'), file('copy', shared)),
      layer(file('copy-of-own', 'o'), file('again', shared)),
    ],
    { dedup: 'image' },
  );
  const ids = image.layers.map(({ blob }) => blob?.record.id);
  const tables = image.layers.map(({ bootstrap }) => blobTable(bootstrap));
  const own = { id: OWN_BLOB_ID, inlined: true };
  assert.deepEqual(tables, [
    [own],
    [own, { id: ids[0], inlined: false }],
    [1, 0].map((n) => ({ id: ids[n], inlined: false })),
  ]);
  assert.equal(image.layers[2]?.blob, undefined, 'nothing of its own');
  assert.equal(image.layers[1]?.table.chunks.length, 1);
});

test('a blob that no file of the merged tree refers to is not in its table', async () => {
  const image = await packImage(
    [
      layer(file('a', shared)),
      layer(file('new', 'only here'), file('b', shared)),
      layer(whiteout('new'), file('c', shared)),
    ],
    { dedup: 'image' },
  );
  assert.deepEqual(blobTable(image.bootstrap), [{ id: image.layers[0]?.blob?.record.id, inlined: false }]);
  assert.equal(image.layers[1]?.blob?.record.chunkCount, 1);
});

test('dedup by layer keeps a copy in every layer', async () => {
  const image = await packImage([layer(file('a', shared)), layer(file('b', shared))], { dedup: 'layer' });
  assert.deepEqual(
    image.layers.map(({ table }) => table.chunks.length),
    [1, 1],
  );
  assert.equal(blobTable(image.bootstrap).length, 2);
});

test('an image has the same bytes with any number of threads', async () => {
  const layers = [0, 1, 2].map((number) =>
    layer(
      ...Array.from({ length: 60 }, (_, i) =>
        file(`d${i % 7}/f${i}`, `${(i * (number + 1)) % 23} `.repeat(i * 40)),
      ),
    ),
  );
  const results = await Promise.all(
    [1, 2, 8].map((threads) => packImage(layers, { dedup: 'image', threads, chunkSize: 4096 })),
  );
  const [first, ...others] = results.map((image) => [
    image.bootstrap,
    ...image.layers.map(({ bytes }) => bytes),
  ]);
  for (const other of others) assert.deepEqual(other, first);
});
