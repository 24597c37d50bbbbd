/** RAFS v5, read only. */
import type { RafsReader } from './codec-v6.js';
import { readV5, type V5Image } from './v5-read.js';

export const formatV5: RafsReader<5, V5Image> = { version: 5, read: readV5 };
