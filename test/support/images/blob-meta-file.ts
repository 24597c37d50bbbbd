/**
 * Reads and composes nydusd's cache file for a blob: the chunk records of the section `blob.meta`, padded to a block, then
 * their header. It shares no code with the judge, which reads the same records in Rust.
 */
import {
  blobMetaHeader,
  type BlobMetaHeader,
  chunkMeta,
  META_MAGIC,
} from '../../../src/rafs-builder/layout/blob.js';
import { roundUp } from '../../../src/rafs-builder/layout/struct.js';
import { BLOCK_SIZE } from '../../../src/rafs-builder/layout/v6.js';
import type { ChunkRecord } from '../../../src/rafs-builder/model/tree.js';

const TWO_32 = 2 ** 32;

/** Place and size of a chunk in bytes, which is all that a record of version 1 holds. */
export type ChunkExtent = Pick<
  ChunkRecord,
  'compressedOffset' | 'compressedSize' | 'uncompressedOffset' | 'uncompressedSize'
>;

export function readChunkMeta(buffer: Buffer, base: number): ChunkExtent {
  const { uncompressedLow, uncompressedHigh, compressedLow, compressedHigh } = chunkMeta.read(buffer, base);
  return {
    uncompressedOffset: (uncompressedHigh & 0xfff) * TWO_32 + ((uncompressedLow & 0xffff_f000) >>> 0),
    uncompressedSize: ((uncompressedHigh >>> 12) | ((uncompressedLow & 0xf00) << 12)) + 1,
    compressedOffset: (compressedHigh & 0xff) * TWO_32 + compressedLow,
    compressedSize: ((compressedHigh >>> 12) | ((compressedHigh & 0xf00) << 12)) + 1,
  };
}

/** Puts uncompressed records and their header together to a file. */
export function blobMetaFile(records: Uint8Array, header: Uint8Array): Buffer {
  const file = Buffer.alloc(roundUp(records.length, BLOCK_SIZE) + header.length);
  file.set(records, 0);
  file.set(header, file.length - header.length);
  return file;
}

/** Throws FormatError when sizes and header disagree, or records are of another version. */
export function parseBlobMetaFile(file: Uint8Array): {
  readonly header: BlobMetaHeader;
  readonly chunks: readonly ChunkExtent[];
} {
  const buffer = Buffer.from(file.buffer, file.byteOffset, file.length);
  const base = buffer.length - blobMetaHeader.size;
  const header = blobMetaHeader.read(buffer, base);
  for (const field of ['magic', 'magic2'] as const) {
    if (header[field] !== META_MAGIC) throw blobMetaHeader.fault(field, base, 'it is not 0xb10bb10b');
  }
  const { uncompressedSize, entries } = header;
  if (base !== roundUp(uncompressedSize, BLOCK_SIZE) || uncompressedSize !== entries * chunkMeta.size) {
    throw blobMetaHeader.fault(
      'uncompressedSize',
      base,
      `${uncompressedSize} bytes for ${entries} records in a file of ${buffer.length}`,
    );
  }
  const chunks = Array.from({ length: entries }, (_, i) => readChunkMeta(buffer, i * chunkMeta.size));
  return { header, chunks };
}
