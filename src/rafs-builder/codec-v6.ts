/** RAFS v6, both ways. */
import type { BootstrapInput } from './tree.js';
import { readV6, type V6Image } from './v6-read.js';
import { writeV6 } from './v6-write.js';

/** A version of RAFS, as far as it is read: pure functions over bytes. */
export interface RafsReader<Version extends 5 | 6, Image> {
  readonly version: Version;
  /** Throws FormatError, with the offset, for bytes that make no sense. */
  read(bytes: Uint8Array): Image;
}

/** A version that is written too. */
export interface RafsFormat extends RafsReader<6, V6Image> {
  /** Throws FormatError or UnsupportedError for what the format cannot hold. */
  write(bootstrap: BootstrapInput): Uint8Array;
}

export const formatV6: RafsFormat = { version: 6, write: writeV6, read: (bytes) => readV6(bytes) };
