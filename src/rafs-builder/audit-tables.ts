/** Rules over super blocks, blob and device tables, and the chunk table. */
import { type AuditFinding, auditFinding } from './audit-rules.js';
import { chunkBlob, chunkIndex } from './tree.js';
import * as v6 from './v6.js';
import { type V6Image } from './v6-read.js';

export function* auditTables(image: V6Image): Generator<AuditFinding> {
  yield* auditSuper(image);
  yield* auditDevices(image);
  for (const [i, entry] of image.tables.blobEntries.entries()) yield* auditBlob(image, entry, i);
  yield* auditChunkTable(image);
}

function* auditSuper(image: V6Image): Generator<AuditFinding> {
  const { superBlock: sb, extended, prefetch } = image.tables;
  if ((sb.featureCompat & 1) !== 0) {
    yield auditFinding('RAFS-SUPER-FLAGS', {
      message: 'bit 0 of feature_compat announces a checksum, which is not there',
      offset: v6.SUPER_OFFSET + 8,
    });
  }
  const { has } = v6.superFlags;
  if (has(extended.flags, 'ENCRYPTION_NONE') && has(extended.flags, 'ENCRYPTION_AES_128_XTS')) {
    yield auditFinding('RAFS-SUPER-FLAGS', {
      message: 'both encryption flags are set',
      offset: v6.EXTENDED_SUPER_OFFSET,
    });
  }
  const withXattrs = Array.from(image.inodes.values()).find((stored) => stored.xattrs.length > 0);
  if (!has(extended.flags, 'HAS_XATTR') && withXattrs !== undefined) {
    yield auditFinding('RAFS-SUPER-FLAGS', {
      message: 'there are xattrs, but the flag HAS_XATTR is not set',
      path: withXattrs.path,
      offset: v6.EXTENDED_SUPER_OFFSET,
    });
  }
  if ((extended.prefetchTableOffset === 0) !== (extended.prefetchTableSize === 0)) {
    yield auditFinding('RAFS-PREFETCH', {
      message: `a prefetch table of ${extended.prefetchTableSize} bytes at offset ${extended.prefetchTableOffset}`,
      offset: v6.EXTENDED_SUPER_OFFSET + 0x28,
    });
  }
  for (const [i, nid] of prefetch.entries()) {
    if (image.inodes.has(nid)) continue;
    const offset = extended.prefetchTableOffset + i * v6.prefetchEntry.size;
    yield auditFinding('RAFS-PREFETCH', { message: `nid ${nid} is no inode of the tree`, offset });
  }
}

function* auditDevices({ bytes, tables }: V6Image): Generator<AuditFinding> {
  const blocks = tables.devices.reduce((sum, slot) => sum + slot.blocks, 0);
  if (tables.devices.length > 0 && tables.superBlock.blocks !== blocks) {
    yield auditFinding('RAFS-BLOCKS', {
      message: 'blocks of the super block are not those of all blobs',
      offset: v6.SUPER_OFFSET + 0x24,
      expected: blocks,
      found: tables.superBlock.blocks,
    });
  }
  let free = bytes.length / v6.BLOCK_SIZE;
  for (const [i, slot] of tables.devices.entries()) {
    const entry = tables.blobEntries[i];
    const offset = v6.DEVICE_TABLE_OFFSET + i * v6.deviceSlot.size;
    if (entry === undefined) continue;
    if (entry.blobId !== slot.blobId) {
      yield auditFinding('RAFS-DEVICE', {
        message: `device ${i} has another id than blob ${i}`,
        offset,
        expected: entry.blobId,
        found: slot.blobId,
      });
    }
    if (slot.blocks * v6.BLOCK_SIZE !== entry.uncompressedSize) {
      yield auditFinding('RAFS-DEVICE', {
        message: `device ${i} has another size than blob ${i}`,
        offset: offset + 0x40,
        expected: entry.uncompressedSize,
        found: slot.blocks * v6.BLOCK_SIZE,
      });
    }
    if (slot.mappedBlock < free) {
      yield auditFinding('RAFS-MAPPED', {
        message: `device ${i} is mapped to blocks that are taken`,
        offset: offset + 0x44,
        expected: `${free} or more`,
        found: slot.mappedBlock,
      });
    }
    free = slot.mappedBlock + slot.blocks;
  }
}

