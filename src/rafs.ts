/** `nydusify-ts/rafs`: bootstraps as values and as text. Functions over bytes; nothing is fetched. */
import { openBootstrap } from './native/index.js';
import type { Bootstrap } from './rafs-builder/model/tree.js';
import { dump as dumpImage } from './rafs-builder/show/dump.js';

export { sortedChildren, walk, type WalkStep } from './rafs-builder/model/walk.js';
export {
  type Blob,
  type BlobRecord,
  type Bootstrap,
  chunkBlob,
  chunkIndex,
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
  /** Of RAFS. */
  readonly version: 5 | 6;
  /** The bytes that it was read from. */
  readonly bytes: Uint8Array;
  readonly bootstrap: Bootstrap;
}

/** Reads a bootstrap of either version. Throws FormatError, with the offset, or UnsupportedError. */
export function readBootstrap(bytes: Uint8Array): RafsImage {
  return openBootstrap(bytes);
}

/** The bootstrap as text, one fact a line; the same lines for the same bytes. Throws what `readBootstrap` throws. */
export function dump(bytes: Uint8Array): Iterable<string> {
  return dumpImage(openBootstrap(bytes));
}
