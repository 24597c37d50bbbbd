import assert from 'node:assert/strict';
import { test } from 'node:test';
import { InternalError } from '../../src/errors.js';
import { numberBlobs, storedOffsets } from './blobs.js';
import { blobOrder, layerBootstrap, mergedBootstrap } from './bootstraps.js';
import { buildLayerTree } from '../../src/merge/layer-tree.js';
import { type ChunkRef, chunkBlob, chunkIndex, chunkRef } from '../../src/rafs-builder/model/tree.js';
import { blobFeatures } from '../../src/rafs-builder/layout/v6.js';
import {
  type Unplaced,
  blob,
  chunked,
  entries,
  file,
  hardlink,
  inodeAt,
  tree,
} from '../support/images/layer-entries.js';

const settings = { chunkSize: 4096, compressor: 'zstd', digester: 'blake3' } as const;

function offsets(list: readonly Unplaced[]): [string, number][] {
  const stored = storedOffsets(tree(0, ...list).root, 4096);
  return Array.from(stored, ([ref, offset]) => [`${chunkBlob(ref)}:${chunkIndex(ref)}`, offset]);
}

test('blobs are numbered as the walk meets them, names of a directory before what its directories hold', () => {
  const { root } = tree(0, chunked('a/x', [3, 0]), chunked('b', [1, 5]), chunked('c', [0, 7], [1, 6]));
  const numbered = numberBlobs(root, [blob('0'), blob('1'), blob('2'), blob('3')]);
  assert.deepEqual(numbered.order, [1, 0, 3]);
  assert.deepEqual(
    numbered.blobs.map(({ record }) => record.id),
    ['1', '0', '3'].map((digit) => digit.repeat(64)),
  );
  assert.deepEqual(Array.from(numbered.positions), [
    [1, 0],
    [0, 1],
    [3, 2],
  ]);
});

test('hard links share one inode in the merged tree, whatever number its blob has', () => {
  const layers = [
    tree(0, chunked('z', [0, 0])),
    tree(1, chunked('d/a', [1, 1]), hardlink('d/b', 'd/a'), hardlink('c', 'd/b'), chunked('e', [1, 1])),
  ];
  const { root, positions, linked } = mergedBootstrap({
    ...settings,
    trees: layers,
    blobs: [blob('0'), blob('1')],
  });
  assert.equal(positions?.get(1), 0);
  assert.equal(inodeAt(root, 'c'), inodeAt(root, 'd/a'));
  assert.equal(inodeAt(root, 'c'), inodeAt(root, 'd/b'));
  assert.notEqual(inodeAt(root, 'c'), inodeAt(root, 'e'));
  assert.deepEqual(linked, new Set([inodeAt(root, 'c')]));
});

test('two layers with the same blob share one row of the blob table', () => {
  const { root } = tree(0, chunked('a', [2, 1]), chunked('b', [0, 1]), chunked('c', [1, 0]));
  const numbered = numberBlobs(root, [blob('7'), blob('8'), blob('7')]);
  assert.deepEqual(numbered.order, [2, 1]);
  assert.deepEqual(Array.from(numbered.positions), [
    [2, 0],
    [0, 0],
    [1, 1],
  ]);
});

test('no file with data, no blob', () => {
  const { root } = tree(0, file('empty'));
  assert.deepEqual(numberBlobs(root, [blob('0')]).blobs, []);
});

test('a reference to a blob that is not there is our mistake', () => {
  const { root } = tree(0, chunked('a', [1, 0]));
  assert.throws(() => numberBlobs(root, [blob('0')]), InternalError);
});

