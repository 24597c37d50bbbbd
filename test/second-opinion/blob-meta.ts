/** Writes the section `blob.meta`. */
import { FormatError } from '../../src/errors.js';
import {
  blobMetaHeader,
  type BlobMetaHeader,
  chunkMeta,
  META_MAGIC,
} from '../../src/rafs-builder/layout/blob.js';
import { MAX_COMPRESSED_SIZE, MAX_UNCOMPRESSED_SIZE } from '../../src/rafs-builder/layout/v6.js';
import { chunkNumbers, type ChunkTable } from '../../src/rafs-builder/model/tree.js';
import type { ChunkExtent } from '../support/images/blob-meta-file.js';

const TWO_32 = 2 ** 32;

export function writeChunkMeta(buffer: Buffer, offset: number, chunk: ChunkExtent): void {
  const size = chunk.uncompressedSize - 1;
  const stored = chunk.compressedSize - 1;
  const high = Math.floor(chunk.uncompressedOffset / TWO_32);
  const storedHigh = Math.floor(chunk.compressedOffset / TWO_32);
  // The offset is a multiple of 4096, so the bits below are free.
  const uncompressedLow = (chunk.uncompressedOffset - high * TWO_32) | ((size >>> 20) << 8);
  buffer.writeUInt32LE(uncompressedLow >>> 0, offset + chunkMeta.offset.uncompressedLow);
  buffer.writeUInt32LE((high | ((size & 0xf_ffff) << 12)) >>> 0, offset + chunkMeta.offset.uncompressedHigh);
  buffer.writeUInt32LE(chunk.compressedOffset - storedHigh * TWO_32, offset + chunkMeta.offset.compressedLow);
  const compressedHigh = storedHigh | ((stored >>> 20) << 8) | ((stored & 0xf_ffff) << 12);
  buffer.writeUInt32LE(compressedHigh >>> 0, offset + chunkMeta.offset.compressedHigh);
}

/** All records of a blob. Throws FormatError when the blob is bigger than records can hold. */
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
