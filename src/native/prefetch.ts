/** Looks prefetch lists up by the addon, as a conversion does. */
import { addon } from './addon.js';
import type { NativeResolved, PrefetchPattern } from './addon-types.js';
import { unwrap } from './outcome.js';

/** `listing` is a tree in the form that `src/look/prefetch.ts` writes. Throws UnsupportedError for globs that take too long. */
export async function resolvePrefetch(
  listing: Buffer,
  patterns: readonly PrefetchPattern[],
): Promise<NativeResolved> {
  return unwrap(await addon().resolvePrefetch(listing, patterns));
}
