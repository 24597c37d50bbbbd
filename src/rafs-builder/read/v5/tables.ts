/** The fixed part of a v5 bootstrap: super block, inode table, prefetch table and the two blob tables. */
import { FormatError, UnsupportedError } from '../../../errors.js';
import {
  type BlobRecord,
  type CompressorName,
  type DigesterName,
  MAX_CHUNKS_PER_BLOB,
} from '../../model/tree.js';
import { roundUp } from '../../layout/struct.js';
import * as v5 from '../../layout/v5.js';
import {
  BLOB_FEATURES_REFUSED,
  blobFeatures,
  MAX_COMPRESSED_SIZE,
  MAX_UNCOMPRESSED_SIZE,
} from '../../layout/v6.js';
import { isBlobId, isChunkSize, readSuperFlags } from '../v6/tables.js';

export interface V5BlobEntry {
  /** Of its prefix in the blob table; the id follows. */
  readonly offset: number;
  readonly id: string;
  readonly readaheadOffset: number;
  readonly readaheadSize: number;
  readonly extended: v5.ExtendedBlob;
}

export interface V5Tables {
  readonly superBlock: v5.SuperBlock;
  readonly compressor: CompressorName;
  readonly digester: DigesterName;
  readonly prefetch: readonly number[];
  readonly blobEntries: readonly V5BlobEntry[];
  readonly blobs: readonly BlobRecord[];
  /** Where the inode with this number is, 1 the first. Throws FormatError. */
  inodeOffset(number: number): number;
}

/** True for bytes that begin as a v5 bootstrap does; a v6 one begins with zeros. */
export function isV5(bytes: Uint8Array): boolean {
  return bytes[0] === 0x53 && bytes[1] === 0x46 && bytes[2] === 0x41 && bytes[3] === 0x52;
}

export function readV5Tables(buffer: Buffer): V5Tables {
  const superBlock = v5.superBlock.read(buffer, 0);
  checkSuperBlock(buffer, superBlock);
  const { compressor, digester } = readSuperFlags(superBlock.flags, (reason) => fault('flags', reason));
  const blobEntries = readBlobEntries(buffer, superBlock);
  return {
    superBlock,
    compressor,
    digester,
    blobEntries,
    prefetch: Array.from(
      { length: superBlock.prefetchTableEntries },
      (_, i) => v5.prefetchEntry.read(buffer, superBlock.prefetchTableOffset + i * v5.prefetchEntry.size).ino,
    ),
    blobs: blobEntries.map(({ id, extended }) => ({
      id,
      ...extended,
      chunkSize: superBlock.chunkSize,
      compressor,
      digester,
      metaCompressor: 'none',
      metaOffset: 0,
      metaCompressedSize: 0,
      metaUncompressedSize: 0,
    })),
    inodeOffset: (number) => inodeOffset(buffer, superBlock, number),
  };
}

function fault(field: keyof v5.SuperBlock, reason: string): FormatError {
  return v5.superBlock.fault(field, 0, reason);
}

function checkSuperBlock(buffer: Buffer, sb: v5.SuperBlock): void {
  const wanted = { magic: v5.SUPER_MAGIC, version: v5.VERSION, size: v5.SUPER_SIZE } as const;
  for (const [field, value] of Object.entries(wanted) as [keyof typeof wanted, number][]) {
    // keys of the object above
    if (sb[field] !== value)
      throw fault(field, `it is 0x${sb[field].toString(16)}, not 0x${value.toString(16)}`);
  }
  if (buffer.length % v5.ALIGNMENT !== 0) {
    throw new FormatError(`a RAFS v5 bootstrap has a multiple of 8 bytes, not ${buffer.length}`, {
      offset: 0,
    });
  }
  if (!isChunkSize(sb.chunkSize))
    throw fault('chunkSize', `0x${sb.chunkSize.toString(16)} is no power of two from 0x1000 to 0x1000000`);
  if (sb.inodes === 0) throw fault('inodes', 'an image without inodes');
  if (sb.inodes > sb.inodeTableEntries)
    throw fault('inodes', `${sb.inodes} inodes under ${sb.inodeTableEntries} names`);
  const tables = [
    ['inodeTableOffset', 'inode table', sb.inodeTableEntries * v5.inodeTableEntry.size],
    ['prefetchTableOffset', 'prefetch table', sb.prefetchTableEntries * v5.prefetchEntry.size],
    ['blobTableOffset', 'blob table', sb.blobTableSize],
    ['extendedOffset', 'extended blob table', sb.extendedEntries * v5.extendedBlob.size],
  ] as const;
  tables.forEach(([field, name, size], i) => {
    const offset = sb[field];
    if (size === 0) return;
    if (offset % v5.ALIGNMENT !== 0 || offset < v5.SUPER_SIZE)
      throw fault(field, `a table cannot start at ${offset}`);
    if (offset + roundUp(size, v5.ALIGNMENT) > buffer.length)
      throw fault(field, `a table of ${size} bytes at ${offset} leaves the file of ${buffer.length}`);
    for (const [other, otherName, otherSize] of tables.slice(0, i)) {
      if (otherSize > 0 && offset < sb[other] + otherSize && sb[other] < offset + size)
        throw fault(field, `the ${name} overlaps the ${otherName}`);
    }
  });
}

