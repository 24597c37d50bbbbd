/**
 * Mistakes that other converters made (docs/traps.md): small layers go through the whole pipeline, and the result is
 * read back and audited. Mistakes of a single module are tested beside that module.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { displayName } from '../../src/oci/raw-name.js';
import { judgeBootstrap } from '../../src/native/judge.js';
import { walk, readV6 } from '../../src/rafs-builder/index.js';
import { chunkBlob, chunkIndex, type Inode } from '../../src/rafs-builder/model/tree.js';
import {
  accessImage,
  ACL,
  archiveEnds,
  BINARY_VALUE,
  blockSizesImage,
  CAPABILITY,
  CHUNK_SIZES,
  chunkSizeImage,
  devicesImage,
  dotsImage,
  type EdgeImage,
  NAMES_AROUND_DOTS,
  smallXattrImage,
  SPARSE_CHUNK,
  SPARSE_SIZE,
  sparseImage,
  TARGET_LENGTHS,
  threeXattrsImage,
  xattrImage,
} from '../support/images/edge-images.js';
import { type PackedImage, packImage } from '../support/images/image.js';

interface ReadBack extends PackedImage {
  /** Inodes of the merged image by path, as its bytes have them. */
  readonly inodes: ReadonlyMap<string, Inode>;
}

/** Packs an image, reads the merged bootstrap back, and asserts that it breaks no rule. */
async function convert({ layers, options }: EdgeImage): Promise<ReadBack> {
  const image = await packImage(layers, options);
  assert.deepEqual(judgeBootstrap(image.bootstrap), []);
  const inodes = new Map<string, Inode>();
  for (const { node, path } of walk(image.merged.root)) inodes.set(displayName(path), node.inode);
  return { ...image, inodes };
}

/** xattrs of a path as `name=hex`. */
function xattrsOf(image: ReadBack, path: string): string[] {
  const inode = image.inodes.get(path);
  assert.ok(inode !== undefined, path);
  return inode.xattrs.map(({ name, value }) => `${displayName(name)}=${Buffer.from(value).toString('hex')}`);
}

test('a sparse file of more than 4 GiB keeps every offset', async () => {
  const image = await convert(sparseImage());
  const big = image.inodes.get('big');
  assert.ok(big?.kind === 'file');
  assert.deepEqual([big.size, big.chunks.length], [SPARSE_SIZE, 257]);
  // All but the last chunk are zeros: one chunk, stored once.
  assert.equal(new Set(big.chunks).size, 2);
  const last = big.chunks.at(-1);
  assert.ok(last !== undefined);
  const chunk = image.merged.blobs[chunkBlob(last)]?.chunks.at(chunkIndex(last));
  assert.deepEqual([chunk?.uncompressedSize, chunk?.uncompressedOffset], [1, SPARSE_CHUNK]);
});

test('xattr names and values are bytes; a value that cannot be stored is left out with a warning', async () => {
  const image = await convert(xattrImage());
  assert.deepEqual(xattrsOf(image, 'f'), [
    `security.selinux=${Buffer.from('label\0').toString('hex')}`,
    `trusted.overlay.origin=${BINARY_VALUE.toString('hex')}`,
    'user.größe=c3bc',
    `user.\\xff\\xfe=${BINARY_VALUE.toString('hex')}`,
  ]);
  const warnings = image.layers.flatMap((packed) => packed.warnings);
  assert.deepEqual(
    warnings.map(({ code }) => code),
    ['XATTR_DROPPED'],
  );
  assert.match(warnings[0]?.message ?? '', /odd\.prefix/);
});

test('POSIX access lists and file capabilities survive', async () => {
  const image = await convert(accessImage());
  assert.deepEqual(xattrsOf(image, 'd'), [
    `system.posix_acl_access=${ACL.toString('hex')}`,
    `system.posix_acl_default=${ACL.toString('hex')}`,
  ]);
  assert.deepEqual(xattrsOf(image, 'bin/ping'), [`security.capability=${CAPABILITY.toString('hex')}`]);
});

test('names that sort before "." come first, and every directory has ".."', async () => {
  const image = await convert(dotsImage());
  // The audit has compared every directory's order, its "." and its ".." already.
  assert.deepEqual(
    [...image.inodes.keys()].filter((path) => path.startsWith('d/')),
    NAMES_AROUND_DOTS.map((name) => `d/${name}`),
  );
  const { tables } = readV6(image.bootstrap);
  assert.equal(tables.superBlock.rootNid, 128);
});

test('directories and symlinks of about one block read back whole', async () => {
  const image = await convert(blockSizesImage());
  for (const length of TARGET_LENGTHS) {
    const link = image.inodes.get(`l${length}`);
    assert.ok(link?.kind === 'symlink');
    assert.equal(link.target.length, length);
  }
  for (const size of [4095, 4096, 4097]) assert.ok(image.inodes.has(`d${size}/${'a'.repeat(255)}`));
  assert.ok(image.inodes.has(`d8192/${'O'.repeat(255)}`));
});

test('fifos, and devices with numbers above 255, keep their type and numbers', async () => {
  const image = await convert(devicesImage());
  const of = (path: string): unknown => {
    const inode = image.inodes.get(path);
    return inode?.kind === 'char' || inode?.kind === 'block'
      ? [inode.kind, inode.major, inode.minor]
      : inode?.kind;
  };
  assert.deepEqual([of('p'), of('c'), of('b')], ['fifo', ['char', 4095, 0xfffff], ['block', 259, 300]]);
});

test('a layer gives the same bytes at every run, in whatever order its xattrs come', async () => {
  const once = await convert(threeXattrsImage(false));
  const again = await convert(threeXattrsImage(false));
  const reversed = await convert(threeXattrsImage(true));
  assert.deepEqual(once.layers[0]?.bytes, again.layers[0]?.bytes);
  assert.deepEqual(once.bootstrap, again.bootstrap);
  assert.deepEqual(once.layers[0]?.bytes, reversed.layers[0]?.bytes);
});

test('super block and blob table name the same chunk size, also when it is not the default', async () => {
  for (const chunkSize of CHUNK_SIZES) {
    const image = await convert(chunkSizeImage(chunkSize));
    const { tables } = readV6(image.bootstrap);
    assert.deepEqual(
      [tables.extended.chunkSize, ...tables.blobs.map((blob) => blob.chunkSize)],
      [chunkSize, chunkSize],
    );
  }
});

test('padding and junk after the end of an archive are read through, and zero blocks inside it do not end it', async () => {
  const { plain, ...others } = archiveEnds();
  const { bootstrap } = await convert(plain ?? assert.fail());
  for (const [what, archive] of Object.entries(others)) {
    const image = await convert(archive);
    assert.deepEqual(image.bootstrap.length, bootstrap.length, what);
    assert.deepEqual([...image.inodes.keys()], ['', 'a', 'b'], what);
  }
});

test('an image sets only flags that nydusd 2.2 knows', async () => {
  const image = await convert(smallXattrImage());
  const { tables } = readV6(image.bootstrap);
  // zstd, BLAKE3, owners, xattrs, digests in the blob, no encryption; ALIGNED and the three of a tar-like blob with a ToC.
  assert.equal(tables.extended.flags, 0x0100_01b4);
  assert.deepEqual(
    tables.blobs.map((blob) => blob.features),
    [0x7000_0021],
  );
});
