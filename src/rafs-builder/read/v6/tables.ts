/**
 * The fixed part of a v6 bootstrap: super blocks, blob table, device table, chunk table, prefetch table; read and
 * checked as Nydus' own readers do, a little more strictly where they forget to.
 */
import { FormatError, UnsupportedError } from '../../../errors.js';
import type { BlobRecord, CompressorName, DigesterName } from '../../model/tree.js';
import * as v6 from '../../layout/v6.js';
import { ChunkInfos } from './chunks.js';

export interface V6Tables {
  readonly superBlock: v6.SuperBlock;
  readonly extended: v6.ExtendedSuperBlock;
  readonly compressor: CompressorName;
  readonly digester: DigesterName;
  readonly metaOffset: number;
  readonly devices: readonly v6.DeviceSlot[];
  readonly blobEntries: readonly v6.BlobEntry[];
  readonly blobs: readonly BlobRecord[];
  readonly prefetch: readonly number[];
  readonly chunkCount: number;
  readonly chunks: ChunkInfos;
  chunkInfo(position: number): v6.ChunkInfo;
  /** Position in the chunk table. Throws FormatError when it is not there. */
  findChunk(blob: number, index: number): number;
}

interface Range {
  readonly name: string;
  readonly offset: number;
  readonly size: number;
}

export function readTables(buffer: Buffer): V6Tables {
  if (buffer.length < v6.BLOCK_SIZE || buffer.length % v6.BLOCK_SIZE !== 0) {
    throw new FormatError(
      `a RAFS v6 bootstrap has a multiple of ${v6.BLOCK_SIZE} bytes, not ${buffer.length}`,
      { offset: 0 },
    );
  }
  const superBlock = readSuperBlock(buffer);
  const extended = v6.extendedSuperBlock.read(buffer, v6.EXTENDED_SUPER_OFFSET);
  const { compressor, digester } = readSuperFlags(extended.flags, (reason) =>
    v6.extendedSuperBlock.fault('flags', v6.EXTENDED_SUPER_OFFSET, reason),
  );
  checkRanges(buffer, superBlock, extended);
  const devices = readDevices(buffer, superBlock.extraDevices);
  const blobEntries = readBlobEntries(buffer, extended, devices.length);
  const chunkCount = extended.chunkTableSize / v6.chunkInfo.size;
  const chunks = new ChunkInfos(buffer, extended.chunkTableOffset, chunkCount, blobEntries);
  return {
    superBlock,
    extended,
    compressor,
    digester,
    metaOffset: superBlock.metaBlock * v6.BLOCK_SIZE,
    devices,
    blobEntries,
    blobs: blobEntries.map((entry, i) => toRecord(entry, extended.blobTableOffset + i * v6.blobEntry.size)),
    prefetch: readPrefetch(buffer, extended),
    chunkCount,
    chunks,
    chunkInfo: (position) => chunks.at(position),
    findChunk: (blob, index) => {
      const position = chunks.find(blob, index);
      if (position === undefined)
        throw new FormatError(`chunk ${index} of blob ${blob} is not in the chunk table`);
      return position;
    },
  };
}

