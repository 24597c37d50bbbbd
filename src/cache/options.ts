/** The build cache of a run, as the caller asks for it. */
import { UsageError } from '../errors.js';
import { formatLocation, type Location } from '../registry/location.js';
import type { ImageSource, ImageTarget } from '../registry/stores/store.js';
import type { LocalCacheOptions } from './local/local-cache.js';
import type { CacheLayout } from './update.js';

/** `ro`: the cache is only read; `wo`: only written, so that all layers are converted. */
export type CacheMode = 'rw' | 'ro' | 'wo';

export interface BuildCache {
  /** The tag of the cache. Unless the mode is `ro`, a target. Without it only the folder is a cache. */
  readonly store?: ImageTarget | ImageSource | undefined;
  /** A folder of this machine, with the same keys; whatever the mode is, it is read and written. */
  readonly folder?: LocalCacheOptions | undefined;
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
  /**
   * True: records without a key are used, too, such as upstream's, which say nothing of the options that their blobs were made with.
   * Only for blobs that stand alone.
   */
  readonly trustUnkeyed?: boolean | undefined;
}

/** The options of a conversion that a build cache must fit. */
export interface CachedOptions {
  readonly dedup: string;
  readonly flatten: string;
  readonly ociRef: string;
  readonly dictionary?: unknown;
}

export const MAX_RECORDS = 200;

/** Throws UsageError, with upstream's sentences about numbers. `image` is where the image goes. */
export function checkCache(
  { maxRecords = MAX_RECORDS, store, mode, trustUnkeyed }: BuildCache,
  { dedup, flatten, ociRef, dictionary }: CachedOptions,
  image: Location,
): void {
  // One of them would replace the other.
  if (store !== undefined && formatLocation(store.place) === formatLocation(image))
    throw new UsageError(`the build cache and the image would both be ${store.location}`, {
      hint: 'name a tag of its own for the cache',
    });
  if (!Number.isSafeInteger(maxRecords) || maxRecords < 1)
    throw new UsageError('build cache max records should be greater than 0');
  if (maxRecords > MAX_RECORDS)
    throw new UsageError(`build cache max records should not be greater than ${MAX_RECORDS}`);
  if (trustUnkeyed === true && dedup !== 'layer')
    throw new UsageError(
      'records without a key are of blobs that stand alone, and blobs of an image that is deduplicated as a whole do not',
      { remedy: { kind: 'dedup-layer' } },
    );
  if (flatten !== 'none')
    throw new UsageError(
      'a build cache holds blobs of whole layers, and those of a flattened image hold what upper layers leave of them',
      { remedy: { kind: 'omit-flatten' } },
    );
  if (trustUnkeyed === true && ociRef !== 'off')
    throw new UsageError(
      'records without a key are of blobs that hold their chunks, which stay in the layers (ociRef)',
    );
  if (trustUnkeyed === true && dictionary !== undefined)
    throw new UsageError('records without a key do not say which chunk dictionary their blobs refer to', {
      hint: 'convert without the dictionary, or use only records with a key',
    });
  if (store !== undefined && mode !== 'ro' && !isTarget(store))
    throw new UsageError(`the build cache ${store.location} can only be read`);
}

export function isTarget(store: ImageTarget | ImageSource): store is ImageTarget {
  return 'tag' in store;
}
