/** The options of a conversion: their defaults, ranges and conflicts. Checked options are frozen. */
import { availableParallelism } from 'node:os';
import { UsageError } from '../errors.js';
import { DEFAULT_CONCURRENCY } from '../io/concurrency.js';
import { allPlatforms, type PlatformSelection } from '../oci/platform.js';
import type { Location } from '../registry/location.js';
import type { ImageSource } from '../registry/stores/store.js';
import { type FormatOptions, formatOptions } from './format.js';
import { within } from './within.js';

/** The mark of Nydus entries in a merged index. `dual`: two entries, without and with the feature. */
export type IndexMarks = 'both' | 'artifact-type' | 'os-features' | 'dual';
/** `empty-layer`: the OCI half gets chain IDs of its own; `none`: it stays byte-identical to the source. */
export type MergeIsolation = 'empty-layer' | 'none';

export interface ConvertOptions extends FormatOptions {
  /** Which images of an index are converted; a source that is no index is never filtered. */
  readonly platforms: PlatformSelection;
  /** Platforms that the source lacks are passed over with a warning; else a list must be met in full. */
  readonly allowMissingPlatforms: boolean;
  /** The result is an index that holds the OCI images and their Nydus counterparts. */
  readonly mergePlatform: boolean;
  readonly indexMarks: IndexMarks;
  readonly mergeIsolation: MergeIsolation;
  /** Carry over attestations and other entries that are no images; undefined: with all platforms only. */
  readonly keepAttestations: boolean | undefined;
  /** Docker media types become OCI ones. */
  readonly oci: boolean;
  /** Each Nydus manifest names its source manifest as `subject`. Implies `oci`: Docker's manifests have no such member. */
  readonly withReferrer: boolean;
  /** Layers in flight. */
  readonly concurrency: number;
  /** Compression threads. */
  readonly threads: number;
  /** Folder that the temporary folder of the run is made in; the system's when undefined. */
  readonly workDir: string | undefined;
  /** The result names this place as its source; the place that is read when undefined. */
  readonly sourceLocation: Location | undefined;
  /** Opens the place that an earlier conversion was made from, when only the bytes there can say what the original was. */
  readonly openOriginal: ((location: Location) => ImageSource) | undefined;
}

/** Fills in defaults; throws UsageError for values out of range. */
export function convertOptions(given: Partial<ConvertOptions> = {}): ConvertOptions {
  const options: ConvertOptions = {
    platforms: given.platforms ?? allPlatforms,
    allowMissingPlatforms: given.allowMissingPlatforms ?? false,
    mergePlatform: given.mergePlatform ?? false,
    indexMarks: given.indexMarks ?? 'both',
    mergeIsolation: given.mergeIsolation ?? 'empty-layer',
    keepAttestations: given.keepAttestations,
    oci: given.oci === true || given.withReferrer === true,
    withReferrer: given.withReferrer ?? false,
    ...formatOptions(given),
    concurrency: given.concurrency ?? DEFAULT_CONCURRENCY,
    threads: given.threads ?? availableParallelism(),
    workDir: given.workDir,
    sourceLocation: given.sourceLocation,
    openOriginal: given.openOriginal,
  };
  within('concurrency', options.concurrency, 1, 64);
  within('threads', options.threads, 1, 256);
  if (options.platforms.kind === 'list' && options.platforms.platforms.length === 0) {
    throw new UsageError('no platform is asked for', { remedy: { kind: 'choose-platform', available: [] } });
  }
  return Object.freeze(options);
}

/** Attestations point at what is in the index; a choice of platforms drops what they point at. */
export function keepsAttestations(options: ConvertOptions): boolean {
  return options.keepAttestations ?? options.platforms.kind === 'all';
}
