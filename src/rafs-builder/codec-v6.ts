/** RAFS v6, both ways. */
import { type Bootstrap } from './tree.js';
import { readV6, type V6Image } from './v6-read.js';
import { writeV6 } from './v6-write.js';

/** A version of RAFS: pure functions between a tree and bytes. */
export interface RafsFormat {
  readonly version: 6;
  /** Throws FormatError or UnsupportedError for what the format cannot hold. */
  write(bootstrap: Bootstrap): Uint8Array;
  /** Throws FormatError, with the offset, for bytes that make no sense. */
  read(bytes: Uint8Array): V6Image;
}

export const formatV6: RafsFormat = { version: 6, write: writeV6, read: readV6 };
