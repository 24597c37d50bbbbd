import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FormatError } from '../../../../src/errors.js';
import { tocEntry } from '../../../../src/rafs-builder/layout/blob.js';
import { encodeTarHeader } from '../../../../src/rafs-builder/blob/section-header.js';
import { parseToc } from '../../../../src/rafs-builder/blob/toc.js';

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

test('a table of contents at the end of a blob is found', () => {
  const bytes = end(tocEntry.size);
  assert.deepEqual(
    parseToc(bytes, bytes.length).map(({ name, compressedSize }) => [name, compressedSize]),
    [['image.boot', 100]],
  );
});

test('trap 30: a table of contents that claims more than there is, or parts of entries, is refused', () => {
  const blobs = {
    huge: end(0o77777777777),
    'larger than the blob': end(tocEntry.size * 20),
    'no multiple of an entry': end(tocEntry.size - 1),
    empty: end(0),
    'unknown flags': end(tocEntry.size, (entry) => entry.writeUInt32LE(0x8001, 0)),
    'a section beyond the table': end(tocEntry.size, (entry) => entry.writeUInt32LE(0xffff_ffff, 0x40)),
    'no header at all': Buffer.alloc(4096),
    'shorter than a header': Buffer.alloc(100),
  };
  for (const [what, bytes] of Object.entries(blobs)) {
    assert.throws(() => parseToc(bytes, bytes.length), FormatError, what);
  }
});
