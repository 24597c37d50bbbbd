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

test('the line tells options apart that earlier versions did not have', () => {
  assert.equal(
    formatLine(convertOptions({ fsVersion: 5, alignChunks: true, digester: 'sha256' })),
    'v5 zstd 3 1048576 layer digester=sha256 alignChunks=true',
  );
});
