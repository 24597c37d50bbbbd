/** The versions of RAFS that are read; the only place that chooses by version. */
import { readV5, type V5Image } from './read/v5/read.js';
import { isV5 } from './read/v5/tables.js';
import { readV6, type V6Image, type Vouch } from './read/v6/read.js';

export type RafsImage = V5Image | V6Image;

/** Reads a bootstrap of the version that its first bytes name. Throws FormatError (with the offset) or UnsupportedError. Only v6 is vouched for. */
export function readBootstrap(bytes: Uint8Array, vouch?: Vouch): RafsImage {
  return isV5(bytes) ? readV5(bytes) : readV6(bytes, vouch);
}
