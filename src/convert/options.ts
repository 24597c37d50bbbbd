/** The options of a conversion: their defaults, ranges and conflicts. Checked options are frozen. */
import { availableParallelism } from 'node:os';
import { UsageError } from '../errors.js';
import { DEFAULT_CONCURRENCY } from '../io/concurrency.js';
import { allPlatforms, type PlatformSelection } from '../oci/platform.js';
import type { Location } from '../registry/location.js';
import type { ImageSource } from '../registry/stores/store.js';
import type { DictionarySource } from './dictionary.js';
import { conflictWithOciRef, type FormatOptions, formatOptions } from './format.js';
import type { PublishHooks } from './hooks.js';
import { within } from './within.js';

/** The mark of Nydus entries in a merged index. `dual` writes two entries, one without and one with the feature. */
export type IndexMarks = 'both' | 'artifact-type' | 'os-features' | 'dual';
/** `empty-layer` gives the OCI half chain IDs of its own; `none` keeps it byte-identical to the source. */
export type MergeIsolation = 'empty-layer' | 'none';

export interface ConvertOptions extends FormatOptions {
  /** The images of an index to convert; a source that is no index is converted whatever its platform. */
  readonly platforms: PlatformSelection;
  /** True: listed platforms that the source lacks are skipped with a warning. False: each must be there. */
  readonly allowMissingPlatforms: boolean;
  /** True: the result is an index of the OCI images and their Nydus counterparts. */
  readonly mergePlatform: boolean;
  /** True: the Nydus images are added to what the target's tag holds, which must be the originals. Implies `mergePlatform`. */
  readonly mergeIntoTarget: boolean;
  readonly indexMarks: IndexMarks;
  readonly mergeIsolation: MergeIsolation;
  /**
   * Carry over attestations and other entries that are no images; undefined means only when all platforms are
   * converted.
   */
  readonly keepAttestations: boolean | undefined;
  /** True: Docker media types become OCI ones. */
  readonly oci: boolean;
  /**
   * True: each Nydus manifest names its source manifest as `subject`. Implies `oci`, because Docker's manifests have no
   * such member.
   */
  readonly withReferrer: boolean;
  /**
   * With `ociRef`: true if the run fails at a layer that chunks cannot stay in. False: its chunks are stored, with a warning.
   */
  readonly ociRefStrict: boolean;
  /** True: the image gets recipes, by which converting it back makes the same tars of its files again. */
  readonly keepTarRecipe: boolean;
  /** The number of layers in flight. */
  readonly concurrency: number;
  /** The number of compression threads. */
  readonly threads: number;
  /** The parent of the run's temporary folder; the system's when undefined. */
  readonly workDir: string | undefined;
  /** The place that the result names as its source; undefined means the place that is read. */
  readonly sourceLocation: Location | undefined;
  /** Hosts, with a port or without, of registries that an image may name as its source and that are not the registry it is in. */
  readonly allowedHosts: readonly string[];
  /** Another Nydus image, whose chunks are not stored again. */
  readonly dictionary: DictionarySource | undefined;
  /** Called before an image is published, and after. */
  readonly hooks: PublishHooks | undefined;
  /** Opens the source of an earlier conversion, for images whose original can be restored only from there. */
  readonly openOriginal: ((location: Location) => ImageSource) | undefined;
}

/** Fills in defaults; throws UsageError for values out of range. */
export function convertOptions(from: Partial<ConvertOptions> = {}): ConvertOptions {
  // Each option is read once: a getter may give another value at the second time.
  const given = { ...from };
  const options: ConvertOptions = {
    platforms: given.platforms ?? allPlatforms,
    allowMissingPlatforms: given.allowMissingPlatforms ?? false,
    mergePlatform: given.mergePlatform === true || given.mergeIntoTarget === true,
    mergeIntoTarget: given.mergeIntoTarget ?? false,
    indexMarks: given.indexMarks ?? 'both',
    mergeIsolation: given.mergeIsolation ?? 'empty-layer',
    keepAttestations: given.keepAttestations,
    // Docker's layers have no annotations, which name the original layers.
    oci: given.oci === true || given.withReferrer === true || (given.ociRef ?? 'off') !== 'off',
    withReferrer: given.withReferrer ?? false,
    ociRefStrict: given.ociRefStrict ?? false,
    keepTarRecipe: given.keepTarRecipe ?? false,
    ...formatOptions(given),
    concurrency: given.concurrency ?? DEFAULT_CONCURRENCY,
    threads: given.threads ?? availableParallelism(),
    workDir: given.workDir,
    sourceLocation: given.sourceLocation,
    allowedHosts: given.allowedHosts ?? [],
    dictionary: given.dictionary,
    hooks: given.hooks,
    openOriginal: given.openOriginal,
  };
  if (options.ociRef !== 'off' && options.dictionary !== undefined)
    throw conflictWithOciRef('a chunk dictionary (dictionary)', 'chunks are referred to in the layers');
  if (options.keepTarRecipe && options.ociRef !== 'off')
    throw conflictWithOciRef('recipes of tars (keepTarRecipe)', 'the original layers stay with the image');
  if (options.keepTarRecipe && options.flatten !== 'none')
    throw new UsageError(
      `recipes of tars (keepTarRecipe) conflict with flattening (flatten ${options.flatten}): a flattened image has no layers to make again`,
    );
  within('concurrency', options.concurrency, 1, 64);
  within('threads', options.threads, 1, 256);
  if (options.platforms.kind === 'list' && options.platforms.platforms.length === 0) {
    throw new UsageError('no platform is asked for', { remedy: { kind: 'choose-platform', available: [] } });
  }
  return Object.freeze(options);
}

/** Attestations refer to images of the index, so they are dropped when only some platforms are converted. */
export function keepsAttestations({
  keepAttestations,
  platforms,
}: Pick<ConvertOptions, 'keepAttestations' | 'platforms'>): boolean {
  return keepAttestations ?? platforms.kind === 'all';
}
