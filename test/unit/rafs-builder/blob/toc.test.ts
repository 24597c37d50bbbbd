import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FormatError } from '../../../../src/errors.js';
import { readBootstrapSection } from '../../../../src/rafs-builder/blob/bootstrap.js';
import { decodeSection } from '../../../../src/rafs-builder/blob/section.js';
import { encodeTarHeader } from '../../../support/images/section-header.js';
import { tocEntry } from '../../../../src/rafs-builder/layout/blob.js';
import { tocOf } from '../../../support/images/blob-toc.js';

const NAME = 'rafs.blob.toc';

/** The end of a blob: one entry, changed at one place, and a header that claims `size` bytes of entries. */
function end(size: number, change: (entry: Buffer) => void = () => undefined): Buffer {
  const entry = Buffer.alloc(tocEntry.size);
  tocEntry.write(entry, 0, {
    flags: 1,
    name: 'image.boot',
    digest: Buffer.alloc(32, 1),
    offset: 0,
    compressedSize: 100,
    uncompressedSize: 100,
  });
  change(entry);
  return Buffer.concat([Buffer.alloc(612), entry, encodeTarHeader(NAME, size)]);
}

async function bootstrapIn(blob: Buffer): Promise<Buffer> {
  const section = await readBootstrapSection(blob.length, async (start, stop) => blob.subarray(start, stop));
  return decodeSection(section, () => assert.fail('the section is raw'));
}

test('a table of contents at the end of a blob is found, and the section that it lists', async () => {
  const blob = end(tocEntry.size);
  assert.deepEqual(
    tocOf(blob).map(({ name, compressedSize }) => [name, compressedSize]),
    [['image.boot', 100]],
  );
  assert.equal((await bootstrapIn(blob)).length, 100);
});

test('a table of contents larger than its blob, or with a partial entry, is refused', async () => {
  const blobs = {
    huge: end(0o77777777777),
    'larger than the blob': end(tocEntry.size * 20),
    'no multiple of an entry': end(tocEntry.size - 1),
    empty: end(0),
    'no header at all': Buffer.alloc(4096),
    'shorter than a header': Buffer.alloc(100),
  };
  for (const [what, blob] of Object.entries(blobs)) {
    assert.throws(() => tocOf(blob), FormatError, what);
    await assert.rejects(bootstrapIn(blob), FormatError, what);
  }
});

test('a listed section with unknown flags, or one that reaches into the table, is refused', async () => {
  const blobs = {
    'unknown flags': end(tocEntry.size, (entry) => entry.writeUInt32LE(0x8001, 0)),
    'a section beyond the table': end(tocEntry.size, (entry) => entry.writeUInt32LE(0xffff_ffff, 0x40)),
    'a section that starts beyond the blob': end(tocEntry.size, (entry) =>
      entry.writeUInt32LE(0xffff_ffff, 0x38),
    ),
    'a raw section of two sizes': end(tocEntry.size, (entry) => entry.writeUInt32LE(99, 0x48)),
    'no bootstrap': end(tocEntry.size, (entry) => entry.write('other.boot', 0x08)),
  };
  for (const [what, blob] of Object.entries(blobs)) {
    assert.equal(tocOf(blob).length, 1, what);
    await assert.rejects(bootstrapIn(blob), FormatError, what);
  }
});
