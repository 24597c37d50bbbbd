/** Flattened images: whatever the layers are, the tree is that of the whole image, and no blob holds a chunk that no file names. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fc } from '../support/properties.js';
import { NydusError } from '../../src/errors.js';
import { judgeBootstrap } from '../../src/native/judge.js';
import { chunkBlob, type TreeNode } from '../../src/rafs-builder/model/tree.js';
import { sortedChildren } from '../../src/rafs-builder/model/walk.js';
import { readBootstrap } from '../../src/rafs-builder/versions.js';
import { anyLayer } from '../support/images/any-layer.js';
import { contentDigest, packImage, type PackedImage, type PackingOptions } from '../support/images/image.js';
import { randomImage } from '../support/images/random-layers.js';
import { file, layer, symlink } from '../support/images/tar.js';
import { expectedTreeLines } from '../support/images/tree-lines.js';

const RUNS = Number(process.env['NYDUS_FLATTEN_RUNS'] ?? 60);

const format = fc.record({
  fsVersion: fc.constantFrom(5, 6 as const),
  compressor: fc.constantFrom('zstd', 'none', 'lz4_block' as const),
  dedup: fc.constantFrom('image', 'layer' as const),
  flatten: fc.constantFrom('layers', 'one' as const),
  chunkSize: fc.constantFrom(4096, 8192),
});

const linesOf = async (image: PackedImage): Promise<readonly string[]> =>
  expectedTreeLines(image.merged.root, (file) => contentDigest(image, file));

/** The message of a refusal counts as the outcome. */
async function packed(
  layers: readonly Buffer[],
  options: PackingOptions,
  places: readonly number[],
): Promise<PackedImage | string> {
  try {
    return await packImage(layers, options, places);
  } catch (error) {
    if (error instanceof NydusError) return error.message;
    throw error;
  }
}

async function assertFlat(
  layers: readonly Buffer[],
  options: PackingOptions,
  places: readonly number[] = [...layers.keys()],
): Promise<void> {
  const [whole, flat] = [
    await packed(layers, { ...options, flatten: 'none' }, places),
    await packed(layers, options, places),
  ];
  if (typeof whole === 'string' || typeof flat === 'string') {
    assert.equal(flat, whole);
    return;
  }
  assert.deepEqual(await linesOf(flat), await linesOf(whole));
  assert.deepEqual(judgeBootstrap(flat.bootstrap), []);
  assertAllNamed(flat);
  if (options.flatten === 'layers') assertStacks(flat, places);
  const again = await packImage(layers, { ...options, threads: 8 }, places);
  assert.deepEqual(
    [again.bootstrap, ...again.layers.map(({ bytes }) => bytes)],
    [flat.bootstrap, ...flat.layers.map(({ bytes }) => bytes)],
    'the number of threads changes nothing',
  );
}

function assertAllNamed({ merged, layers }: PackedImage): void {
  const named = merged.blobs.map(() => new Set<number>());
  const visit = (node: TreeNode): void => {
    if (node.inode.kind === 'file') for (const ref of node.inode.chunks) named[chunkBlob(ref)]?.add(ref);
    for (const child of sortedChildren(node)) visit(child);
  };
  visit(merged.root);
  assert.deepEqual(
    merged.blobs.map(({ record }) => record.chunkCount),
    named.map(({ size }) => size),
  );
  for (const { chunks } of merged.blobs) {
    let end = 0;
    for (const index of [...chunks.indexes()].sort((a, b) => a - b)) {
      const { compressedOffset, compressedSize } = chunks.at(index);
      assert.equal(compressedOffset, end, 'stored chunks lie side by side');
      end += compressedSize;
    }
  }
  const ids = new Set(merged.blobs.map(({ record }) => record.id));
  for (const { record } of layers) assert.ok(record === undefined || ids.has(record.id));
}

/** The layers put on one another, as tools do that unpack them one by one, are the image. */
function assertStacks({ layers, merged }: PackedImage, places: readonly number[]): void {
  const stack = new Map<string, string>();
  for (const place of places) {
    const layer = layers[place] ?? assert.fail();
    for (const [path, attributes] of attributesOf(readBootstrap(layer.bootstrap).bootstrap.root))
      stack.set(path, attributes);
  }
  assert.deepEqual([...stack].sort(), [...attributesOf(merged.root)].sort());
}

function attributesOf(root: TreeNode): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  const visit = (node: TreeNode, path: string): void => {
    const { kind, mode, uid, gid, mtime, mtimeNsec, xattrs } = node.inode;
    const size = node.inode.kind === 'file' ? node.inode.size : 0;
    found.set(path, JSON.stringify([kind, mode, uid, gid, mtime, mtimeNsec, xattrs, size]));
    for (const child of sortedChildren(node)) visit(child, `${path}/${child.name}`);
  };
  visit(root, '');
  return found;
}

const chain = fc.array(anyLayer, { minLength: 1, maxLength: 4 }).chain((layers) =>
  fc.record({
    layers: fc.constant(layers),
    /** Layers that the manifest lists once more. */
    again: fc.array(fc.nat(layers.length - 1), { maxLength: 2 }),
    options: format,
  }),
);

test('layers of whatever entries, some of them twice, flattened have the tree of the whole image', async () => {
  await fc.assert(
    fc.asyncProperty(chain, async ({ layers, again, options }) => {
      const bytes = layers.map((layer) => layer.bytes);
      await assertFlat(bytes, options, [...bytes.keys(), ...again]);
    }),
    { numRuns: RUNS },
  );
});

test('a directory that only the target of a symlink leads through is of a layer, too', async () => {
  const layers = [
    layer(symlink('d', 'a/../b'), symlink('e', 'c/x/../../b')),
    layer(file('d/f', 'one')),
    layer(file('e/g', '')),
  ];
  for (const flatten of ['layers', 'one'] as const) {
    await assertFlat(layers, { fsVersion: 5, compressor: 'zstd', dedup: 'image', flatten, chunkSize: 4096 });
  }
});

test('sensible images flattened have the tree of the whole image', async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer(), format, async (seed, options) => {
      await assertFlat(randomImage(seed, options).layers, options);
    }),
    { numRuns: Math.ceil(RUNS / 3) },
  );
});
