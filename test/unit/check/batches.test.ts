/** Blobs with batches: every word of their tables counts, and damage of a batch is one of its chunks. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openImage } from '../../../src/check/opened.js';
import { loadSubject } from '../../../src/check/subject.js';
import { decompress } from '../../../src/native/codec.js';
import { digestHex } from '../../../src/oci/digest.js';
import { allPlatforms } from '../../../src/oci/platform.js';
import { blobFeatures } from '../../../src/rafs-builder/layout/v6.js';
import { readBlobFrame } from '../../../src/rafs-builder/blob/frame.js';
import { sectionContent } from '../../../src/rafs-builder/blob/section.js';
import {
  batchContext,
  blobMetaHeader,
  chunkMetaV2,
  SECTIONS,
} from '../../../src/rafs-builder/layout/blob.js';
import {
  check,
  converted,
  flip,
  idsOf,
  manifestOf,
  sourceImage,
  withBytes,
} from '../../support/images/memory-conversion.js';
import { dir, file, hardlink, layer } from '../../support/images/tar.js';

const noise = (length: number, seed: number): Buffer =>
  Buffer.from(Array.from({ length }, (_, i) => (Math.imul(i + 1, seed) >>> 13) & 0xff));

/** Batches in front of and behind a large file, one of noise, duplicates in and between them, and an empty file. */
const TARS = [
  layer(
    dir('a'),
    ...Array.from({ length: 40 }, (_, i) => file(`a/${i}`, `file ${i} `.repeat(40 + i))),
    file('a/same', 'file 3 '.repeat(43)),
    hardlink('a/link', 'a/1'),
    file('a/empty', ''),
    file('large', noise(20_000, 2_654_435_761)),
    ...Array.from({ length: 6 }, (_, i) => file(`noise-${i}`, noise(700, 40_503 + i))),
  ),
  layer(file('b', 'the last one ends with its layer '.repeat(9)), file('c', 'file 5 '.repeat(45))),
];
const BATCHED = { batchSize: 0x1000, chunkSize: 0x4000 };

test('an image with batches is good, whole, in samples, and beside its source', async () => {
  const source = sourceImage(TARS);
  for (const compressor of ['zstd', 'none'] as const) {
    for (const dedup of ['layer', 'image'] as const) {
      const target = await converted(source, { ...BATCHED, compressor, dedup });
      assert.deepEqual(await idsOf(target, source), []);
      assert.deepEqual((await check(target, undefined, { sample: 50 })).findings, []);
      const same = await converted(source, { ...BATCHED, compressor, dedup, threads: 1 });
      assert.equal(same.root?.digest, target.root?.digest, 'the number of threads does not count');
    }
  }
});

test('what is left to choose is in batches only where several small files follow one another', async () => {
  const large = sourceImage([
    ...TARS,
    layer(file('alone', 'small '.repeat(9)), file('large', noise(90_000, 77))),
  ]);
  const target = await converted(large, { batchSize: 'auto' });
  assert.deepEqual(await idsOf(target, large), []);
  const { images } = await loadSubject(target, 'target', allPlatforms, {});
  const { opened } = await openImage(images[0] ?? assert.fail(), {});
  const batched = opened?.blobs.map(({ record }) => [
    record.chunkCount,
    blobFeatures.has(record.features, 'BATCH'),
  ]);
  assert.deepEqual(batched, [
    [2, false],
    [2, true],
    [47, true],
  ]);
});

test('a change of any word of the records, the batches or their header is found', async () => {
  const target = await converted(sourceImage(TARS), BATCHED);
  const { images } = await loadSubject(target, 'target', allPlatforms, {});
  const opened = (await openImage(images[0] ?? assert.fail(), {})).opened ?? assert.fail();
  const used = opened.blobs.find(({ record }) => record.chunkCount > 10) ?? assert.fail();
  const blob = manifestOf(target).layers.find(({ digest }) => digestHex(digest) === used.record.id);
  const bytes = Buffer.from(target.content.get(blob?.digest ?? assert.fail()) ?? []);
  const frame = await readBlobFrame(bytes.length, (start, end) =>
    Promise.resolve(bytes.subarray(start, end)),
  );
  const contents = new Map<string, Buffer>();
  for (const [name, section] of frame.sections)
    if (section.stored !== undefined) contents.set(name, await sectionContent(section, decompress));
  const judged = (name: string, at: number, bit: number): readonly string[] => {
    const sections = Array.from(frame.sections, ([other, { entry }]) => ({
      name: other,
      offset: entry.offset,
      compressedSize: entry.compressedSize,
      uncompressedSize: entry.uncompressedSize,
      content: contents.get(other),
    }));
    const changed = Buffer.from(contents.get(name) ?? []);
    changed.writeUInt32LE((changed.readUInt32LE(at) ^ (1 << bit)) >>> 0, at);
    const { dataSize, tail } = frame;
    return opened
      .judgeBlob(
        {
          id: used.record.id,
          size: bytes.length,
          dataSize,
          tail,
          sections: sections.map((section) =>
            section.name === name ? { ...section, content: changed } : section,
          ),
          copy: undefined,
        },
        used.number,
      )
      .findings.map(({ id }) => id);
  };
  const table = contents.get(SECTIONS.meta)?.length ?? 0;
  const { chunkCount } = used.record;
  assert.ok(table > chunkCount * chunkMetaV2.size + 3 * batchContext.size, 'there are several batches');
  let seen = 0;
  for (let at = 0; at < table; at += 4)
    for (const bit of [0, 9, 20, 26, 31]) {
      seen++;
      const isCrc =
        at < chunkCount * chunkMetaV2.size && at % chunkMetaV2.size === chunkMetaV2.offset.dataLow;
      // A checksum is compared with the data, which is not read here.
      if (isCrc && judged(SECTIONS.meta, at, bit).length === 0) continue;
      assert.notDeepEqual(judged(SECTIONS.meta, at, bit), [], `bit ${bit} of byte ${at} of ${table}`);
    }
  for (const field of ['features', 'entries', 'tableOffset', 'tableSize', 'tableCount'] as const)
    assert.notDeepEqual(judged(SECTIONS.metaHeader, blobMetaHeader.offset[field], 2), [], field);
  assert.ok(seen > 1000);
});

test('damaged bytes of a batch are found at the chunks of it', async () => {
  const target = await converted(sourceImage(TARS), BATCHED);
  const { findings } = await check(withBytes(target, 0, flip(100)));
  const chunks = findings.filter(({ id }) => id === 'CHUNK-DATA');
  assert.ok(chunks.length > 1);
  for (const { message } of chunks) assert.match(message, /^chunk \d+: /);
});
