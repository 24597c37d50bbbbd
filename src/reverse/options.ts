/** How an image is converted back, and the defaults. */
import { availableParallelism } from 'node:os';
import type { ConvertOptions } from '../convert/options.js';
import { within } from '../convert/within.js';
import { UsageError } from '../errors.js';
import { DEFAULT_CONCURRENCY } from '../io/concurrency.js';
import { checkCompression, type LayerCompression } from '../native/rebuilder.js';
import { allPlatforms } from '../oci/platform.js';
import type { LayerChoice, ReverseMode } from './choices.js';

export interface ReverseOptions extends Pick<
  ConvertOptions,
  | 'platforms'
  | 'allowMissingPlatforms'
  | 'keepAttestations'
  | 'oci'
  | 'concurrency'
  | 'threads'
  | 'sourceLocation'
  | 'allowedHosts'
  | 'openOriginal'
> {
  readonly mode: ReverseMode;
  readonly layers: LayerChoice;
  /** How rebuilt layers are compressed; undefined: by gzip, but for a layer whose recipe says that it was a bare tar. */
  readonly compression: LayerCompression | undefined;
}

/** Fills in defaults; throws UsageError for values out of range, and UnsupportedError for a level that the compressor lacks. */
export function reverseOptions(from: Partial<ReverseOptions> = {}): ReverseOptions {
  // Each option is read once: a getter may give another value at the second time.
  const given = { ...from };
  const options: ReverseOptions = {
    platforms: given.platforms ?? allPlatforms,
    allowMissingPlatforms: given.allowMissingPlatforms ?? false,
    keepAttestations: given.keepAttestations,
    oci: given.oci ?? false,
    concurrency: given.concurrency ?? DEFAULT_CONCURRENCY,
    threads: given.threads ?? availableParallelism(),
    sourceLocation: given.sourceLocation,
    allowedHosts: given.allowedHosts ?? [],
    openOriginal: given.openOriginal,
    mode: given.mode ?? 'auto',
    layers: given.layers ?? 'keep',
    compression: given.compression,
  };
  within('concurrency', options.concurrency, 1, 64);
  within('threads', options.threads, 1, 256);
  if (options.mode === 'relink' && options.layers === 'squash')
    throw new UsageError('an original manifest has its own layers, so they cannot be squashed');
  if (options.compression !== undefined) checkCompression(options.compression);
  return Object.freeze(options);
}