function readSuperBlock(buffer: Buffer): v6.SuperBlock {
  const sb = v6.superBlock.read(buffer, v6.SUPER_OFFSET);
  const expect = (field: keyof v6.SuperBlock, wanted: number): void => {
    if (sb[field] !== wanted) {
      throw v6.superBlock.fault(
        field,
        v6.SUPER_OFFSET,
        `it is 0x${sb[field].toString(16)}, not 0x${wanted.toString(16)}`,
      );
    }
  };
  expect('magic', v6.SUPER_MAGIC);
  expect('checksum', 0);
  if ((sb.featureCompat & v6.FEATURE_COMPAT_RAFS_V6) === 0) {
    throw v6.superBlock.fault(
      'featureCompat',
      v6.SUPER_OFFSET,
      'bit 30 is not set: an EROFS image, but not of RAFS',
    );
  }
  if (sb.blockBits === 9) throw new UnsupportedError('tarfs images (blocks of 512 bytes) are not supported');
  expect('blockBits', 12);
  expect('extSlots', 0);
  expect('xattrBlock', 0);
  expect('featureIncompat', v6.FEATURE_INCOMPAT);
  expect('union', 0);
  expect('deviceSlotOffset', v6.DEVICE_TABLE_OFFSET / v6.deviceSlot.size);
  if (sb.inos === 0) throw v6.superBlock.fault('inos', v6.SUPER_OFFSET, 'an image without inodes');
  if (sb.rootNid === 0) throw v6.superBlock.fault('rootNid', v6.SUPER_OFFSET, 'it is 0');
  if (sb.metaBlock * v6.BLOCK_SIZE > buffer.length) {
    throw v6.superBlock.fault(
      'metaBlock',
      v6.SUPER_OFFSET,
      `block ${sb.metaBlock} is past the end of the file`,
    );
  }
  if (sb.extraDevices === 0 && sb.blocks !== 0 && sb.blocks !== v6.BLOCK_SIZE) {
    throw v6.superBlock.fault('blocks', v6.SUPER_OFFSET, `${sb.blocks} blocks of data without a blob`);
  }
  if (sb.extraDevices > v6.MAX_BLOBS) {
    throw v6.superBlock.fault(
      'extraDevices',
      v6.SUPER_OFFSET,
      `${sb.extraDevices} blobs, more than ${v6.MAX_BLOBS}`,
    );
  }
  if (v6.DEVICE_TABLE_OFFSET + sb.extraDevices * v6.deviceSlot.size > buffer.length) {
    throw v6.superBlock.fault(
      'extraDevices',
      v6.SUPER_OFFSET,
      `${sb.extraDevices} device slots leave the file`,
    );
  }
  return sb;
}

/** The one compressor and the one digester that super flags tell, of v5 as of v6. `fault` makes the error of another. */
export function readSuperFlags(
  flags: number,
  fault: (reason: string) => FormatError,
): { readonly compressor: CompressorName; readonly digester: DigesterName } {
  const known = (v6.superFlags.known | v6.SUPER_FLAGS_RESERVED) >>> 0;
  if (flags > 0xffff_ffff || (flags & ~known) !== 0) throw fault(`unknown bits in 0x${flags.toString(16)}`);
  const compressor = only(v6.COMPRESSOR_FLAG, (flag) => v6.superFlags.has(flags, flag));
  if (compressor === undefined) throw fault('not exactly one compressor is set');
  const digester = only(v6.DIGESTER_FLAG, (flag) => v6.superFlags.has(flags, flag));
  if (digester === undefined) throw fault('not exactly one digester is set');
  return { compressor, digester };
}

/** The one key whose value passes; undefined when none or several do. */
function only<K extends string, V>(
  table: Readonly<Record<K, V>>,
  passes: (value: V) => boolean,
): K | undefined {
  const keys = Object.keys(table) as K[]; // a Record has no other keys
  const found = keys.filter((key) => passes(table[key]));
  return found.length === 1 ? found[0] : undefined;
}

