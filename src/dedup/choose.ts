/** Chooses the chunks of a dictionary: those that several images hold, the dearest first. */
import type { ChunkSpace } from './chunk-space.js';
import type { Profile } from './profile.js';

/** A chunk of the dictionary takes this much besides its bytes: a chunk record and a digest. */
export const CHUNK_OVERHEAD = 48;

export interface ChoiceOptions {
  /** A chunk must be in this many images. */
  readonly minShare: number;
  /** Stored bytes of all chosen chunks at most. */
  readonly maxSize: number;
}

/** The number of images that hold each chunk. */
function holders(profiles: readonly Profile[], space: ChunkSpace): Uint32Array {
  const counts = new Uint32Array(space.size);
  for (const { blobs } of profiles) {
    const own = new Set(blobs.flatMap(({ chunks }) => chunks));
    for (const chunk of own) counts[chunk] = (counts[chunk] ?? 0) + 1;
  }
  return counts;
}

/**
 * Returns the chosen chunks. The dearest is the one whose copies take most bytes; of equal ones the first in the images. A chunk that
 * does not fit is left out, and smaller ones after it may still fit.
 */
export function chooseChunks(
  profiles: readonly Profile[],
  space: ChunkSpace,
  { minShare, maxSize }: ChoiceOptions,
): ReadonlySet<number> {
  const counts = holders(profiles, space);
  const saved = (chunk: number): number => space.stored(chunk) * ((counts[chunk] ?? 1) - 1);
  const shared: number[] = [];
  for (const [chunk, count] of counts.entries()) if (count >= minShare) shared.push(chunk);
  shared.sort((a, b) => saved(b) - saved(a) || a - b);
  const chosen = new Set<number>();
  let size = 0;
  for (const chunk of shared) {
    const bytes = space.stored(chunk);
    if (size + bytes > maxSize) continue;
    chosen.add(chunk);
    size += bytes;
  }
  return chosen;
}

/** Bytes that a conversion would not store if these chunks were in a dictionary. */
export function savedBytes({ blobs }: Profile, known: ReadonlySet<number>, space: ChunkSpace): number {
  let saved = 0;
  for (const { chunks } of blobs)
    for (const chunk of chunks) if (known.has(chunk)) saved += space.stored(chunk) + CHUNK_OVERHEAD;
  return saved;
}

/** Bytes of all blobs. */
export function storedBytes({ blobs }: Profile): number {
  return blobs.reduce((sum, { size }) => sum + size, 0);
}
