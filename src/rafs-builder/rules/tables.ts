/** Rules over super blocks, blob and device tables, and the chunk table. */
import { type AuditFinding, auditFinding } from './rules.js';
import * as v6 from '../layout/v6.js';
import type { V6Image } from '../read/v6/read.js';

export function* auditTables(image: V6Image): Generator<AuditFinding> {
  yield* auditSuper(image);
  yield* auditDevices(image);
  for (const [i, entry] of image.tables.blobEntries.entries()) yield* auditBlob(image, entry, i);
  if (!image.vouched) yield* auditChunkTable(image);
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
  const { vouched } = image;
  const withXattrs = vouched || has(extended.flags, 'HAS_XATTR') ? undefined : firstWithXattrs(image);
  if (withXattrs !== undefined) {
    yield auditFinding('RAFS-SUPER-FLAGS', {
      message: 'there are xattrs, but the flag HAS_XATTR is not set',
      path: image.columns.pathOf(withXattrs),
      offset: v6.EXTENDED_SUPER_OFFSET,
    });
  }
  if ((extended.prefetchTableOffset === 0) !== (extended.prefetchTableSize === 0)) {
    yield auditFinding('RAFS-PREFETCH', {
      message: `a prefetch table of ${extended.prefetchTableSize} bytes at offset ${extended.prefetchTableOffset}`,
      offset: v6.EXTENDED_SUPER_OFFSET + 0x28,
    });
  }
  const table = extended.chunkTableOffset;
  if (extended.chunkTableSize === 0 && (table % v6.BLOCK_SIZE !== 0 || table > image.bytes.length)) {
    yield auditFinding('RAFS-TABLE', {
      message: `an empty chunk table at ${table}`,
      offset: v6.EXTENDED_SUPER_OFFSET + 0x18,
    });
  }
  for (const [i, nid] of prefetch.entries()) {
    if (vouched || image.inodes.has(nid)) continue;
    const offset = extended.prefetchTableOffset + i * v6.prefetchEntry.size;
    yield auditFinding('RAFS-PREFETCH', { message: `nid ${nid} is no inode of the tree`, offset });
  }
}

/** Its nid. */
function firstWithXattrs({ columns, inodes }: V6Image): number | undefined {
  for (const nid of inodes.keys()) if (columns.xattrSize(nid) > 0) return nid;
  return undefined;
}

/** Blocks: 512 KiB; older builders have 2 MiB. */
const MAPPED_UNIT = 128;

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
    if (slot.mappedBlock % MAPPED_UNIT !== 0 || slot.mappedBlock + slot.blocks > 0xffff_ffff) {
      yield auditFinding('RAFS-MAPPED', {
        message: `device ${i} is mapped to block ${slot.mappedBlock}, which no writer does`,
        offset: offset + 0x44,
        expected: `a multiple of ${MAPPED_UNIT}, and an end below 2^32`,
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
  const foreign = has(entry.features, 'SEPARATE') || has(entry.features, 'ENCRYPTED');
  if (!foreign && (!isZero(entry.metaDigest) || entry.metaSize !== 0 || !isZero(entry.cipherIv)))
    yield report('it is neither encrypted nor of a reference type, and tells keys or digests of one');
  if (!foreign && isZero(entry.tocDigest) !== (entry.tocSize === 0))
    yield report(
      `a table of contents of ${entry.tocSize} bytes, and its digest is ${isZero(entry.tocDigest) ? '' : 'not '}zero`,
    );
  if (!has(entry.features, 'SEPARATE')) {
    const end = entry.metaOffset + entry.metaCompressedSize + v6.BLOCK_SIZE;
    if (entry.compressedSize < end)
      yield report(`its sections reach to ${end}, its size is ${entry.compressedSize}`);
  }
}

function isZero(bytes: Uint8Array): boolean {
  return bytes.every((byte) => byte === 0);
}

/** Where chunk data ends: at the tar header before the chunk records, when there is one. */
function dataEnd(entry: v6.BlobEntry): number {
  if (v6.blobFeatures.has(entry.features, 'SEPARATE')) return entry.compressedSize;
  return entry.metaOffset - (v6.blobFeatures.has(entry.features, 'HAS_TAR_HEADER') ? 512 : 0);
}

function* auditChunkTable(image: V6Image): Generator<AuditFinding> {
  const { chunks, blobEntries, extended } = image.tables;
  const { usedChunks } = image.columns;
  for (let i = 0; i < chunks.length; i++) {
    const info = chunks.numbers(i);
    const entry = blobEntries[info.blobIndex];
    const isBehind = i === 0 || chunks.compare(i - 1, i) < 0;
    const fault = entry === undefined ? undefined : recordFault(info, entry, extended.chunkSize);
    if (isBehind && fault === undefined && usedChunks[i] === 1) continue;
    const offset = chunks.placeOf(i);
    const name = `chunk ${info.index} of blob ${info.blobIndex}`;
    if (!isBehind) {
      yield auditFinding('RAFS-CHUNK-ORDER', {
        message: `${name} does not come behind the record before it`,
        offset,
      });
    }
    if (fault !== undefined)
      yield auditFinding('RAFS-CHUNK-RECORD', { message: `${name}: ${fault}`, offset });
    if (usedChunks[i] !== 1) {
      yield auditFinding('RAFS-CHUNK-UNUSED', { message: `${name} is used by no file`, offset });
    }
  }
}

/** What holds of all records of a blob that is neither encrypted nor of a reference type; bytes. */
export interface RecordLimits {
  /** Its compressor is one. */
  readonly compresses: boolean;
  readonly uncompressedSize: number;
  /** Where its chunk data ends. */
  readonly dataEnd: number;
}

/** Undefined for blobs whose records have more to them. */
export function recordLimits(entry: v6.BlobEntry): RecordLimits | undefined {
  const { has } = v6.blobFeatures;
  if ((['ENCRYPTED', 'BATCH', 'ZRAN'] as const).some((flag) => has(entry.features, flag))) return undefined;
  const { compressor, uncompressedSize } = entry;
  // Where the records would stand before the file begins, nothing is within their reach.
  const end = Math.max(0, dataEnd(entry));
  return { compresses: compressor !== v6.COMPRESSORS.none, uncompressedSize, dataEnd: end };
}

function recordFault(
  info: Omit<v6.ChunkInfo, 'digest'>,
  entry: v6.BlobEntry,
  chunkSize: number,
): string | undefined {
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
  if (info.fileOffset % chunkSize !== 0) return `a file offset of ${info.fileOffset}, within a chunk`;
  if (info.crc32 !== 0 && !v6.chunkFlags.has(info.flags, 'HAS_CRC32')) return 'a checksum without its flag';
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
