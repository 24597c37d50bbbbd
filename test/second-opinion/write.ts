/** Writes a planned bootstrap down: one buffer, every byte at its place, nothing left to decide. */
import { InternalError } from '../../src/errors.js';
import { roundUp } from '../../src/rafs-builder/layout/struct.js';
import {
  type BootstrapInput,
  blobPositions,
  chunkBlob,
  chunkIndex,
  chunkNumbers,
  type ChunkRef,
  copyDigest,
  type Inode,
  uncompressedOffset,
} from '../../src/rafs-builder/model/tree.js';
import * as v6 from '../../src/rafs-builder/layout/v6.js';
import { blockEnd } from './directory.js';
import type { ChunkTables } from './contiguous.js';
import { type BootstrapPlan, chunkFormat, planBootstrap } from './plan.js';
import type { UsedChunkRow } from './used-chunks.js';
import { writeXattrs, xattrAreaSize, xattrCount } from './xattrs.js';

const { nid: NID, nameOffset: NAME_OFFSET, fileType: FILE_TYPE } = v6.dirent.offset;
const {
  indexLow: INDEX_LOW,
  device: DEVICE,
  indexHigh: INDEX_HIGH,
  block: BLOCK,
} = v6.chunkIndexEntry.offset;
const INODE = v6.inodeExtended.offset;
const CHUNK = v6.chunkInfo.offset;
const TWO_32 = 2 ** 32;

/** Uncompressed data of blobs put behind the bootstrap on one device starts at multiples of this. */
const DEVICE_ALIGNMENT = 0x8_0000;

/**
 * The image as bytes; the same for the same input. Throws FormatError when the format cannot hold it, UnsupportedError
 * for too many blobs.
 */
export function writeV6(bootstrap: BootstrapInput): Buffer {
  const plan = planBootstrap(bootstrap);
  const out = Buffer.alloc(plan.fileSize);
  writeSuperBlocks(out, bootstrap, plan);
  writeBlobTables(out, bootstrap, plan);
  const blobs = blobNumbers(bootstrap);
  for (let number = 0; number < plan.inodes.count; number++) writeInode(out, number, plan, blobs);
  for (let i = 0; i < plan.chunkTable.length; i++) {
    writeChunkInfo(out, plan.chunkTableOffset + i * v6.chunkInfo.size, plan.chunkTable.at(i));
  }
  return out;
}

/** Everything that the blob number in a ChunkRef is looked up in. */
interface BlobNumbers {
  readonly chunkSize: number;
  readonly tables: ChunkTables;
  /** In the blob table. */
  readonly positions: readonly number[];
}

function blobNumbers(bootstrap: BootstrapInput): BlobNumbers {
  const { blobs, chunkSize } = bootstrap;
  const positions = blobPositions(bootstrap);
  return { chunkSize, positions, tables: positions.map((position) => blobs[position]?.chunks) };
}

function writeSuperBlocks(out: Buffer, bootstrap: BootstrapInput, plan: BootstrapPlan): void {
  const { blobs } = bootstrap;
  v6.superBlock.write(out, v6.SUPER_OFFSET, {
    magic: v6.SUPER_MAGIC,
    checksum: 0,
    featureCompat: v6.FEATURE_COMPAT_RAFS_V6,
    blockBits: Math.log2(v6.BLOCK_SIZE),
    extSlots: 0,
    rootNid: v6.ROOT_NID,
    inos: plan.nameCount,
    buildTime: 0,
    buildTimeNsec: 0,
    blocks: blobs.reduce((sum, { record }) => sum + record.uncompressedSize / v6.BLOCK_SIZE, 0),
    metaBlock: plan.metaOffset / v6.BLOCK_SIZE,
    xattrBlock: 0,
    uuid: new Uint8Array(16),
    volumeName: new Uint8Array(16),
    featureIncompat: v6.FEATURE_INCOMPAT,
    union: 0,
    extraDevices: blobs.length,
    deviceSlotOffset: v6.DEVICE_TABLE_OFFSET / v6.deviceSlot.size,
  });
  v6.extendedSuperBlock.write(out, v6.EXTENDED_SUPER_OFFSET, {
    flags: superFlagsOf(bootstrap, plan),
    blobTableOffset: plan.blobTableOffset,
    blobTableSize: v6.blobEntry.size * blobs.length,
    chunkSize: bootstrap.chunkSize,
    chunkTableOffset: plan.chunkTableOffset,
    chunkTableSize: v6.chunkInfo.size * plan.chunkTable.length,
    prefetchTableOffset: plan.prefetchOffset,
    prefetchTableSize: plan.prefetchOffset === 0 ? 0 : v6.prefetchEntry.size,
  });
  // The pattern "/" matches the root: load everything.
  if (plan.prefetchOffset !== 0) v6.prefetchEntry.write(out, plan.prefetchOffset, { nid: v6.ROOT_NID });
}

