import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { ContentMismatchError } from '../../../src/errors.js';
import { collect, compareDigest, contentOf, sized, verified } from '../../../src/io/streams.js';
import { digestFromHex } from '../../../src/oci/digest.js';

const content = Buffer.from('some content');
const expected = {
  mediaType: 'application/octet-stream',
  digest: digestFromHex(createHash('sha256').update(content).digest('hex')),
  size: content.length,
};

function read(bytes: Uint8Array, check: typeof verified): Promise<Buffer> {
  return collect(check(contentOf(bytes).open(), expected, 'blob'), 1000, 'blob');
}

test('content of the right size and digest passes', async () => {
  assert.deepEqual(await read(content, verified), content);
  assert.deepEqual(await read(content, sized), content);
});

test('longer and shorter content is refused, digested here or not', async () => {
  for (const check of [verified, sized]) {
    await assert.rejects(
      read(Buffer.concat([content, Buffer.of(0)]), check),
      /more than the 12 bytes promised/,
    );
    await assert.rejects(read(content.subarray(1), check), /ends after 11 of 12 bytes/);
  }
});

test('wrong content of the right size is refused when its digest is verified', async () => {
  const wrong = Buffer.from('some contenT');
  await assert.rejects(read(wrong, verified), ContentMismatchError);
  assert.deepEqual(await read(wrong, sized), wrong);
  assert.throws(() => {
    compareDigest(`sha256:${'0'.repeat(64)}`, expected, 'blob');
  }, ContentMismatchError);
});
