import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { demandCompactSettings } from '../../../../src/cli/flags/compact.js';
import { UsageError } from '../../../../src/errors.js';
import { tempFolder } from '../../../support/temp-folder.js';

test('settings of --compact are numbers or texts, by the documented names and by those of upstream’s program', async (t) => {
  const file = join(await tempFolder(t), 'compact.json');
  for (const settings of [
    {},
    { min_used_ratio: 5, compact_blob_size: 10485760, max_compact_size: 104857600, layers_to_compact: 32 },
    { min_used_ratio: '5', compact_blob_size: '0xa00000' },
    { MinUsedRatio: '5', CompactBlobSize: '10485760', LayersToCompact: '32', BlobsDir: './blobs' },
    { minusedratio: 100 },
  ]) {
    await writeFile(file, JSON.stringify(settings));
    demandCompactSettings(file);
  }
});

test('settings of --compact that upstream’s builder could not use are refused by one sentence', async (t) => {
  const folder = await tempFolder(t);
  const file = join(folder, 'compact.json');
  const cases: readonly (readonly [string, RegExp])[] = [
    ['', /is no JSON$/],
    ['{', /is no JSON$/],
    ['[]', /is no JSON object$/],
    ['null', /is no JSON object$/],
    ['{"min_used_ratio":101}', /min_used_ratio is a whole number up to 100, or a text with one$/],
    ['{"min_used_ratio":-1}', /min_used_ratio is a whole number up to 100/],
    ['{"min_used_ratio":0.5}', /min_used_ratio is a whole number up to 100/],
    ['{"min_used_ratio":""}', /min_used_ratio is a whole number up to 100/],
    ['{"CompactBlobSize":true}', /CompactBlobSize is a whole number, or a text with one$/],
    ['{"compact_blob_size":"10MB"}', /compact_blob_size is a whole number/],
    ['{"layers_to_compact":null}', /layers_to_compact is a whole number/],
    ['{"blobs_dir":1}', /blobs_dir is no text$/],
    ['{"min_use_ratio":5}', /has the unknown member "min_use_ratio"$/],
    [' '.repeat(70_000), /has more than 64 KiB$/],
  ];
  for (const [text, message] of cases) {
    await writeFile(file, text);
    assert.throws(
      () => {
        demandCompactSettings(file);
      },
      (error) => error instanceof UsageError && message.test(error.message),
      text.slice(0, 80),
    );
  }
  for (const missing of [folder, join(folder, 'none')])
    assert.throws(() => {
      demandCompactSettings(missing);
    }, /is no file$/);
});
