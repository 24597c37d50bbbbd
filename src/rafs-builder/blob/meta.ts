/**
 * The section `blob.meta`: a record a chunk, then a header of 4096 bytes. nydusd reads chunks by these records; its cache
 * file `<blob id>.blob.meta` is the same with the records uncompressed and padded to 4096.
 */
import { FormatError } from '../../errors.js';
import { inPieces } from '../read/v6/hot-code.js';
import { ChunkExtents } from './chunk-extents.js';
import { blobMetaHeader, type BlobMetaHeader, chunkMeta, META_MAGIC } from '../layout/blob.js';
import { roundUp } from '../layout/struct.js';
import { chunkNumbers, type ChunkRecord, type ChunkTable } from '../model/tree.js';
import { BLOCK_SIZE, MAX_COMPRESSED_SIZE, MAX_UNCOMPRESSED_SIZE } from '../layout/v6.js';

const TWO_32 = 2 ** 32;

/** Reading and writing go field by field: a blob has a hundred thousand records. */
const {
  uncompressedLow: UNCOMPRESSED_LOW,
  uncompressedHigh: UNCOMPRESSED_HIGH,
  compressedLow: COMPRESSED_LOW,
  compressedHigh: COMPRESSED_HIGH,
} = chunkMeta.offset;

/** Where a chunk is, and how big; a record does not say more. Bytes. */
export type ChunkExtent = Pick<
  ChunkRecord,
  'compressedOffset' | 'compressedSize' | 'uncompressedOffset' | 'uncompressedSize'
>;

export function writeChunkMeta(buffer: Buffer, offset: number, chunk: ChunkExtent): void {
  const size = chunk.uncompressedSize - 1;
  const stored = chunk.compressedSize - 1;
  const high = Math.floor(chunk.uncompressedOffset / TWO_32);
  const storedHigh = Math.floor(chunk.compressedOffset / TWO_32);
  // The offset is a multiple of 4096, so the bits below are free.
  const uncompressedLow = (chunk.uncompressedOffset - high * TWO_32) | ((size >>> 20) << 8);
  buffer.writeUInt32LE(uncompressedLow >>> 0, offset + UNCOMPRESSED_LOW);
  buffer.writeUInt32LE((high | ((size & 0xf_ffff) << 12)) >>> 0, offset + UNCOMPRESSED_HIGH);
  buffer.writeUInt32LE(chunk.compressedOffset - storedHigh * TWO_32, offset + COMPRESSED_LOW);
  const compressedHigh = storedHigh | ((stored >>> 20) << 8) | ((stored & 0xf_ffff) << 12);
  buffer.writeUInt32LE(compressedHigh >>> 0, offset + COMPRESSED_HIGH);
}

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

/** All records of a blob. Throws FormatError when the blob is bigger than records can tell. */
export function encodeChunkMetas(chunks: ChunkTable): Buffer {
  const out = Buffer.alloc(chunks.length * chunkMeta.size);
  for (let i = 0; i < chunks.length; i++) {
    const chunk = chunkNumbers(chunks, i);
    if (
      chunk.uncompressedOffset >= MAX_UNCOMPRESSED_SIZE ||
      chunk.compressedOffset + chunk.compressedSize > MAX_COMPRESSED_SIZE
    ) {
      throw new FormatError(
        `chunk ${i}: the blob is bigger than RAFS v6 allows (1 TiB compressed, 16 TiB uncompressed)`,
      );
    }
    writeChunkMeta(out, i * chunkMeta.size, chunk);
  }
  return out;
}

export function encodeBlobMetaHeader(
  values: Omit<BlobMetaHeader, 'magic' | 'magic2' | 'tableOffset' | 'tableSize' | 'tableCount'>,
): Buffer {
  const header = Buffer.alloc(blobMetaHeader.size);
  blobMetaHeader.write(header, 0, {
    ...values,
    magic: META_MAGIC,
    tableOffset: 0,
    tableSize: 0,
    tableCount: 0,
    magic2: META_MAGIC,
  });
  return header;
}

/** Throws FormatError unless both magics are there. */
export function readBlobMetaHeader(buffer: Buffer, offset: number): BlobMetaHeader {
  const header = blobMetaHeader.read(buffer, offset);
  if (header.magic !== META_MAGIC) throw blobMetaHeader.fault('magic', offset, 'it is not 0xb10bb10b');
  if (header.magic2 !== META_MAGIC) throw blobMetaHeader.fault('magic2', offset, 'it is not 0xb10bb10b');
  return header;
}

/** Content of nydusd's cache file: uncompressed records, zero padded to a block, then the header. */
export function blobMetaFile(records: Uint8Array, header: Uint8Array): Buffer {
  const file = Buffer.alloc(roundUp(records.length, BLOCK_SIZE) + header.length);
  file.set(records, 0);
  file.set(header, file.length - header.length);
  return file;
}

/** What a `.blob.meta` cache file holds. Throws FormatError when sizes and header disagree, or records are of another version. */
export function parseBlobMetaFile(file: Uint8Array): {
  readonly header: BlobMetaHeader;
  readonly chunks: readonly ChunkExtent[];
} {
  const buffer = Buffer.from(file.buffer, file.byteOffset, file.length);
  const base = buffer.length - blobMetaHeader.size;
  const header = readBlobMetaHeader(buffer, base);
  if (base !== roundUp(header.uncompressedSize, BLOCK_SIZE)) {
    throw blobMetaHeader.fault(
      'uncompressedSize',
      base,
      `${header.uncompressedSize} bytes of records in a file of ${buffer.length}`,
    );
  }
  const records = buffer.subarray(0, header.uncompressedSize);
  checkRecords(records, header, base);
  const chunks = Array.from({ length: header.entries }, (_, i) => readChunkMeta(records, i * chunkMeta.size));
  return { header, chunks };
}

/** Records as extents; `base` is where the header stands, for errors. */
export function parseChunkMetas(records: Buffer, header: BlobMetaHeader, base: number): ChunkExtents {
  checkRecords(records, header, base);
  const extents = new ChunkExtents(header.entries);
  inPieces(header.entries, (from, to) => {
    readExtents(records, extents, from, to);
  });
  return extents;
}

function readExtents(records: Buffer, extents: ChunkExtents, from: number, to: number): void {
  for (let index = from; index < to; index++) {
    const extent = readChunkMeta(records, index * chunkMeta.size);
    extents.compressedOffset[index] = extent.compressedOffset;
    extents.compressedSize[index] = extent.compressedSize;
    extents.uncompressedOffset[index] = extent.uncompressedOffset;
    extents.uncompressedSize[index] = extent.uncompressedSize;
  }
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