function superFlagsOf(bootstrap: BootstrapInput, plan: BootstrapPlan): number {
  const { bits } = v6.superFlags;
  const digests = bootstrap.blobs.every(({ record }) =>
    v6.blobFeatures.has(record.features, 'INLINED_CHUNK_DIGEST'),
  );
  return (
    bits[v6.COMPRESSOR_FLAG[bootstrap.compressor]] |
    bits[v6.DIGESTER_FLAG[bootstrap.digester]] |
    bits.EXPLICIT_UID_GID |
    (plan.hasXattrs || bootstrap.forceXattrFlag === true ? bits.HAS_XATTR : 0) |
    (digests ? bits.INLINED_CHUNK_DIGEST : 0) |
    bits.ENCRYPTION_NONE
  );
}

function writeBlobTables(out: Buffer, bootstrap: BootstrapInput, plan: BootstrapPlan): void {
  let position = plan.fileSize;
  bootstrap.blobs.forEach(({ record }, i) => {
    const blocks = record.uncompressedSize / v6.BLOCK_SIZE;
    const mappedBlock = roundUp(position, DEVICE_ALIGNMENT) / v6.BLOCK_SIZE;
    position = (mappedBlock + blocks) * v6.BLOCK_SIZE;
    v6.deviceSlot.write(out, v6.DEVICE_TABLE_OFFSET + i * v6.deviceSlot.size, {
      blobId: record.id,
      blocks,
      mappedBlock,
    });
    v6.blobEntry.write(out, plan.blobTableOffset + i * v6.blobEntry.size, {
      blobId: record.id,
      blobIndex: i,
      chunkSize: record.chunkSize,
      chunkCount: record.chunkCount,
      compressor: v6.COMPRESSORS[record.compressor],
      digester: v6.DIGESTERS[record.digester],
      features: record.features,
      compressedSize: record.compressedSize,
      uncompressedSize: record.uncompressedSize,
      tocSize: 0,
      metaCompressor: v6.COMPRESSORS[record.metaCompressor],
      metaOffset: record.metaOffset,
      metaCompressedSize: record.metaCompressedSize,
      metaUncompressedSize: record.metaUncompressedSize,
      tocDigest: new Uint8Array(32),
      metaDigest: new Uint8Array(32),
      metaSize: 0,
      cipherIv: new Uint8Array(8),
      cipher: v6.CIPHER_NONE,
    });
  });
}

/** Fields one by one, as there is one of these for every file. */
function writeInode(out: Buffer, number: number, plan: BootstrapPlan, blobs: BlobNumbers): void {
  const { metaOffset, inodes: plans } = plan;
  const inode = plans.inodes[number];
  if (inode === undefined) throw new InternalError(`there is no inode ${number} in the plan`);
  const offset = metaOffset + (plans.offset[number] ?? 0);
  const layout = plans.layout[number] ?? 0;
  const data = metaOffset + (plans.dataOffset[number] ?? 0);
  const xattrSize = xattrAreaSize(inode.xattrs);
  out.writeUInt16LE(1 | (layout << 1), offset + INODE.format);
  out.writeUInt16LE(xattrCount(xattrSize), offset + INODE.xattrCount);
  out.writeUInt16LE(v6.FILE_TYPES[inode.kind].mode | inode.mode, offset + INODE.mode);
  writeU64(out, sizeOf(inode, plans.directorySize[number] ?? 0), offset + INODE.size);
  out.writeUInt32LE(unionOf(inode, data, blobs), offset + INODE.union);
  out.writeUInt32LE(plans.ino[number] ?? 0, offset + INODE.ino);
  out.writeUInt32LE(inode.uid, offset + INODE.uid);
  out.writeUInt32LE(inode.gid, offset + INODE.gid);
  writeI64(out, inode.mtime, offset + INODE.mtime);
  out.writeUInt32LE(inode.mtimeNsec, offset + INODE.mtimeNsec);
  out.writeUInt32LE(plans.nlink[number] ?? 0, offset + INODE.nlink);
  writeXattrs(out, offset + v6.inodeExtended.size, inode.xattrs);
  const body = offset + v6.inodeExtended.size + xattrSize;
  switch (inode.kind) {
    case 'file':
      writeChunkIndex(out, roundUp(body, 8), inode.chunks, blobs);
      return;
    case 'symlink':
      // A target is shorter than a block: inline, or at the start of its block.
      out.write(inode.target, layout === v6.LAYOUT_INLINE ? body : data, 'latin1');
      return;
    case 'directory':
      writeDirectory(out, plan, number, layout === v6.LAYOUT_INLINE ? body : undefined);
      return;
    case 'char':
    case 'block':
    case 'fifo':
    case 'socket':
  }
}

