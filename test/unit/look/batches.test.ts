/** Files whose chunks are compressed together are read, measured and compared as any others. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ContentMismatchError, FormatError } from '../../../src/errors.js';
import { collect } from '../../../src/io/streams.js';
import type { Filesystem } from '../../../src/look/filesystem.js';
import { lookup, pathFromText } from '../../../src/look/lookup.js';
import { openFilesystem } from '../../../src/look/open.js';
import { usageByDirectory } from '../../../src/rafs-builder/show/usage.js';
import {
  converted,
  flip,
  manifestOf,
  sourceImage,
  withBytes,
} from '../../support/images/memory-conversion.js';
import { dir, file, layer } from '../../support/images/tar.js';

const text = (i: number): string => `file ${i} of many `.repeat(20 + i);
const COUNT = 50;
const source = sourceImage([
  layer(
    dir('d'),
    ...Array.from({ length: COUNT }, (_, i) => file(`d/${i}`, text(i))),
    file('large', 'large '.repeat(4000)),
  ),
]);
const BATCHED = { batchSize: 0x2000, chunkSize: 0x4000 };

async function contentOf(filesystem: Filesystem, path: string): Promise<string> {
  const { node, path: raw } = lookup(filesystem.root, pathFromText(path), { follow: true });
  assert.ok(node.inode.kind === 'file');
  return (await collect(filesystem.open(node.inode, raw, {}), 1e6, path)).toString();
}

test('every file of an image with batches reads as it was, with any compressor', async () => {
  for (const compressor of ['zstd', 'none'] as const) {
    const filesystem = await openFilesystem(await converted(source, { ...BATCHED, compressor }));
    for (let i = 0; i < COUNT; i++) assert.equal(await contentOf(filesystem, `/d/${i}`), text(i));
    assert.equal(await contentOf(filesystem, '/large'), 'large '.repeat(4000));
  }
});

test('the shares of the chunks of a batch are the bytes of the batch', async () => {
  const target = await converted(source, BATCHED);
  const filesystem = await openFilesystem(target);
  const [all] = usageByDirectory(filesystem.root, (ref) => filesystem.chunk(ref).record);
  const batches = new Map<number, number>();
  let own = 0;
  for (const { inode } of [...(filesystem.root.children?.values() ?? [])].flatMap((node) => [
    node,
    ...(node.children?.values() ?? []),
  ]))
    for (const ref of new Set(inode.kind === 'file' ? inode.chunks : [])) {
      const { record } = filesystem.chunk(ref);
      if (record.batch === undefined) own += record.compressedSize;
      else batches.set(record.compressedOffset, record.batch.stored);
    }
  const sum = [...batches.values()].reduce((total, size) => total + size, own);
  assert.ok(batches.size > 1);
  assert.equal(all?.unique.stored, sum);
});

test('damage of a batch or of the table that leads to it is an error about the blob', async () => {
  const target = await converted(source, BATCHED);
  const damaged = await openFilesystem(withBytes(target, 0, flip(20)));
  await assert.rejects(contentOf(damaged, '/d/0'), ContentMismatchError);
  const [layerOfBlob] = manifestOf(target).layers;
  const size = layerOfBlob?.size ?? 0;
  let refused = 0;
  const filesystem = await openFilesystem(target);
  assert.ok(filesystem.kind === 'nydus' && 'bootstrap' in filesystem);
  // The table is small enough to be stored as it is, or compressed; either way its bytes count.
  for (let at = size - 1; at > 0; at -= Math.ceil(size / 60)) {
    try {
      const other = await openFilesystem(withBytes(target, 0, flip(at)));
      assert.equal(await contentOf(other, '/d/7'), text(7));
    } catch (error) {
      assert.ok(error instanceof FormatError || error instanceof ContentMismatchError, String(error));
      refused++;
    }
  }
  assert.ok(refused > 0);
});
