/** The chunk table of a packed layer, put together from what others may see of it: a scan of the layer, and the blob's records. */
import type { ScannedLayer } from '../../../src/native/scanner.js';
import { parseBlobMetaFile } from './blob-meta-file.js';
import type { ChunkTable } from '../../../src/rafs-builder/model/tree.js';
import { tableOf } from './worked-example.js';

/** `blobMeta` is the content of the layer's `.blob.meta` file. */
export function storedChunks({ chunks }: Pick<ScannedLayer, 'chunks'>, blobMeta: Uint8Array): ChunkTable {
  const extents = blobMeta.length === 0 ? [] : parseBlobMetaFile(blobMeta).chunks;
  if (extents.length !== chunks.length) {
    throw new Error(`${extents.length} records of ${chunks.length} chunks`);
  }
  return tableOf(
    extents.map((extent, index) => {
      const { digest, crc32, uncompressedSize } = chunks.at(index);
      if (extent.uncompressedSize !== uncompressedSize) throw new Error(`chunk ${index} has another size`);
      return { digest, crc32, compressed: extent.compressedSize < uncompressedSize, ...extent };
    }),
  );
}
