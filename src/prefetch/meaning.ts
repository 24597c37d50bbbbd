/** What a prefetch list means on an image, and what can be said about it. */
import type { NativePrefetched, PrefetchPattern } from '../native/addon-types.js';

/** A part of a whole: what the list names, and what the image has. */
export interface PrefetchPart {
  readonly listed: number;
  readonly all: number;
}

/** A file with several names and a chunk of several files count once. */
export interface PrefetchMeaning {
  /** The number of patterns of the list. */
  readonly patterns: number;
  /** Patterns that lead nowhere: how many, and the paths of the first ones, one character for each byte. */
  readonly missing: { readonly count: number; readonly paths: readonly string[] };
  /** Patterns that an earlier one covers. */
  readonly covered: number;
  /** Patterns that lead only to what has no content. */
  readonly empty: number;
  /** Entries of the prefetch table. */
  readonly entries: number;
  readonly files: PrefetchPart;
  /** Bytes of the files. */
  readonly bytes: PrefetchPart;
  readonly chunks: PrefetchPart;
  /** Bytes of the chunks in the blobs. */
  readonly stored: PrefetchPart;
}

/** Missing paths that are told. */
const SHOWN = 10;

export function meaningOf(
  patterns: readonly PrefetchPattern[],
  { missing, ...counted }: NativePrefetched,
): PrefetchMeaning {
  const paths = missing.slice(0, SHOWN).map((position) => patterns[position]?.path ?? '');
  return { ...counted, patterns: patterns.length, missing: { count: missing.length, paths } };
}

/** `nothing`: no file is loaded first. `most`: so much is loaded first that a start waits for it. `some`: as it should be. */
export type PrefetchVerdict = 'nothing' | 'some' | 'most';

/** A list for more than this share of an image makes a start slower: what is needed at once stands in line behind it. */
const MOST = 0.5;

export function verdictOf({ files, bytes, stored }: PrefetchMeaning): PrefetchVerdict {
  if (files.listed === 0) return 'nothing';
  return shareOf(stored.all === 0 ? bytes : stored) > MOST ? 'most' : 'some';
}

/** From 0 to 1. */
export function shareOf({ listed, all }: PrefetchPart): number {
  return all === 0 ? 0 : listed / all;
}