test('a chunk at several positions is stored with the last of them in walk order', () => {
  assert.deepEqual(
    offsets([chunked('a', [0, 0], [0, 1]), chunked('b', [0, 0], [0, 1])]),
    [],
    'equal positions are recognised',
  );
  assert.deepEqual(offsets([chunked('a', [0, 1], [0, 0]), chunked('b', [0, 0])]), [['0:0', 0]]);
  assert.deepEqual(
    offsets([chunked('b', [0, 0]), chunked('a', [0, 1], [0, 0])]),
    [['0:0', 0]],
    'the walk counts, not the tar',
  );
  assert.deepEqual(offsets([chunked('a', [0, 0]), chunked('z/b', [0, 1], [0, 0]), chunked('z/a', [0, 0])]), [
    ['0:0', 4096],
  ]);
  assert.deepEqual(offsets([chunked('a', [0, 0], [0, 0], [0, 0])]), [['0:0', 8192]]);
});

test('a merge inherits the offset that the layer stored', () => {
  const low = tree(0, chunked('a', [0, 0]), chunked('z', [0, 1], [0, 0]));
  const high = tree(1, file('.wh.z'), chunked('0', [1, 0]));
  const { storedFileOffset, positions } = mergedBootstrap({
    ...settings,
    trees: [low, high],
    blobs: [blob('0'), blob('1')],
  });
  assert.equal(positions?.get(0), 1);
  assert.equal(storedFileOffset?.(0, chunkRef(0, 0)), 4096);
  assert.equal(storedFileOffset(0, chunkRef(0, 1)), undefined);
  assert.equal(storedFileOffset(1, chunkRef(1, 0)), undefined);
});

test('a merged bootstrap says that its blobs hold no bootstrap for it, and always that there may be xattrs', () => {
  const { INLINED_FS_META, HAS_TOC } = blobFeatures.bits;
  const { blobs, forceXattrFlag } = mergedBootstrap({
    ...settings,
    trees: [tree(0, chunked('a', [0, 0]))],
    blobs: [blob('0', INLINED_FS_META | HAS_TOC)],
  });
  assert.deepEqual(
    blobs.map(({ record }) => record.features),
    [HAS_TOC],
  );
  assert.equal(forceXattrFlag, true);
});

test('an image without any chunk has the default chunk size', () => {
  const input = { ...settings, trees: [tree(0, file('empty'))] };
  assert.equal(mergedBootstrap({ ...input, blobs: [undefined] }).chunkSize, 0x10_0000);
  assert.equal(mergedBootstrap({ ...input, blobs: [blob('0')] }).chunkSize, settings.chunkSize);
});

test("a layer's blobs stand in the order in which packing used them, dead chunks included", () => {
  const { INLINED_FS_META } = blobFeatures.bits;
  const list = entries(
    chunked('dead', [1, 0]),
    chunked('z', [3, 0]),
    chunked('a', [0, 4], [3, 1]),
    file('dead'),
  );
  const layer = buildLayerTree(list, 3);
  const all = ['0', '1', '2', '3'].map((digit) => blob(digit, INLINED_FS_META));
  const { positions, blobs, forceXattrFlag } = layerBootstrap({
    ...settings,
    tree: layer,
    order: blobOrder(list),
    blobs: all,
  });
  assert.deepEqual(
    blobs.map(({ record }) => [record.id[0], record.features]),
    [
      ['1', 0],
      ['3', INLINED_FS_META],
      ['0', 0],
    ],
  );
  assert.deepEqual(
    [1, 3, 0].map((number) => positions?.get(number)),
    [0, 1, 2],
  );
  assert.equal(forceXattrFlag, undefined);
});

test('a layer that only repeats lower chunks has no blob of its own', () => {
  const list = entries(chunked('copy', [0, 0]));
  const { blobs } = layerBootstrap({
    ...settings,
    tree: buildLayerTree(list, 1),
    order: blobOrder(list),
    blobs: [blob('0')],
  });
  assert.deepEqual(
    blobs.map(({ record }) => record.id[0]),
    ['0'],
  );
});

test('references name blob and index beyond 32 bits', () => {
  const ref: ChunkRef = chunkRef(253, 0xff_fffe);
  assert.equal(chunkBlob(ref), 253);
  assert.equal(chunkIndex(ref), 0xff_fffe);
});
