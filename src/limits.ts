/**
 * The most that the images of one run may take of this machine together, whatever they claim. Work is charged before room is taken
 * for it. Beyond the bytes given here an image may take a multiple of what its compressed layers hold, so real images stay far
 * below; the multiples stand in native/core/src/budget.rs.
 */
export interface Limits {
  /** Entries of all layers, of each layer as often as the image lists it. */
  readonly maxEntries: number;
  /** Bytes of metadata: names, links, attributes, and what an entry and a reference to a chunk take. */
  readonly maxMetadata: number;
  /** Bytes of chunk data and of unpacked archives in files. */
  readonly maxDisk: number;
  /** Uncompressed bytes for each compressed byte, from 1 GiB on. */
  readonly maxExpansion: number;
}

/** What the images of one run take together. Calls that are given the same budget share it; `openBudget` makes one. */
export interface Budget {
  readonly limits: Limits;
  /** Charges bytes of metadata that no layer accounts for. Throws UnsupportedError. */
  chargeMetadata(bytes: number): void;
}

export type LimitName = keyof Limits;

export const DEFAULT_LIMITS: Limits = {
  maxEntries: 2 ** 24,
  maxMetadata: 64 * 2 ** 20,
  maxDisk: 2 ** 30,
  maxExpansion: 2000,
};

/** The limits that hold when a caller gives some or none. */
export function filledLimits(given: Partial<Limits> = {}): Limits {
  return { ...DEFAULT_LIMITS, ...given };
}
