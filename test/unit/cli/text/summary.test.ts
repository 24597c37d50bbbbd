/** The last lines of a conversion. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { convertSummary } from '../../../../src/cli/text/summary.js';
import { type BatchRule, batchRule } from '../../../../src/convert/batching.js';
import type { ConvertResult } from '../../../../src/convert/convert.js';
import { sha256 } from '../../../../src/oci/digest.js';

const content = { mediaType: 'x', digest: sha256('1'), size: 1000 };
const stats = {
  sourceBytes: 1000,
  tarBytes: 4000,
  blobBytes: 100_000,
  entries: 3,
  chunks: 5,
  newChunks: 5,
  duplicateBytes: 0,
};

function resultOf(repeatedBytes: number): ConvertResult {
  const image = {
    platform: 'linux/amd64',
    source: content,
    nydus: content,
    config: content,
    oci: undefined,
    layers: [{ source: content, blob: content, stats, batches: 0, outcome: 'pushed' as const }],
    bootstrapBytes: 4096,
    repeatedBytes,
    prefetched: undefined,
    dictionaryBlobs: [],
    recipeBytes: 0,
    sourceBytes: 1000,
    nydusBytes: 1000,
    targetBytes: 1000,
  };
  return {
    root: content,
    target: 'registry.example/app:1',
    unchanged: false,
    images: [image],
    kept: [],
    sourceBytes: 1000,
    targetBytes: 1000,
    repeatedBytes,
    times: { pull: 1, conversion: 1, push: 1, total: 3 },
  };
}

test('what --dedup image would save is told from one percent of the blobs on', () => {
  const told = (repeatedBytes: number): readonly string[] =>
    [true, false].map(
      (isTold) =>
        convertSummary(resultOf(repeatedBytes), isTold).find((line) => line.includes('--dedup')) ?? '',
    );
  for (const bytes of [0, 50, 999]) assert.deepEqual(told(bytes), ['', '']);
  const line = '--dedup image would store 1.00 kB (1.0 %) less';
  assert.deepEqual(told(1000), [`linux/amd64: ${line}`, `  ${line}`]);
});

test('the blobs of a dictionary are named with what they saved, the one that saves most first', () => {
  const result = resultOf(0);
  const [image = assert.fail()] = result.images;
  const blob = (
    name: string,
    savedBytes: number,
    chunks: number,
  ): (typeof image.dictionaryBlobs)[number] => ({
    ...content,
    digest: sha256(name),
    chunks,
    savedBytes,
  });
  const dictionaryBlobs = [blob('one', 2000, 1), blob('two', 60_000, 12)];
  const lines = convertSummary({ ...result, images: [{ ...image, dictionaryBlobs }] }, true);
  assert.deepEqual(lines.slice(0, 3), [
    'linux/amd64: chunk dictionary: 62.0 kB not stored again (13 chunks in 2 blobs of it)',
    `linux/amd64:   blob ${sha256('two').slice(7, 19)}, 1.00 kB: 60.0 kB (12 chunks)`,
    `linux/amd64:   blob ${sha256('one').slice(7, 19)}, 1.00 kB: 2.00 kB (1 chunk)`,
  ]);
});

test('the rule of batches is told with what it came to', () => {
  const told = (batching: BatchRule | undefined, batches: number): string | undefined => {
    const result = resultOf(0);
    const [image] = result.images;
    const [layer] = image?.layers ?? [];
    if (image === undefined || layer === undefined) throw new Error('the result has one layer');
    const images = [{ ...image, layers: [{ ...layer, batches }] }];
    return convertSummary({ ...result, images, batching }, true).find((line) => line.includes('together'));
  };
  const auto = batchRule({ batchSize: 'auto', chunkSize: 2 ** 20 });
  assert.equal(
    told(auto, 3),
    'linux/amd64: files below 64 KiB that follow one another are compressed together in 3 batches below 1 MiB, in 1 of 1 blob',
  );
  assert.equal(
    told(auto, 0),
    'linux/amd64: no files below 64 KiB that follow one another are there to be compressed together',
  );
  assert.equal(
    told(batchRule({ batchSize: 0x1_0000, chunkSize: 2 ** 20 }), 1),
    'linux/amd64: files below 32 KiB are compressed together in 1 batch below 64 KiB, in 1 of 1 blob',
  );
  assert.deepEqual(batchRule({ batchSize: 'auto', chunkSize: 0x8000 }), {
    isAuto: true,
    below: 0x4000,
    size: 0x8000,
  });
  assert.equal(told(batchRule({ batchSize: 0, chunkSize: 2 ** 20 }), 0), undefined);
});
