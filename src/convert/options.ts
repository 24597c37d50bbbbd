/** The options of a conversion: their defaults, ranges and conflicts. Checked options are frozen. */
import { availableParallelism } from 'node:os';
import { UsageError } from '../errors.js';
import { DEFAULT_CONCURRENCY } from '../io/concurrency.js';
import { allPlatforms, type PlatformSelection } from '../oci/platform.js';
import { DEFAULT_CHUNK_SIZE, MAX_CHUNK_SIZE, MIN_CHUNK_SIZE } from '../rafs-builder/layout/v6.js';
import type { Location } from '../registry/location.js';
import type { ImageSource } from '../registry/stores/store.js';

/** The mark of Nydus entries in a merged index. `dual`: two entries, without and with the feature. */
export type IndexMarks = 'both' | 'artifact-type' | 'os-features' | 'dual';
/** `empty-layer`: the OCI half gets chain IDs of its own; `none`: it stays byte-identical to the source. */
export type MergeIsolation = 'empty-layer' | 'none';

export interface ConvertOptions {
  /** Which images of an index are converted; a source that is no index is never filtered. */
  readonly platforms: PlatformSelection;
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
  readonly fsVersion: 6;
  readonly compressor: 'zstd' | 'none';
  /** zstd level, 1 … 22. */
  readonly compressionLevel: number;
  /** Bytes; power of two, 4 KiB … 16 MiB. */
  readonly chunkSize: number;
  /** `image`: chunks of lower layers are referred to; `layer`: every blob stands alone. */
  readonly dedup: 'image' | 'layer';
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
    mergePlatform: given.mergePlatform ?? false,
    indexMarks: given.indexMarks ?? 'both',
    mergeIsolation: given.mergeIsolation ?? 'empty-layer',
    keepAttestations: given.keepAttestations,
    oci: given.oci === true || given.withReferrer === true,
    withReferrer: given.withReferrer ?? false,
    fsVersion: 6,
    compressor: given.compressor ?? 'zstd',
    compressionLevel: given.compressionLevel ?? 3,
    chunkSize: given.chunkSize ?? DEFAULT_CHUNK_SIZE,
    dedup: given.dedup ?? 'image',
    concurrency: given.concurrency ?? DEFAULT_CONCURRENCY,
    threads: given.threads ?? availableParallelism(),
    workDir: given.workDir,
    sourceLocation: given.sourceLocation,
    openOriginal: given.openOriginal,
  };
  const { chunkSize } = options;
  const powerOfTwo = Number.isSafeInteger(chunkSize) && 2 ** Math.round(Math.log2(chunkSize)) === chunkSize;
  if (!powerOfTwo || chunkSize < MIN_CHUNK_SIZE || chunkSize > MAX_CHUNK_SIZE) {
    throw new UsageError(`chunk size ${chunkSize} is not a power of two from 4096 to 16777216`, {
      remedy: { kind: 'chunk-size', usual: DEFAULT_CHUNK_SIZE },
    });
  }
  within('compression level', options.compressionLevel, 1, 22);
  within('concurrency', options.concurrency, 1, 64);
  within('threads', options.threads, 1, 256);
  if (options.platforms.kind === 'list' && options.platforms.platforms.length === 0) {
    throw new UsageError('no platform is asked for', { remedy: { kind: 'choose-platform', available: [] } });
  }
  return Object.freeze(options);
}

function within(what: string, value: number, min: number, max: number): void {
  if (!Number.isInteger(value) || value < min || value > max) {
    throw new UsageError(`${what} ${value} is not a whole number from ${min} to ${max}`);
  }
}

/** Attestations point at what is in the index; a choice of platforms drops what they point at. */
export function keepsAttestations(options: ConvertOptions): boolean {
  return options.keepAttestations ?? options.platforms.kind === 'all';
}