function* auditBlob(image: V6Image, entry: v6.BlobEntry, i: number): Generator<AuditFinding> {
  const offset = image.tables.extended.blobTableOffset + i * v6.blobEntry.size;
  const { has, known, show } = v6.blobFeatures;
  const report = (message: string): AuditFinding =>
    auditFinding('RAFS-BLOB', { message: `blob ${i}: ${message}`, offset });
  if ((entry.features & ~known) !== 0)
    yield report(`unknown features ${show((entry.features & ~known) >>> 0)}`);
  if (has(entry.features, 'INLINED_FS_META') !== (entry.blobId === v6.OWN_BLOB_ID)) {
    yield report(
      'INLINED_FS_META belongs to the blob that holds this bootstrap, whose id is 64 × x, and to no other',
    );
  }
  if (entry.compressor !== v6.COMPRESSORS[image.tables.compressor])
    yield report('its compressor is not that of the super block');
  if (entry.digester !== v6.DIGESTERS[image.tables.digester])
    yield report('its digester is not that of the super block');
  if (entry.uncompressedSize % v6.BLOCK_SIZE !== 0)
    yield report(`an uncompressed size of ${entry.uncompressedSize} is no multiple of 4096`);
  if (entry.tocSize !== 0 && (entry.tocSize % 128 !== 0 || entry.tocSize < 640 || entry.tocSize > 0x1_0000)) {
    yield report(`a table of contents of ${entry.tocSize} bytes`);
  }
  if (!has(entry.features, 'SEPARATE')) {
    const end = entry.metaOffset + entry.metaCompressedSize + v6.BLOCK_SIZE;
    if (entry.compressedSize < end)
      yield report(`its sections reach to ${end}, its size is ${entry.compressedSize}`);
  }
}

/** Where chunk data ends: at the tar header before the chunk records, when there is one. */
function dataEnd(entry: v6.BlobEntry): number {
  if (v6.blobFeatures.has(entry.features, 'SEPARATE')) return entry.compressedSize;
  return entry.metaOffset - (v6.blobFeatures.has(entry.features, 'HAS_TAR_HEADER') ? 512 : 0);
}

function* auditChunkTable(image: V6Image): Generator<AuditFinding> {
  const { tables } = image;
  const used = usedChunks(image);
  let last: v6.ChunkInfo | undefined;
  for (let i = 0; i < tables.chunkCount; i++) {
    const info = tables.chunkInfo(i);
    const offset = tables.extended.chunkTableOffset + i * v6.chunkInfo.size;
    const name = `chunk ${info.index} of blob ${info.blobIndex}`;
    if (last !== undefined && compareRecords(last, info) >= 0) {
      yield auditFinding('RAFS-CHUNK-ORDER', {
        message: `${name} does not come behind the record before it`,
        offset,
      });
    }
    last = info;
    const entry = tables.blobEntries[info.blobIndex];
    const fault = entry === undefined ? undefined : recordFault(info, entry, tables.extended.chunkSize);
    if (fault !== undefined)
      yield auditFinding('RAFS-CHUNK-RECORD', { message: `${name}: ${fault}`, offset });
    if (used[info.blobIndex]?.has(info.index) !== true) {
      yield auditFinding('RAFS-CHUNK-UNUSED', { message: `${name} is used by no file`, offset });
    }
  }
}

function compareRecords(a: v6.ChunkInfo, b: v6.ChunkInfo): number {
  return Buffer.compare(a.digest, b.digest) || a.blobIndex - b.blobIndex || a.index - b.index;
}

function recordFault(info: v6.ChunkInfo, entry: v6.BlobEntry, chunkSize: number): string | undefined {
  const { known, show } = v6.chunkFlags;
  const of = (flag: Parameters<typeof v6.blobFeatures.has>[1]): boolean =>
    v6.blobFeatures.has(entry.features, flag);
  const compressed = v6.chunkFlags.has(info.flags, 'COMPRESSED');
  if ((info.flags & ~known) !== 0 || v6.chunkFlags.has(info.flags, 'HOLE'))
    return `flags ${show(info.flags)}`;
  if (v6.chunkFlags.has(info.flags, 'ENCRYPTED') !== of('ENCRYPTED'))
    return 'encrypted, or not, unlike its blob';
  if (info.uncompressedSize === 0 || info.uncompressedSize > chunkSize)
    return `${info.uncompressedSize} bytes`;
  if (info.uncompressedOffset % v6.BLOCK_SIZE !== 0)
    return `an uncompressed offset of ${info.uncompressedOffset}`;
  if (info.uncompressedOffset + info.uncompressedSize > entry.uncompressedSize)
    return 'its uncompressed end is behind that of the blob';
  if (compressed && entry.compressor === v6.COMPRESSORS.none)
    return 'compressed, in a blob without a compressor';
  if (of('BATCH') || of('ZRAN') || of('ENCRYPTED')) return undefined; // sizes are told by blob.meta alone
  if (info.compressedSize === 0) return 'a compressed size of 0';
  if (
    compressed ? info.compressedSize >= info.uncompressedSize : info.compressedSize !== info.uncompressedSize
  ) {
    return `${info.compressedSize} bytes for ${info.uncompressedSize}, ${compressed ? 'compressed' : 'raw'}`;
  }
  if (info.compressedOffset + info.compressedSize > dataEnd(entry))
    return 'its end is behind the chunk data of the blob';
  return undefined;
}

/** A set of chunk indexes a blob. */
function usedChunks(image: V6Image): Set<number>[] {
  const used = image.tables.blobs.map(() => new Set<number>());
  for (const { inode } of image.inodes.values()) {
    if (inode.kind !== 'file') continue;
    for (const ref of inode.chunks) used[chunkBlob(ref)]?.add(chunkIndex(ref));
  }
  return used;
}
