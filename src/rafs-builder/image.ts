/** A bootstrap of any version that is read. */
import { formatV5 } from './codec-v5.js';
import { formatV6 } from './codec-v6.js';
import { isV5 } from './v5-tables.js';
import type { V5Image } from './v5-read.js';
import type { V6Image } from './v6-read.js';

export type RafsImage = V5Image | V6Image;

/** By the first bytes. Throws FormatError (with the offset) or UnsupportedError. */
export function readBootstrap(bytes: Uint8Array): RafsImage {
  return isV5(bytes) ? formatV5.read(bytes) : formatV6.read(bytes);
}
