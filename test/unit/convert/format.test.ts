/** The options that decide about bytes: defaults, and the line that stands for them in upload notes. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatLine, formatOptions } from '../../../src/convert/format.js';
import { convertOptions } from '../../../src/convert/options.js';
import { FORMAT_DEFAULTS } from '../../../src/native/formats.js';

test('defaults are those of the addon, and other options of a conversion are left out', () => {
  assert.deepEqual(formatOptions(), FORMAT_DEFAULTS);
  const options = convertOptions({ compressor: 'none', concurrency: 2 });
  assert.deepEqual(formatOptions(options), { ...FORMAT_DEFAULTS, compressor: 'none' });
});

test('the line keeps its text, since notes of earlier versions hold it', () => {
  assert.equal(formatLine(convertOptions()), 'v6 zstd 3 1048576 layer');
  assert.equal(formatLine(convertOptions({ dedup: 'image' })), 'v6 zstd 3 1048576 image');
  assert.equal(
    formatLine(convertOptions({ compressor: 'none', chunkSize: 4096, dedup: 'layer' })),
    'v6 none 3 4096 layer',
  );
});

test('a prefetch list changes the line, and a list of the whole image is none', () => {
  const prefetch = [{ path: '/a', kind: 'path' }] as const;
  const line = formatLine(convertOptions({ prefetch }));
  assert.match(line, /^v6 zstd 3 1048576 layer prefetch=sha256:[0-9a-f]{64}$/);
  assert.notEqual(formatLine(convertOptions({ prefetch: [{ path: '/a', kind: 'file' }] })), line);
  assert.equal(
    formatLine(convertOptions({ prefetch: [{ path: '/', kind: 'exact' }] })),
    'v6 zstd 3 1048576 layer',
  );
});

test('a batch size is a power of two up to the chunk size, and part of the line', () => {
  assert.equal(formatLine(convertOptions({ batchSize: 4096 })), 'v6 zstd 3 1048576 layer batchSize=4096');
  assert.equal(formatLine(convertOptions({ batchSize: 'auto' })), 'v6 zstd 3 1048576 layer batchSize=auto');
  for (const batchSize of [1, 4095, 12_288, -4096, 2 ** 21, 0.5])
    assert.throws(() => formatOptions({ batchSize }), /^UsageError: batch size .* is not a power of two/);
  assert.throws(() => formatOptions({ batchSize: 4096, chunkSize: 2 ** 24 }), /do not go together/);
});

test('batches are refused for a reader that does not know them', () => {
  for (const batchSize of [4096, 'auto'] as const) {
    assert.throws(
      () => formatOptions({ batchSize, compat: 'nydusd-2.2' }),
      /^UsageError: nydusd-2\.2 reads no batches/,
    );
    assert.equal(formatOptions({ batchSize, compat: 'nydusd-2.3' }).compat, 'nydusd-2.3');
  }
  assert.equal(
    formatLine(formatOptions({ compat: 'nydusd-2.2' })),
    'v6 zstd 3 1048576 layer compat=nydusd-2.2',
  );
});

test('the line tells options apart that earlier versions did not have', () => {
  assert.equal(
    formatLine(convertOptions({ fsVersion: 5, alignChunks: true, digester: 'sha256' })),
    'v5 zstd 3 1048576 layer digester=sha256 alignChunks=true',
  );
});
