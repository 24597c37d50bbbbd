/** Returns the numbers of an image's summary, which v5 and v6 keep in different places. */
import type { V5Image } from '../read/v5/read.js';
import type { V6Image } from '../read/v6/read.js';

export interface ImageFacts {
  /** Bits of SuperFlags. */
  readonly flags: number;
  readonly names: number;
  /** The number of chunks that files refer to. */
  readonly chunks: number;
}

export function factsOfV6({ tables }: V6Image): ImageFacts {
  return { flags: tables.extended.flags, names: tables.superBlock.inos, chunks: tables.chunkCount };
}

export function factsOfV5({ tables, inodes, bootstrap }: V5Image): ImageFacts {
  const chunks = bootstrap.blobs.reduce((sum, blob) => sum + Array.from(blob.chunks.indexes()).length, 0);
  return { flags: tables.superBlock.flags, names: inodes.size, chunks };
}
