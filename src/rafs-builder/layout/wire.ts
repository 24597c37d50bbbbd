/**
 * The packed records in which the addon and TypeScript exchange the contents of a scanned layer; no logic.
 *
 * A layer crosses as three buffers. *Entries* are in tar order without padding: an EntryHead, the path, the link, and
 * for each xattr an XattrHead, its name and its value. *References* follow file after file, and *chunks* that the layer
 * stores are sorted by index. (Written by native/core/src/table, read by src/native/tables.ts and native/judge.)
 */
import { at, bytes, flags, i64, reserved, struct, u16, u32, u64, u8 } from './struct.js';

export const ENTRY_KINDS = {
  file: 0,
  directory: 1,
  symlink: 2,
  hardlink: 3,
  char: 4,
  block: 5,
  fifo: 6,
} as const;

export const entryHead = struct('EntryHead', 64, 'One entry of a layer; path, link and xattrs follow it.', {
  kind: at(0, u8, 'entry_kind'),
  reserved: at(1, reserved(1), 'zero'),
  mode: at(2, u16, 'permission bits, at most 0o7777'),
  uid: at(4, u32, 'owner'),
  gid: at(8, u32, 'group'),
  mtimeNsec: at(12, u32, 'nanoseconds'),
  mtime: at(16, i64, 'seconds since 1970; within 2^53'),
  size: at(24, u64, 'bytes of a file; below 2^53'),
  offset: at(32, u64, 'of the header in the uncompressed tar'),
  major: at(40, u32, 'of a device'),
  minor: at(44, u32, 'of a device'),
  pathLength: at(48, u32, 'bytes'),
  linkLength: at(52, u32, 'bytes of a symlink’s target or of the path that a hard link names'),
  xattrCount: at(56, u32, 'number of xattrs'),
  referenceCount: at(60, u32, 'number of references that a file takes from the buffer of references'),
});

export const xattrHead = struct('XattrHead', 8, 'In front of one xattr of an entry: name, value.', {
  nameLength: at(0, u32, 'bytes'),
  valueLength: at(4, u32, 'bytes'),
});

/** In place of a layer in a Reference: the reference before it follows as many times more as `index` says. */
export const REPEATED = 0xffff_ffff;

export const reference = struct('Reference', 8, 'One chunk of a file, or its repetitions.', {
  layer: at(0, u32, 'number of the layer that stores the chunk'),
  index: at(4, u32, 'of the chunk in that layer'),
});

export const dictionaryChunk = struct('DictionaryChunk', 72, 'One chunk of a dictionary.', {
  record: at(0, bytes(64), 'ChunkRecord'),
  blob: at(64, u32, 'position of its blob in the dictionary'),
  index: at(68, u32, 'of the chunk in that blob'),
});

export const chunkRecord = struct('ChunkRecord', 64, 'One chunk that a layer stores.', {
  digest: at(0, bytes(32), 'BLAKE3 or SHA-256 of the uncompressed bytes'),
  crc32: at(32, u32, 'CRC-32C of the uncompressed bytes, with its flag'),
  uncompressedSize: at(36, u32, 'bytes; 0 stands for "no such chunk"'),
  compressedSize: at(40, u32, 'bytes as stored'),
  flags: at(44, u32, 'chunk_record_flags'),
  compressedOffset: at(48, u64, 'from the start of the blob'),
  uncompressedOffset: at(56, u64, 'in the uncompressed address space of the blob'),
});

export const chunkRecordFlags = flags('ChunkRecordFlags', {
  COMPRESSED: [1, 'the stored bytes are the output of the compressor'],
  HAS_CRC32: [2, 'the CRC-32C is known'],
  BATCH: [4, 'part of a batch: the stored bytes are those of the batch'],
});