/** Tables must be aligned, inside the file, behind the device table, and apart from each other. */
function checkRanges(buffer: Buffer, sb: v6.SuperBlock, extended: v6.ExtendedSuperBlock): void {
  const { chunkSize } = extended;
  const fault = (field: keyof v6.ExtendedSuperBlock, reason: string): FormatError =>
    v6.extendedSuperBlock.fault(field, v6.EXTENDED_SUPER_OFFSET, reason);
  if (!isChunkSize(chunkSize))
    throw fault('chunkSize', `0x${chunkSize.toString(16)} is no power of two from 0x1000 to 0x1000000`);
  const lowest = v6.DEVICE_TABLE_OFFSET + sb.extraDevices * v6.deviceSlot.size;
  const inside = (field: keyof v6.ExtendedSuperBlock, { offset, size }: Range, alignment: number): void => {
    if (offset % alignment !== 0 || offset < Math.max(lowest, v6.BLOCK_SIZE))
      throw fault(field, `a table cannot start at ${offset}`);
    if (offset + size > buffer.length)
      throw fault(field, `a table of ${size} bytes at ${offset} leaves the file of ${buffer.length}`);
  };
  const blobTable = { name: 'blob table', offset: extended.blobTableOffset, size: extended.blobTableSize };
  inside('blobTableOffset', blobTable, v6.BLOCK_SIZE);
  if (blobTable.size % v6.blobEntry.size !== 0)
    throw fault('blobTableSize', `${blobTable.size} is no multiple of ${v6.blobEntry.size}`);
  const chunkTable = {
    name: 'chunk table',
    offset: extended.chunkTableOffset,
    size: extended.chunkTableSize,
  };
  if (chunkTable.size % v6.chunkInfo.size !== 0)
    throw fault('chunkTableSize', `${chunkTable.size} is no multiple of ${v6.chunkInfo.size}`);
  if (chunkTable.size > 0) inside('chunkTableOffset', chunkTable, v6.BLOCK_SIZE);
  const prefetch = {
    name: 'prefetch table',
    offset: extended.prefetchTableOffset,
    size: extended.prefetchTableSize,
  };
  if (prefetch.size % v6.prefetchEntry.size !== 0)
    throw fault('prefetchTableSize', `${prefetch.size} is no multiple of 4`);
  if (prefetch.size > 0 && prefetch.offset !== 0) inside('prefetchTableOffset', prefetch, 8);
  const tables: readonly [field: keyof v6.ExtendedSuperBlock, range: Range][] = [
    ['blobTableOffset', blobTable],
    ['chunkTableOffset', chunkTable],
    ['prefetchTableOffset', prefetch],
  ];
  tables.forEach(([field, a], i) => {
    for (const [, b] of tables.slice(0, i)) {
      if (a.size > 0 && b.size > 0 && a.offset < b.offset + b.size && b.offset < a.offset + a.size) {
        throw fault(field, `the ${a.name} overlaps the ${b.name}`);
      }
    }
  });
}

function isChunkSize(size: number): boolean {
  return size >= v6.MIN_CHUNK_SIZE && size <= v6.MAX_CHUNK_SIZE && Number.isInteger(Math.log2(size));
}

function readDevices(buffer: Buffer, count: number): v6.DeviceSlot[] {
  const ids = new Set<string>();
  return Array.from({ length: count }, (_, i) => {
    const offset = v6.DEVICE_TABLE_OFFSET + i * v6.deviceSlot.size;
    const slot = v6.deviceSlot.read(buffer, offset);
    if (slot.blocks === 0) throw v6.deviceSlot.fault('blocks', offset, 'a blob without data');
    if (!isBlobId(slot.blobId)) throw v6.deviceSlot.fault('blobId', offset, 'it is not printable text');
    if (ids.has(slot.blobId)) throw v6.deviceSlot.fault('blobId', offset, `${slot.blobId} has two slots`);
    ids.add(slot.blobId);
    return slot;
  });
}

function isBlobId(id: string): boolean {
  return /^[\x21-\x7e]+$/.test(id);
}

function readBlobEntries(buffer: Buffer, extended: v6.ExtendedSuperBlock, devices: number): v6.BlobEntry[] {
  const count = extended.blobTableSize / v6.blobEntry.size;
  if (count !== devices) {
    throw v6.extendedSuperBlock.fault(
      'blobTableSize',
      v6.EXTENDED_SUPER_OFFSET,
      `${count} blobs, but ${devices} devices`,
    );
  }
  return Array.from({ length: count }, (_, i) => {
    const offset = extended.blobTableOffset + i * v6.blobEntry.size;
    const entry = v6.blobEntry.read(buffer, offset);
    const fault = blobEntryFault(entry, i, extended.chunkSize);
    if (fault !== undefined) throw v6.blobEntry.fault(fault[0], offset, fault[1]);
    return entry;
  });
}

