/** The end of a cached blob comes from a registry, so the addon must refuse any bytes with a sentence. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { FormatError, NydusError, UnsupportedError } from '../../../src/errors.js';
import { decompress } from '../../../src/native/codec.js';
import { FORMAT_DEFAULTS, type FsVersion } from '../../../src/native/formats.js';
import { openImagePacker } from '../../../src/native/packer.js';
import { sha256 } from '../../../src/oci/digest.js';
import { char, dir, file, hardlink, layer, symlink } from '../../support/images/tar.js';
import { tempFolder } from '../../support/temp-folder.js';

const TAR = layer(
  dir('a', { mode: 0o700, mtime: 3 }),
  file('a/one', Buffer.alloc(9000, 'x'), { xattrs: { 'user.note': 'kept' } }),
  hardlink('a/two', 'a/one'),
  file('b/hole', Buffer.alloc(40_000)),
  symlink('c', 'a/one'),
  char('d', 1, 3),
);

/** Reads a changed end back, and merges it; gives the error if there is one. */
async function outcome(fsVersion: FsVersion, bytes: Buffer, size: number): Promise<unknown> {
  using packer = openImagePacker({ ...FORMAT_DEFAULTS, fsVersion, chunkSize: 0x1000, threads: 1 });
  try {
    await packer.reserve(0).recall({ digest: sha256('any'), size, bytes, entered: 'none' });
    await packer.bootstrap([0]);
    return undefined;
  } catch (error) {
    return error;
  }
}

const HEADER = 512;
const ENTRY = 128;

/** The end of a blob of RAFS v6 with its bootstrap uncompressed, so that changes of it can be given the right digest. */
async function unpacked(blob: Buffer, dataSize: number): Promise<Buffer> {
  const toc = Buffer.from(tocOf(blob));
  const entry = entryOf(toc);
  const [offset, stored, size] = [0x38, 0x40, 0x48].map((at) => Number(entry.readBigUInt64LE(at)));
  assert.ok(offset !== undefined && stored !== undefined && size !== undefined);
  const bootstrap = await decompress(blob.subarray(offset, offset + stored), 'zstd', size);
  entry.writeUInt32LE(1, 0);
  entry.writeBigUInt64LE(BigInt(size), 0x40);
  const end = [blob.subarray(dataSize, offset), bootstrap, Buffer.alloc(HEADER), toc, blob.subarray(-HEADER)];
  const bytes = Buffer.concat(end);
  signToc(bytes);
  return bytes;
}

function tocOf(blob: Buffer): Buffer {
  const size = Number.parseInt(blob.subarray(-HEADER).toString('latin1', 124, 135), 8);
  return blob.subarray(-HEADER - size, -HEADER);
}

function entryOf(toc: Buffer): Buffer {
  const number = toc.indexOf('image.boot', 0, 'latin1') - 8;
  return toc.subarray(number, number + ENTRY);
}

/** Gives the bootstrap before the table of contents the digest that it has, if the table still makes sense. */
function signToc(end: Buffer): void {
  const toc = tocOf(end);
  const at = toc.indexOf('image.boot', 0, 'latin1') - 8;
  if (at < 0) return;
  const entry = entryOf(toc);
  const size = Number(entry.readBigUInt64LE(0x48));
  const last = end.length - HEADER - toc.length - HEADER;
  if (size > last) return;
  createHash('sha256').update(end.subarray(last - size, last)).digest().copy(entry, 0x18);
}

for (const fsVersion of [5, 6] as const) {
  test(`any change of a blob's end is refused or makes another tree, and never breaks the addon: v${fsVersion}`, async (t) => {
    const path = join(await tempFolder(t), 'blob');
    using packer = openImagePacker({ ...FORMAT_DEFAULTS, fsVersion, chunkSize: 0x1000, threads: 1 });
    const open = packer.openLayer(0, path);
    await open.write(TAR);
    const { dataSize } = await open.finish();
    await open.seal();
    const blob = await readFile(path);
    const end = fsVersion === 5 ? blob.subarray(dataSize) : await unpacked(blob, dataSize);
    assert.equal(await outcome(fsVersion, end, dataSize + end.length), undefined);
    let seed = 1;
    const random = (limit: number): number => {
      seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648;
      return Math.floor((seed / 2_147_483_648) * limit);
    };
    for (let i = 0; i < 400; i++) {
      const changed = Buffer.from(end);
      // Half of the changes are in bytes that are not zero, because most of a bootstrap is.
      let at = random(changed.length - 4);
      for (let n = 0; i % 2 === 0 && n < 50 && changed[at] === 0; n++) at = random(changed.length - 4);
      if (i % 4 === 0) changed.writeUInt32LE(0xffff_ffff, at);
      else changed[at] = random(256);
      if (fsVersion === 6) signToc(changed);
      const cut = i % 16 === 0 ? changed.subarray(0, random(changed.length)) : changed;
      const error = await outcome(fsVersion, cut, dataSize + cut.length);
      const isSentence = error instanceof FormatError || error instanceof UnsupportedError;
      const isLimit = error instanceof NydusError && error.code !== 'INTERNAL';
      assert.ok(error === undefined || isSentence || isLimit, `change ${i}: ${String(error)}`);
    }
  });
}
