/** Numbers for the summary of an image, where v5 and v6 keep them in other places. */
import type { V5Image } from '../read/v5/read.js';
import type { V6Image } from '../read/v6/read.js';

export interface ImageFacts {
  /** SuperFlags. */
  readonly flags: number;
  readonly names: number;
  /** Chunks that files refer to. */
  readonly chunks: number;
}

export function factsOfV6({ tables }: V6Image): ImageFacts {
  return { flags: tables.extended.flags, names: tables.superBlock.inos, chunks: tables.chunkCount };
}

export function factsOfV5({ tables, inodes, bootstrap }: V5Image): ImageFacts {
  const chunks = bootstrap.blobs.reduce((sum, blob) => sum + Array.from(blob.chunks.indexes()).length, 0);
  return { flags: tables.superBlock.flags, names: inodes.size, chunks };
}