/** Field and reason of the first rule that an entry breaks. */
function blobEntryFault(
  entry: v6.BlobEntry,
  position: number,
  chunkSize: number,
): [field: keyof v6.BlobEntry, reason: string] | undefined {
  const { features } = entry;
  const has = (flag: Parameters<typeof v6.blobFeatures.has>[1]): boolean =>
    v6.blobFeatures.has(features, flag);
  if (!isBlobId(entry.blobId)) return ['blobId', 'it is not printable text'];
  if (entry.blobIndex !== position) return ['blobIndex', `${entry.blobIndex} at position ${position}`];
  if (entry.chunkSize !== chunkSize)
    return ['chunkSize', `${entry.chunkSize}, but the image has ${chunkSize}`];
  if (entry.chunkCount === 0 || entry.chunkCount > 2 ** 24)
    return ['chunkCount', `${entry.chunkCount} chunks`];
  if ((features & v6.BLOB_FEATURES_REFUSED) !== 0)
    return ['features', `refused bits in 0x${features.toString(16)}`];
  if (has('ALIGNED') === has('TARFS')) return ['features', 'exactly one of ALIGNED and TARFS must be set'];
  if ((has('BATCH') || has('ZRAN') || has('ENCRYPTED')) && !has('CHUNK_INFO_V2'))
    return ['features', 'BATCH, ZRAN and ENCRYPTED need CHUNK_INFO_V2'];
  if (entry.uncompressedSize > v6.MAX_UNCOMPRESSED_SIZE)
    return ['uncompressedSize', `${entry.uncompressedSize} bytes`];
  if (entry.compressedSize > v6.MAX_COMPRESSED_SIZE)
    return ['compressedSize', `${entry.compressedSize} bytes`];
  if (entry.cipher !== (has('ENCRYPTED') ? v6.CIPHER_AES_128_XTS : v6.CIPHER_NONE))
    return ['cipher', `number ${entry.cipher}`];
  if (has('TARFS') || has('IS_CHUNKDICT_GENERATED')) return undefined;
  return metaSizeFault(entry);
}

function metaSizeFault(entry: v6.BlobEntry): [field: keyof v6.BlobEntry, reason: string] | undefined {
  const { features, chunkCount, metaUncompressedSize: size } = entry;
  const v2 = v6.blobFeatures.has(features, 'CHUNK_INFO_V2');
  const contexts = (['BATCH', 'ZRAN', 'ENCRYPTED'] as const).some((flag) =>
    v6.blobFeatures.has(features, flag),
  );
  const records = chunkCount * (v2 ? 24 : 16);
  if (contexts ? size < records : size !== records)
    return ['metaUncompressedSize', `${size} bytes for ${chunkCount} chunks`];
  if (entry.metaCompressedSize > size)
    return ['metaCompressedSize', `${entry.metaCompressedSize} is more than ${size} uncompressed`];
  if (!Number.isSafeInteger(entry.metaOffset + entry.metaCompressedSize))
    return ['metaOffset', 'its end is out of range'];
  return undefined;
}

function toRecord(entry: v6.BlobEntry, offset: number): BlobRecord {
  const name = <K extends string>(
    field: keyof v6.BlobEntry,
    table: Readonly<Record<K, number>>,
    value: number,
  ): K => {
    const found = only(table, (known) => known === value);
    if (found === undefined) throw v6.blobEntry.fault(field, offset, `number ${value} is not known`);
    return found;
  };
  return {
    id: entry.blobId,
    chunkCount: entry.chunkCount,
    chunkSize: entry.chunkSize,
    compressor: name('compressor', v6.COMPRESSORS, entry.compressor),
    digester: name('digester', v6.DIGESTERS, entry.digester),
    features: entry.features,
    compressedSize: entry.compressedSize,
    uncompressedSize: entry.uncompressedSize,
    metaCompressor: name('metaCompressor', v6.COMPRESSORS, entry.metaCompressor),
    metaOffset: entry.metaOffset,
    metaCompressedSize: entry.metaCompressedSize,
    metaUncompressedSize: entry.metaUncompressedSize,
  };
}

function readPrefetch(buffer: Buffer, extended: v6.ExtendedSuperBlock): number[] {
  if (extended.prefetchTableOffset === 0) return [];
  return Array.from(
    { length: extended.prefetchTableSize / v6.prefetchEntry.size },
    (_, i) => v6.prefetchEntry.read(buffer, extended.prefetchTableOffset + i * v6.prefetchEntry.size).nid,
  );
}
