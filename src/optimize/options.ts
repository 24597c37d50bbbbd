/** How an image is optimised, and the defaults. */
import { availableParallelism } from 'node:os';
import type { ConvertOptions } from '../convert/options.js';
import { within } from '../convert/within.js';
import { UsageError } from '../errors.js';
import { COPY_CONCURRENCY } from '../io/concurrency.js';
import type { PrefetchPattern } from '../native/addon-types.js';
import { allPlatforms } from '../oci/platform.js';

export interface OptimizeOptions extends Pick<ConvertOptions, 'platforms' | 'threads' | 'workDir'> {
  /** The files that clients load first, in this order. */
  readonly prefetch: readonly PrefetchPattern[];
  /** Blobs in flight, of those that a target in another place gets. */
  readonly concurrency: number;
}

/** Fills in defaults; throws UsageError for values out of range, and for a list of nothing. */
export function optimizeOptions(from: Partial<OptimizeOptions>): OptimizeOptions {
  // Each option is read once: a getter may give another value at the second time.
  const given = { ...from };
  const options: OptimizeOptions = {
    prefetch: given.prefetch ?? [],
    platforms: given.platforms ?? allPlatforms,
    concurrency: given.concurrency ?? COPY_CONCURRENCY,
    threads: given.threads ?? availableParallelism(),
    workDir: given.workDir,
  };
  if (options.prefetch.length === 0) throw new UsageError('the list of files to load first is empty');
  within('concurrency', options.concurrency, 1, 64);
  within('threads', options.threads, 1, 256);
  return Object.freeze(options);
}
