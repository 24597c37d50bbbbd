/** RAFS: bootstraps and blobs, read and described by pure functions over bytes, without files or addon. */
export { BLOCK_SIZE, blobFeatures, OWN_BLOB_ID, superFlags } from './layout/v6.js';
export { type SparseChunkTable } from './model/sparse.js';
export { sortedChildren, sortedChildrenSteps, walk, walkInSteps, type WalkStep } from './model/walk.js';
export { readV5, type StoredV5Inode, type V5Image } from './read/v5/read.js';
export { readV6, type StoredInode, type V6Image } from './read/v6/read.js';
export { type RafsImage, readBootstrap } from './versions.js';
