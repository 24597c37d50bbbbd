/** Reads nydusd's cache file for a blob. */
import {
  type ChunkExtent,
  parseChunkMetas,
  readBlobMetaHeader,
} from '../../../src/rafs-builder/blob/meta.js';
import { blobMetaHeader, type BlobMetaHeader } from '../../../src/rafs-builder/layout/blob.js';
import { roundUp } from '../../../src/rafs-builder/layout/struct.js';
import { BLOCK_SIZE } from '../../../src/rafs-builder/layout/v6.js';

/** Throws FormatError when sizes and header disagree, or records are of another version. */
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
  const extents = parseChunkMetas(buffer.subarray(0, header.uncompressedSize), header, base);
  return {
    header,
    chunks: Array.from({ length: extents.length }, (_, i) => extents.at(i)).flatMap((one) => one ?? []),
  };
}
