/**
 * The section `blob.meta` has one record for each chunk, then a header of 4096 bytes. nydusd reads chunks by these
 * records; its cache file `<blob id>.blob.meta` has the same content with the records uncompressed and padded to 4096.
 */
import { ChunkExtents } from './chunk-extents.js';
import { blobMetaHeader, type BlobMetaHeader, chunkMeta, META_MAGIC } from '../layout/blob.js';
import { roundUp } from '../layout/struct.js';
import type { ChunkRecord } from '../model/tree.js';
import { BLOCK_SIZE } from '../layout/v6.js';

const TWO_32 = 2 ** 32;

// Offsets are constants of the module, because a blob has a hundred thousand records, each read field by field.
const {
  uncompressedLow: UNCOMPRESSED_LOW,
  uncompressedHigh: UNCOMPRESSED_HIGH,
  compressedLow: COMPRESSED_LOW,
  compressedHigh: COMPRESSED_HIGH,
} = chunkMeta.offset;

/** Place and size of a chunk in bytes, which is all that a record of version 1 holds. */
export type ChunkExtent = Pick<
  ChunkRecord,
  'compressedOffset' | 'compressedSize' | 'uncompressedOffset' | 'uncompressedSize'
>;

export function readChunkMeta(buffer: Buffer, offset: number): ChunkExtent {
  const uncompressedLow = buffer.readUInt32LE(offset + UNCOMPRESSED_LOW);
  const uncompressedHigh = buffer.readUInt32LE(offset + UNCOMPRESSED_HIGH);
  const compressedLow = buffer.readUInt32LE(offset + COMPRESSED_LOW);
  const compressedHigh = buffer.readUInt32LE(offset + COMPRESSED_HIGH);
  return {
    uncompressedOffset: (uncompressedHigh & 0xfff) * TWO_32 + ((uncompressedLow & 0xffff_f000) >>> 0),
    uncompressedSize: ((uncompressedHigh >>> 12) | ((uncompressedLow & 0xf00) << 12)) + 1,
    compressedOffset: (compressedHigh & 0xff) * TWO_32 + compressedLow,
    compressedSize: ((compressedHigh >>> 12) | ((compressedHigh & 0xf00) << 12)) + 1,
  };
}

/** Throws FormatError unless both magics are right. */
export function readBlobMetaHeader(buffer: Buffer, offset: number): BlobMetaHeader {
  const header = blobMetaHeader.read(buffer, offset);
  if (header.magic !== META_MAGIC) throw blobMetaHeader.fault('magic', offset, 'it is not 0xb10bb10b');
  if (header.magic2 !== META_MAGIC) throw blobMetaHeader.fault('magic2', offset, 'it is not 0xb10bb10b');
  return header;
}

/** Returns the content of nydusd's cache file: uncompressed records, zero padded to a block, then the header. */
export function blobMetaFile(records: Uint8Array, header: Uint8Array): Buffer {
  const file = Buffer.alloc(roundUp(records.length, BLOCK_SIZE) + header.length);
  file.set(records, 0);
  file.set(header, file.length - header.length);
  return file;
}

/** Reads all records of a blob. `base` is the offset of the header, for errors. */
export function parseChunkMetas(records: Buffer, header: BlobMetaHeader, base: number): ChunkExtents {
  checkRecords(records, header, base);
  const extents = new ChunkExtents(header.entries);
  for (let index = 0; index < header.entries; index++) {
    const extent = readChunkMeta(records, index * chunkMeta.size);
    extents.compressedOffset[index] = extent.compressedOffset;
    extents.compressedSize[index] = extent.compressedSize;
    extents.uncompressedOffset[index] = extent.uncompressedOffset;
    extents.uncompressedSize[index] = extent.uncompressedSize;
  }
  return extents;
}

function checkRecords(records: Buffer, header: BlobMetaHeader, base: number): void {
  if (records.length !== header.entries * chunkMeta.size) {
    throw blobMetaHeader.fault(
      'entries',
      base,
      `${header.entries} records of ${chunkMeta.size} bytes in ${records.length} bytes`,
    );
  }
}
