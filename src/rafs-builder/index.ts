/** RAFS: bootstraps and blobs, read and written. Pure functions over bytes; no files, no addon. */
import { formatV6 } from './codec-v6.js';

export const rafsFormats = { 6: formatV6 } as const;

export { type RafsFormat } from './codec-v6.js';
export { blobMetaFile, type ChunkExtent, parseBlobMetaFile } from './blob-meta.js';
export { type BlobTail, type BlobTailInput, buildBlobTail, foreignBlobRecord } from './blob-tail.js';
export { sortedChildren, walk, type WalkStep } from './walk.js';
export { type SparseChunkTable, type StoredInode, type V6Image } from './v6-read.js';
export { BLOCK_SIZE, blobFeatures, OWN_BLOB_ID, superFlags } from './v6.js';
