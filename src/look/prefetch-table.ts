/** The names that the prefetch table of a bootstrap leads to, so that an image that is made from it loads the same files first. */
import type { PrefetchPattern } from '../native/addon-types.js';
import type { RafsImage } from '../rafs-builder/versions.js';

/** In the order of the table; undefined for a table that is the whole image. Entries that lead nowhere are passed over. */
export function prefetchTableOf(image: RafsImage): readonly PrefetchPattern[] | undefined {
  const paths = image.tables.prefetch.flatMap((number) => image.inodes.get(number)?.path ?? []);
  const isWhole = paths.length === 0 || paths.some((path) => path === '');
  return isWhole ? undefined : paths.map((path) => ({ path: `/${path}`, kind: 'exact' }));
}