function inodeOffset(buffer: Buffer, sb: v5.SuperBlock, number: number): number {
  const at = sb.inodeTableOffset + (number - 1) * v5.inodeTableEntry.size;
  const offset = v5.inodeTableEntry.read(buffer, at).offset * v5.INODE_UNIT;
  if (offset < v5.SUPER_SIZE || offset + v5.inode.size > buffer.length)
    throw v5.inodeTableEntry.fault('offset', at, `inode ${number} would be at ${offset}`);
  return offset;
}

/** Entries follow each other, each a prefix and an id that ends with a NUL or with the table. */
function readBlobEntries(buffer: Buffer, sb: v5.SuperBlock): V5BlobEntry[] {
  if (sb.blobTableSize > 0 && sb.extendedEntries === 0)
    throw new UnsupportedError('RAFS v5 images without an extended blob table are not read');
  const entries: V5BlobEntry[] = [];
  const ids = new Set<string>();
  const end = sb.blobTableOffset + sb.blobTableSize;
  let at = sb.blobTableOffset;
  for (let i = 0; i < sb.extendedEntries; i++) {
    if (at + v5.blobPrefix.size >= end)
      throw fault('blobTableSize', `${sb.blobTableSize} bytes for ${sb.extendedEntries} blobs`);
    const start = at + v5.blobPrefix.size;
    const nul = buffer.indexOf(0, start);
    const stop = nul < 0 || nul > end ? end : nul;
    const id = buffer.toString('latin1', start, stop);
    if (!isBlobId(id) || ids.has(id))
      throw v5.blobPrefix.fault(
        'readaheadSize',
        at,
        ids.has(id) ? `${id} is listed twice` : 'the id behind it is not printable text',
      );
    ids.add(id);
    const extendedOffset = sb.extendedOffset + i * v5.extendedBlob.size;
    const extended = v5.extendedBlob.read(buffer, extendedOffset);
    const wrong = extendedFault(extended);
    if (wrong !== undefined) throw v5.extendedBlob.fault(wrong[0], extendedOffset, wrong[1]);
    entries.push({ offset: at, id, ...v5.blobPrefix.read(buffer, at), extended });
    at = stop + 1;
  }
  // The last id has no NUL of its own, but for padding.
  if (sb.blobTableSize > 0 && roundUp(at - 1 - sb.blobTableOffset, v5.ALIGNMENT) !== sb.blobTableSize)
    throw fault('blobTableSize', `${sb.blobTableSize} bytes for ${sb.extendedEntries} blobs`);
  return entries;
}

function extendedFault(entry: v5.ExtendedBlob): [field: keyof v5.ExtendedBlob, reason: string] | undefined {
  const { chunkCount, features, uncompressedSize, compressedSize } = entry;
  if (chunkCount > MAX_CHUNKS_PER_BLOB + 1) return ['chunkCount', `${chunkCount} chunks`];
  if ((features & BLOB_FEATURES_REFUSED) !== 0)
    return ['features', `refused bits in 0x${features.toString(16)}`];
  for (const flag of [
    'CHUNK_INFO_V2',
    'ZRAN',
    'SEPARATE',
    'TARFS',
    'BATCH',
    'ENCRYPTED',
    'HAS_TOC',
  ] as const) {
    if (blobFeatures.has(features, flag)) return ['features', `${flag}, which RAFS v5 does not have`];
  }
  if (uncompressedSize > MAX_UNCOMPRESSED_SIZE) return ['uncompressedSize', `${uncompressedSize} bytes`];
  if (compressedSize > MAX_COMPRESSED_SIZE) return ['compressedSize', `${compressedSize} bytes`];
  return undefined;
}