function sizeOf(inode: Inode, directorySize: number): number {
  switch (inode.kind) {
    case 'file':
      return inode.size;
    case 'directory':
      return directorySize;
    case 'symlink':
      return inode.target.length;
    case 'char':
    case 'block':
    case 'fifo':
    case 'socket':
      return 0;
  }
}

function unionOf(inode: Inode, data: number, { chunkSize, tables }: BlobNumbers): number {
  switch (inode.kind) {
    case 'file':
      return chunkFormat(inode.size, inode.chunks, chunkSize, tables);
    case 'directory':
    case 'symlink':
      return Math.floor(data / v6.BLOCK_SIZE);
    case 'char':
    case 'block':
      return encodeDevice(inode.major, inode.minor);
    case 'fifo':
    case 'socket':
      return 0;
  }
}

function writeChunkInfo(out: Buffer, offset: number, row: UsedChunkRow): void {
  const { chunks, index } = row;
  const chunk = chunkNumbers(chunks, index);
  copyDigest(chunks, index, out, offset + CHUNK.digest);
  out.writeUInt32LE(row.blob, offset + CHUNK.blobIndex);
  const flags =
    (chunk.compressed ? v6.chunkFlags.bits.COMPRESSED : 0) |
    (chunk.crc32 === undefined ? 0 : v6.chunkFlags.bits.HAS_CRC32);
  out.writeUInt32LE(flags, offset + CHUNK.flags);
  out.writeUInt32LE(chunk.compressedSize, offset + CHUNK.compressedSize);
  out.writeUInt32LE(chunk.uncompressedSize, offset + CHUNK.uncompressedSize);
  writeU64(out, chunk.compressedOffset, offset + CHUNK.compressedOffset);
  writeU64(out, chunk.uncompressedOffset, offset + CHUNK.uncompressedOffset);
  writeU64(out, row.fileOffset, offset + CHUNK.fileOffset);
  out.writeUInt32LE(index, offset + CHUNK.index);
  out.writeUInt32LE(chunk.crc32 ?? 0, offset + CHUNK.crc32);
}

/** An entry for every chunk of every file. */
function writeChunkIndex(
  out: Buffer,
  offset: number,
  chunks: readonly ChunkRef[],
  { tables, positions }: BlobNumbers,
): void {
  let at = offset;
  for (const ref of chunks) {
    const blob = chunkBlob(ref);
    const index = chunkIndex(ref);
    const table = tables[blob];
    const start = table === undefined ? 0 : uncompressedOffset(table, index);
    out.writeUInt16LE(index & 0xffff, at + INDEX_LOW);
    out.writeUInt8((positions[blob] ?? -1) + 1, at + DEVICE);
    out.writeUInt8(index >>> 16, at + INDEX_HIGH);
    out.writeUInt32LE(start / v6.BLOCK_SIZE, at + BLOCK);
    at += v6.chunkIndexEntry.size;
  }
}

/** Block by block; `inline` is where the last one goes when it does not go to a block. */
function writeDirectory(
  out: Buffer,
  { metaOffset, inodes: plans }: BootstrapPlan,
  number: number,
  inline: number | undefined,
): void {
  const { rowNames, rowInodes, inodes, offset } = plans;
  const to = plans.rowsTo[number] ?? 0;
  let block = metaOffset + (plans.dataOffset[number] ?? 0);
  for (let from = plans.rowsFrom[number] ?? 0; from < to; block += v6.BLOCK_SIZE) {
    const end = blockEnd(rowNames, from, to);
    let entry = end === to && inline !== undefined ? inline : block;
    const base = entry;
    let name = base + v6.dirent.size * (end - from);
    for (; from < end; from++) {
      const inode = rowInodes[from] ?? 0;
      const text = rowNames[from] ?? '';
      writeU64(out, (offset[inode] ?? 0) / v6.SLOT_SIZE, entry + NID);
      out.writeUInt16LE(name - base, entry + NAME_OFFSET);
      out.writeUInt8(v6.FILE_TYPES[inodes[inode]?.kind ?? 'file'].dirent, entry + FILE_TYPE);
      out.write(text, name, 'latin1');
      name += text.length;
      entry += v6.dirent.size;
    }
  }
}

/** Whole numbers that a double holds; others are a RangeError of Node's. */
function writeU64(out: Buffer, value: number, at: number): void {
  const high = Math.floor(value / TWO_32);
  out.writeUInt32LE(value - high * TWO_32, at);
  out.writeUInt32LE(high, at + 4);
}
function writeI64(out: Buffer, value: number, at: number): void {
  const high = Math.floor(value / TWO_32); // floor, not truncation: that is two's complement
  out.writeUInt32LE(value - high * TWO_32, at);
  out.writeInt32LE(high, at + 4);
}

/** 12 bits of major and 20 of minor, as Linux' new_encode_dev packs them. */
function encodeDevice(major: number, minor: number): number {
  return ((minor & 0xff) | (major << 8) | ((minor & ~0xff) << 12)) >>> 0;
}
