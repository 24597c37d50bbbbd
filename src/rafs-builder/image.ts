/** A bootstrap of any version that is read. */
import { formatV5 } from './codec-v5.js';
import { isV5 } from './v5-tables.js';
import type { V5Image } from './v5-read.js';
import { readV6, type V6Image, type Vouch } from './v6-read.js';

export type RafsImage = V5Image | V6Image;

/** By the first bytes. Throws FormatError (with the offset) or UnsupportedError. Only v6 is vouched for. */
export function readBootstrap(bytes: Uint8Array, vouch?: Vouch): RafsImage {
  return isV5(bytes) ? formatV5.read(bytes) : readV6(bytes, vouch);
}
