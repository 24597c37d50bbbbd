/** The end of a cached blob comes from a registry, so the addon must refuse any bytes with a sentence. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { FormatError, NydusError, UnsupportedError } from '../../../src/errors.js';
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
    await packer.recall(0, { digest: sha256('any'), size, bytes, entered: 'none' });
    await packer.bootstrap([0]);
    return undefined;
  } catch (error) {
    return error;
  }
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
    const end = blob.subarray(dataSize);
    assert.equal(await outcome(fsVersion, end, blob.length), undefined);
    let seed = 1;
    const random = (limit: number): number => {
      seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648;
      return Math.floor((seed / 2_147_483_648) * limit);
    };
    for (let i = 0; i < 400; i++) {
      const changed = Buffer.from(end);
      if (i % 4 === 0) changed.writeUInt32LE(0xffff_ffff, random(changed.length - 4));
      else changed[random(changed.length)] = random(256);
      const cut = i % 16 === 0 ? changed.subarray(0, random(changed.length)) : changed;
      const error = await outcome(fsVersion, cut, blob.length);
      const isSentence = error instanceof FormatError || error instanceof UnsupportedError;
      const isLimit = error instanceof NydusError && error.code !== 'INTERNAL';
      assert.ok(error === undefined || isSentence || isLimit, `change ${i}: ${String(error)}`);
    }
  });
}
