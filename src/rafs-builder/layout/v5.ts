/**
 * RAFS v5 as tables: every structure of the bootstrap and its flags; no logic. Chunk records are those of v6.
 *
 * A v5 bootstrap is not EROFS but a format of its own: a table of inodes by number, where each inode is stored with its
 * name, its chunks and a digest of everything below it (Nydus rafs/src/metadata/layout/v5.rs). Sections are padded to 8
 * bytes.
 */
import { at, bytes, flags, i64, reserved, struct, u16, u32, u64, type StructOf } from './struct.js';

export const SUPER_SIZE = 8192;
/** The bytes `SFAR`. */
export const SUPER_MAGIC = 0x5241_4653;
export const VERSION = 0x500;
/** Every structure stands at a multiple of this and is padded to one. */
export const ALIGNMENT = 8;
export const ROOT_INO = 1;
/** The unit of offsets in the inode table. */
export const INODE_UNIT = 8;
/** The name of the root, the only one with a slash in it. */
export const ROOT_NAME = '/';
/** The unit of an inode's block count. */
export const COUNTED_BLOCK = 512;
/** The device number of inodes that are no devices; images built from a directory have 0. */
export const NO_DEVICE = 0xffff_ffff;

export const superBlock = struct('SuperBlockV5', SUPER_SIZE, 'At offset 0 of a v5 bootstrap.', {
  magic: at(0x00, u32, '0x52414653'),
  version: at(0x04, u32, '0x500'),
  size: at(0x08, u32, '8192'),
  chunkSize: at(0x0c, u32, 'power of two, 0x1000 to 0x1000000'),
  flags: at(0x10, u64, 'SuperFlags'),
  inodes: at(0x18, u64, 'inode numbers in use; hard links count once'),
  inodeTableOffset: at(0x20, u64, '8192'),
  prefetchTableOffset: at(0x28, u64, 'behind the inode table'),
  blobTableOffset: at(0x30, u64, 'behind the prefetch table'),
  inodeTableEntries: at(0x38, u32, 'names; hard links count each'),
  prefetchTableEntries: at(0x3c, u32, 'inode numbers to load early'),
  blobTableSize: at(0x40, u32, 'bytes, padded'),
  extendedEntries: at(0x44, u32, 'number of blobs'),
  extendedOffset: at(0x48, u64, 'behind the blob table'),
  reserved: at(0x50, reserved(8112), 'zero'),
});

export const inodeTableEntry = struct(
  'InodeTableEntry',
  4,
  'Where an inode of v5 is; its number is its place here, from 1.',
  {
    offset: at(0, u32, 'from the start of the file, in units of 8 bytes'),
  },
);

export const prefetchEntry = struct('PrefetchEntryV5', 4, 'One entry of the v5 prefetch table.', {
  ino: at(0, u32, 'inode to load early'),
});

export const blobPrefix = struct(
  'BlobPrefix',
  8,
  'In front of each id of the v5 blob table; a NUL stands between entries.',
  {
    readaheadOffset: at(0x00, u32, '0'),
    readaheadSize: at(0x04, u32, '0: nothing of the blob is loaded early'),
  },
);

export const extendedBlob = struct(
  'ExtendedBlob',
  64,
  'One blob in the extended blob table of v5, in the same order.',
  {
    chunkCount: at(0x00, u32, 'chunks stored in the blob, referred to or not'),
    features: at(0x04, u32, 'BlobFeatures'),
    uncompressedSize: at(0x08, u64, 'end of the uncompressed address space'),
    compressedSize: at(0x10, u64, 'offset of the bootstrap section in the RAFS blob'),
    reserved: at(0x18, reserved(40), 'zero'),
  },
);

export const inode = struct(
  'InodeV5',
  128,
  'One name of v5; followed by the name, a symlink’s target, xattrs, and the chunk records of a file.',
  {
    digest: at(
      0x00,
      bytes(32),
      'of the chunk digests, the symlink’s target, or the digests of the directory’s entries',
    ),
    parent: at(0x20, u64, 'number of the directory; 0 for the root'),
    ino: at(0x28, u64, 'its number; of hard links, that of the first of them'),
    uid: at(0x30, u32, 'owner'),
    gid: at(0x34, u32, 'group'),
    project: at(0x38, u32, '0'),
    mode: at(0x3c, u32, 'file type and permission bits'),
    size: at(0x40, u64, 'bytes of the file or the symlink’s target; of a directory what its names take'),
    blocks: at(0x48, u64, 'size and xattrs, in 512 bytes'),
    flags: at(0x50, u64, 'InodeFlags'),
    nlink: at(0x58, u32, 'directory: 2 + directories in it; else names that lead here'),
    childIndex: at(0x5c, u32, 'directory: number of its first entry'),
    childCount: at(0x60, u32, 'directory: entries; file: chunks'),
    nameSize: at(0x64, u16, 'bytes of the name'),
    symlinkSize: at(0x66, u16, 'bytes of the target'),
    rdev: at(0x68, u32, 'of a device; else 0xffffffff, or 0'),
    mtimeNsec: at(0x6c, u32, 'nanoseconds, 0 to 999999999'),
    mtime: at(0x70, i64, 'seconds since 1970; before that negative'),
    reserved: at(0x78, reserved(8), 'zero'),
  },
);

export const xattrTotal = struct(
  'XattrTotal',
  8,
  'In front of the xattrs of a v5 inode, which are padded together.',
  {
    size: at(0, u64, 'bytes of all pairs, each with its size'),
  },
);

export const xattrPair = struct('XattrPair', 4, 'In front of one xattr of v5: name, NUL, value.', {
  size: at(0, u32, 'bytes of name, NUL and value'),
});

export type SuperBlock = StructOf<typeof superBlock>;
export type InodeFields = StructOf<typeof inode>;
export type ExtendedBlob = StructOf<typeof extendedBlob>;

export const inodeFlags = flags('InodeFlags', {
  SYMLINK: [0x1, 'it has a target'],
  HARDLINK: [0x2, 'other names share its number'],
  XATTR: [0x4, 'xattrs follow'],
  HAS_HOLE: [0x8, 'never written'],
});
