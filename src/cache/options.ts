/** The build cache of a run, as the caller asks for it. */
import { UsageError } from '../errors.js';
import type { ImageSource, ImageTarget } from '../registry/stores/store.js';
import type { CacheLayout } from './update.js';

/** `ro`: the cache is only read; `wo`: only written, so that all layers are converted. */
export type CacheMode = 'rw' | 'ro' | 'wo';

export interface BuildCache {
  /** The tag of the cache. Unless the mode is `ro`, a target. */
  readonly store: ImageTarget | ImageSource;
  readonly mode?: CacheMode | undefined;
  /** The form of the root: `auto` keeps what is there, and makes one manifest for one platform. */
  readonly layout?: CacheLayout | undefined;
  /** Records of another version are not used. Undefined: any version will do, and what is there is kept. */
  readonly version?: string | undefined;
  /** Records of each platform at most, 1 to 200. */
  readonly maxRecords?: number | undefined;
  /** True: a problem with the cache ends the run; else it is a warning. */
  readonly strict?: boolean | undefined;
  /** True: blobs that are used are read and digested. */
  readonly verify?: boolean | undefined;
}

export const MAX_RECORDS = 200;

/** The options of a conversion that a build cache must fit. */
export interface CachedOptions {
  readonly dedup: string;
  readonly flatten: string;
  readonly batchSize: number | 'auto';
  readonly ociRef: string;
  readonly dictionary?: unknown;
}

/** Throws UsageError, with upstream's sentences about numbers. */
export function checkCache(
  { maxRecords = MAX_RECORDS, store, mode }: BuildCache,
  { dedup, flatten, batchSize, ociRef, dictionary }: CachedOptions,
): void {
  if (!Number.isSafeInteger(maxRecords) || maxRecords < 1)
    throw new UsageError('build cache max records should be greater than 0');
  if (maxRecords > MAX_RECORDS)
    throw new UsageError(`build cache max records should not be greater than ${MAX_RECORDS}`);
  if (dedup !== 'layer') {
    throw new UsageError(
      'a build cache holds blobs that stand alone, and blobs of an image that is deduplicated as a whole do not',
      {
        remedy: { kind: 'dedup-layer' },
      },
    );
  }
  if (flatten !== 'none') {
    throw new UsageError(
      'a build cache holds blobs of whole layers, and those of a flattened image hold what upper layers leave of them',
      { remedy: { kind: 'omit-flatten' } },
    );
  }
  if (batchSize !== 0)
    throw new UsageError('a build cache cannot hold blobs in which small files are compressed together');
  if (ociRef !== 'off')
    throw new UsageError('a build cache cannot hold blobs whose chunks stay in their layers (ociRef)');
  if (dictionary !== undefined)
    throw new UsageError('a build cache cannot hold blobs that a chunk dictionary belongs to');
  if (mode !== 'ro' && !isTarget(store))
    throw new UsageError(`the build cache ${store.location} can only be read`);
}

export function isTarget(store: ImageTarget | ImageSource): store is ImageTarget {
  return 'tag' in store;
}
