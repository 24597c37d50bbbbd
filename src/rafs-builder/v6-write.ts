/** Writes a planned bootstrap down: one buffer, every byte at its place, nothing left to decide. */
import { roundUp } from './layout.js';
import { type Blob, type Bootstrap, chunkBlob, chunkIndex, type Inode } from './tree.js';
import * as v6 from './v6.js';
import { directoryBlocks, writeDirectoryBlock } from './v6-directory.js';
import { encodeDevice } from './v6-inode.js';
import { type BootstrapPlan, chunkFormat, type InodePlan, planBootstrap } from './v6-plan.js';
import { writeXattrs, xattrCount } from './v6-xattrs.js';

/** Uncompressed data of blobs put behind the bootstrap on one device starts at multiples of this. */
const DEVICE_ALIGNMENT = 0x8_0000;

/**
 * The image as bytes; the same for the same input. Throws FormatError when the format cannot hold it, UnsupportedError
 * for too many blobs.
 */
export function writeV6(bootstrap: Bootstrap): Buffer {
  const plan = planBootstrap(bootstrap);
  const out = Buffer.alloc(plan.fileSize);
  writeSuperBlocks(out, bootstrap, plan);
  writeBlobTables(out, bootstrap, plan);
  for (const inode of plan.inodes) writeInode(out, inode, plan.metaOffset, bootstrap);
  plan.chunkTable.forEach((row, i) => {
    const { record } = row;
    v6.chunkInfo.write(out, plan.chunkTableOffset + i * v6.chunkInfo.size, {
      digest: record.digest,
      blobIndex: row.blob,
      flags:
        (record.compressed ? v6.chunkFlags.bits.COMPRESSED : 0) |
        (record.crc32 === undefined ? 0 : v6.chunkFlags.bits.HAS_CRC32),
      compressedSize: record.compressedSize,
      uncompressedSize: record.uncompressedSize,
      compressedOffset: record.compressedOffset,
      uncompressedOffset: record.uncompressedOffset,
      fileOffset: row.fileOffset,
      index: row.index,
      crc32: record.crc32 ?? 0,
    });
  });
  return out;
}

function writeSuperBlocks(out: Buffer, bootstrap: Bootstrap, plan: BootstrapPlan): void {
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

function superFlagsOf(bootstrap: Bootstrap, plan: BootstrapPlan): number {
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

function writeBlobTables(out: Buffer, bootstrap: Bootstrap, plan: BootstrapPlan): void {
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

function writeInode(out: Buffer, plan: InodePlan, metaOffset: number, bootstrap: Bootstrap): void {
  const { inode } = plan;
  const offset = metaOffset + plan.offset;
  v6.inodeExtended.write(out, offset, {
    format: 1 | (plan.layout << 1),
    xattrCount: xattrCount(plan.xattrSize),
    mode: v6.FILE_TYPES[inode.kind].mode | inode.mode,
    size: plan.size,
    union: unionOf(plan, metaOffset, bootstrap),
    ino: plan.ino,
    uid: inode.uid,
    gid: inode.gid,
    mtime: inode.mtime,
    mtimeNsec: inode.mtimeNsec,
    nlink: plan.nlink,
  });
  writeXattrs(out, offset + v6.inodeExtended.size, inode.xattrs);
  const body = offset + v6.inodeExtended.size + plan.xattrSize;
  switch (inode.kind) {
    case 'file':
      writeChunkIndex(out, roundUp(body, 8), inode, bootstrap.blobs);
      return;
    case 'symlink':
      // A target is shorter than a block: inline, or at the start of its block.
      out.write(
        inode.target,
        plan.layout === v6.LAYOUT_INLINE ? body : metaOffset + plan.dataOffset,
        'latin1',
      );
      return;
    case 'directory':
      writeDirectory(out, plan, body, metaOffset);
      return;
    case 'char':
    case 'block':
    case 'fifo':
    case 'socket':
  }
}

function unionOf(plan: InodePlan, metaOffset: number, { chunkSize, blobs }: Bootstrap): number {
  const { inode } = plan;
  switch (inode.kind) {
    case 'file':
      return chunkFormat(inode.size, inode.chunks, chunkSize, blobs);
    case 'directory':
    case 'symlink':
      return Math.floor((metaOffset + plan.dataOffset) / v6.BLOCK_SIZE);
    case 'char':
    case 'block':
      return encodeDevice(inode.major, inode.minor);
    case 'fifo':
    case 'socket':
      return 0;
  }
}

function writeChunkIndex(
  out: Buffer,
  offset: number,
  file: Inode & { readonly kind: 'file' },
  blobs: readonly Blob[],
): void {
  file.chunks.forEach((ref, k) => {
    const blob = chunkBlob(ref);
    const index = chunkIndex(ref);
    const record = blobs[blob]?.chunks.at(index);
    v6.chunkIndexEntry.write(out, offset + k * v6.chunkIndexEntry.size, {
      indexLow: index & 0xffff,
      device: blob + 1,
      indexHigh: index >>> 16,
      block: (record?.uncompressedOffset ?? 0) / v6.BLOCK_SIZE,
    });
  });
}

function writeDirectory(out: Buffer, plan: InodePlan, body: number, metaOffset: number): void {
  const rows = plan.names.map(({ name, inode }) => ({
    name,
    nid: inode.offset / v6.SLOT_SIZE,
    fileType: v6.FILE_TYPES[inode.inode.kind].dirent,
  }));
  const blocks = directoryBlocks(rows);
  blocks.forEach((block, i) => {
    const inline = plan.layout === v6.LAYOUT_INLINE && i === blocks.length - 1;
    writeDirectoryBlock(out, inline ? body : metaOffset + plan.dataOffset + i * v6.BLOCK_SIZE, block);
  });
}
