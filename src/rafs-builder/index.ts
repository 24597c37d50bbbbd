/** RAFS: bootstraps and blobs, read and written. Pure functions over bytes; no files, no addon. */
import { formatV5 } from './codec-v5.js';
import { formatV6 } from './codec-v6.js';

/** By version. v5 is read, not written. */
export const rafsFormats = { 5: formatV5, 6: formatV6 } as const;

export { type RafsFormat, type RafsReader } from './codec-v6.js';
export { type RafsImage, readBootstrap } from './image.js';
export { blobMetaFile, type ChunkExtent, parseBlobMetaFile } from './blob-meta.js';
export { sortedChildren, walk, type WalkStep } from './walk.js';
export { type SparseChunkTable } from './sparse.js';
export { type StoredV5Inode, type V5Image } from './v5-read.js';
export { type StoredInode, type V6Image } from './v6-read.js';
export { BLOCK_SIZE, blobFeatures, OWN_BLOB_ID, superFlags } from './v6.js';
