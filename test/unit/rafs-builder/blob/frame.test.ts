/** Blobs made of a few sections by hand: the reader of sections against what the bytes say. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { compressSync } from 'lz4-napi';
import { FormatError } from '../../../../src/errors.js';
import { compress, decompress } from '../../../../src/native/codec.js';
import { readBootstrapSection } from '../../../../src/rafs-builder/blob/bootstrap.js';
import type { ReadRange } from '../../../../src/rafs-builder/blob/end.js';
import { readBlobFrame } from '../../../../src/rafs-builder/blob/frame.js';
import { readBlobFrameV5 } from '../../../../src/rafs-builder/blob/frame-v5.js';
import { decodeSection, sectionContent } from '../../../../src/rafs-builder/blob/section.js';
import { encodeTarHeader } from '../../../support/images/section-header.js';
import { tocFlags } from '../../../../src/rafs-builder/layout/blob.js';
import { blobOfSections, type MadeSection } from '../../../support/images/blob-sections.js';

const DATA = Buffer.from('data of two chunks');
const BOOT = Buffer.from('bootstrap '.repeat(500));

/** Counts the bytes that are asked for. */
function reader(blob: Buffer): { readonly read: ReadRange; readonly asked: () => number } {
  let asked = 0;
  return {
    read: async (start, end) => {
      asked += end - start;
      return blob.subarray(start, end);
    },
    asked: () => asked,
  };
}

async function storedBy(flag: keyof typeof tocFlags.bits): Promise<MadeSection> {
  const stored = {
    NONE: async () => BOOT,
    ZSTD: async () => (await compress(BOOT, 3)) ?? assert.fail(),
    // The package puts the size in front of the block.
    LZ4_BLOCK: async () => compressSync(BOOT).subarray(4),
  };
  return { name: 'image.boot', content: BOOT, stored: await stored[flag](), flags: tocFlags.bits[flag] };
}

for (const flag of ['NONE', 'ZSTD', 'LZ4_BLOCK'] as const) {
  test(`a section stored as ${flag} is read, within the frame and by itself`, async () => {
    const blob = blobOfSections([{ name: 'image.blob', content: DATA }, await storedBy(flag)]);
    const { read } = reader(blob);
    const frame = await readBlobFrame(blob.length, read);
    assert.equal(frame.dataSize, DATA.length);
    assert.deepEqual([...frame.sections.keys()], ['image.boot', 'image.blob']);
    const section = frame.sections.get('image.boot') ?? assert.fail();
    assert.deepEqual(await sectionContent(section, decompress), BOOT);
    assert.deepEqual(await decodeSection(await readBootstrapSection(blob.length, read), decompress), BOOT);
  });
}

test('a section of another digest than listed has no content, and can still be decoded', async () => {
  const section = { ...(await storedBy('NONE')), digest: createHash('sha256').update('other').digest() };
  const blob = blobOfSections([section]);
  const { sections } = await readBlobFrame(blob.length, reader(blob).read);
  const found = sections.get('image.boot') ?? assert.fail();
  await assert.rejects(sectionContent(found, decompress), FormatError);
  assert.deepEqual(await decodeSection(found, decompress), BOOT);
});

test('chunk data is not read', async () => {
  const blob = blobOfSections([
    { name: 'image.blob', content: Buffer.alloc(1024 * 1024) },
    await storedBy('ZSTD'),
  ]);
  const { read, asked } = reader(blob);
  await readBlobFrame(blob.length, read);
  assert.ok(asked() <= 64 * 1024, `${asked()} bytes were read`);
});

test('a tail longer than the first read is read whole', async () => {
  const digests = Buffer.alloc(200 * 1024, 7);
  const blob = blobOfSections([
    { name: 'image.blob', content: DATA },
    { name: 'blob.digest', content: digests },
    await storedBy('NONE'),
  ]);
  const { sections, tail } = await readBlobFrame(blob.length, reader(blob).read);
  assert.deepEqual(sections.get('blob.digest')?.stored, digests);
  assert.equal(tail.length, blob.length - DATA.length);
});

test('a v5 blob has data and bootstrap, and no table of contents', async () => {
  const data = encodeTarHeader('image.blob', DATA.length);
  const blob = Buffer.concat([DATA, data, BOOT, encodeTarHeader('image.boot', BOOT.length)]);
  const { read } = reader(blob);
  const { dataSize, sections } = await readBlobFrameV5(blob.length, read);
  assert.equal(dataSize, DATA.length);
  assert.deepEqual(sections.get('image.boot')?.stored, BOOT);
  assert.deepEqual(await decodeSection(await readBootstrapSection(blob.length, read), decompress), BOOT);
  await assert.rejects(readBlobFrame(blob.length, read), /last section is image\.boot, not rafs\.blob\.toc/);
});

test('headers and table that differ are refused', async () => {
  const boot = await storedBy('NONE');
  const blob = blobOfSections([boot]);
  const other = Buffer.from(blob);
  encodeTarHeader('image.boot', BOOT.length - 1).copy(other, BOOT.length);
  await assert.rejects(readBlobFrame(other.length, reader(other).read), /but the table of contents states/);
  const unlisted = Buffer.concat([Buffer.alloc(3), encodeTarHeader('blob.digest', 3), blob]);
  await assert.rejects(readBlobFrame(unlisted.length, reader(unlisted).read), FormatError);
});
