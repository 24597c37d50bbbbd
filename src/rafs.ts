/** `nydusify-ts/rafs` reads bootstraps and shows them as text. Its functions take bytes and fetch nothing. */
import { openBootstrap } from './native/judge.js';
import type { Bootstrap } from './rafs-builder/model/tree.js';
import { dump as dumpImage } from './rafs-builder/show/dump.js';

export { sortedChildren, walk, type WalkStep } from './rafs-builder/model/walk.js';
export {
  type Blob,
  type BlobRecord,
  type Bootstrap,
  chunkBlob,
  chunkIndex,
  type ChunkBatch,
  type ChunkRecord,
  type ChunkNumbers,
  type ChunkRef,
  type ChunkTable,
  type CompressorName,
  type DigesterName,
  type Inode,
  type InodeBase,
  type PackedDigests,
  type TreeNode,
  type Xattr,
} from './rafs-builder/model/tree.js';
export { displayName, type RawName, rawNameBytes, type RawPath } from './oci/raw-name.js';

/** A bootstrap, read and bounds-checked. */
export interface RafsImage {
  /** The RAFS version. */
  readonly version: 5 | 6;
  /** The bytes of the bootstrap. */
  readonly bytes: Uint8Array;
  readonly bootstrap: Bootstrap;
}

/** Reads a bootstrap of either version. Throws FormatError, with the offset, or UnsupportedError. */
export function readBootstrap(bytes: Uint8Array): RafsImage {
  return openBootstrap(bytes);
}

/**
 * Yields the bootstrap as text, one fact a line; equal bytes give equal lines. Throws the errors of `readBootstrap`.
 */
export function dump(bytes: Uint8Array): Iterable<string> {
  return dumpImage(openBootstrap(bytes));
}
