/** Reads the fixed part of a v6 bootstrap: super blocks, device table, blob table, chunk table, prefetch table. */
import type { FormatError } from '../../../errors.js';
import type { BlobRecord, CompressorName, DigesterName } from '../../model/tree.js';
import * as v6 from '../../layout/v6.js';
import { ChunkInfos } from './chunks.js';

export interface V6Tables {
  readonly superBlock: v6.SuperBlock;
  readonly extended: v6.ExtendedSuperBlock;
  readonly compressor: CompressorName;
  readonly digester: DigesterName;
  /** The offset at which nid 0 would be. */
  readonly metaOffset: number;
  readonly devices: readonly v6.DeviceSlot[];
  readonly blobEntries: readonly v6.BlobEntry[];
  readonly blobs: readonly BlobRecord[];
  readonly prefetch: readonly number[];
  readonly chunkCount: number;
  readonly chunks: ChunkInfos;
}

/** Throws FormatError, with the offset, for a table that leaves the file, and for numbers without a meaning. */
export function readTables(buffer: Buffer): V6Tables {
  const superBlock = v6.superBlock.read(buffer, v6.SUPER_OFFSET);
  const extended = v6.extendedSuperBlock.read(buffer, v6.EXTENDED_SUPER_OFFSET);
  const { compressor, digester } = readSuperFlags(extended.flags, (reason) =>
    v6.extendedSuperBlock.fault('flags', v6.EXTENDED_SUPER_OFFSET, reason),
  );
  const devices = array(buffer, v6.deviceSlot, v6.DEVICE_TABLE_OFFSET, superBlock.extraDevices);
  const { blobTableOffset, blobTableSize, chunkTableOffset, chunkTableSize } = extended;
  const { prefetchTableOffset, prefetchTableSize } = extended;
  const blobEntries = array(buffer, v6.blobEntry, blobTableOffset, blobTableSize / v6.blobEntry.size);
  const chunkCount = Math.floor(chunkTableSize / v6.chunkInfo.size);
  if (chunkTableOffset + chunkTableSize > buffer.length && chunkCount > 0) {
    throw v6.extendedSuperBlock.fault(
      'chunkTableSize',
      v6.EXTENDED_SUPER_OFFSET,
      `a table of ${chunkTableSize} bytes at ${chunkTableOffset} leaves the file`,
    );
  }
  const prefetched = prefetchTableOffset === 0 ? 0 : prefetchTableSize / v6.prefetchEntry.size;
  return {
    superBlock,
    extended,
    compressor,
    digester,
    metaOffset: superBlock.metaBlock * v6.BLOCK_SIZE,
    devices,
    blobEntries,
    blobs: blobEntries.map((entry, i) => toRecord(entry, blobTableOffset + i * v6.blobEntry.size)),
    prefetch: array(buffer, v6.prefetchEntry, prefetchTableOffset, prefetched).map(({ nid }) => nid),
    chunkCount,
    chunks: new ChunkInfos(buffer, chunkTableOffset, chunkCount, blobEntries),
  };
}

/** Reads `count` structures, one after the other, and throws at the first that leaves the file. */
function array<T>(buffer: Buffer, struct: Reader<T>, offset: number, count: number): T[] {
  const values: T[] = [];
  for (let i = 0; i + 1 <= count; i++) values.push(struct.read(buffer, offset + i * struct.size));
  return values;
}

interface Reader<T> {
  readonly size: number;
  read(buffer: Buffer, base: number): T;
}

/**
 * Returns the one compressor and the one digester in the super flags of v5 or v6. `fault` makes the error for any other
 * number.
 */
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

/** Returns the one key whose value passes; undefined when none or several do. */
function only<K extends string, V>(
  table: Readonly<Record<K, V>>,
  passes: (value: V) => boolean,
): K | undefined {
  const keys = Object.keys(table) as K[]; // a Record has no other keys
  const found = keys.filter((key) => passes(table[key]));
  return found.length === 1 ? found[0] : undefined;
}

/** Encrypted blobs have their key in the same place. */
function rafsBlob({ features, metaDigest }: v6.BlobEntry): Pick<BlobRecord, 'rafsBlob'> {
  if (!v6.blobFeatures.has(features, 'SEPARATE') || metaDigest.every((byte) => byte === 0)) return {};
  return { rafsBlob: Buffer.from(metaDigest).toString('hex') };
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
    ...rafsBlob(entry),
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
