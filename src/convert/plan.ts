/**
 * Plans a conversion: how many bytes it would pull, convert and push, and how many the target has already. It reads
 * manifests and configs and asks the target which content exists; it writes nothing.
 */
import { RegistryError } from '../errors.js';
import { isNydusManifest, recordedSource } from '../image/kinds.js';
import { readReference } from '../image/reference-tree.js';
import { underSignal } from '../io/abort.js';
import { COPY_CONCURRENCY, mapOrdered } from '../io/concurrency.js';
import type { Digest } from '../oci/digest.js';
import type { ListedDescriptor, Manifest } from '../oci/manifest.js';
import { formatPlatform } from '../oci/platform.js';
import { formatLocation, inOneRegistry, type Location } from '../registry/location.js';
import type { ImageSource } from '../registry/stores/store.js';
import type { CallOptions } from '../reporter.js';
import { estimateBlobBytes, type Estimate, estimateTime } from './estimate.js';
import { type BuildCache, checkCache } from '../cache/options.js';
import { type Dictionary, loadDictionary } from './dictionary.js';
import { MEDIA } from '../oci/media-types.js';
import type { LeftOut } from './flat-image.js';
import { type PlannedFlatImages, planFlattened } from './plan-flat.js';
import { type PlannedDictionary, planDictionary } from './plan-dictionary.js';
import { type FoundBlob, RunCache } from './run-cache.js';
import { demandOneHome, keepsOriginalLayers } from './homes.js';
import { measureChoices, type Sample } from './sample.js';
import { convertOptions, type ConvertOptions } from './options.js';
import { readSourceImages, type SourceImage } from './source-images.js';

/** The ways for a source layer into the target of a merged index. */
export type CopyPlan = 'push' | 'mount' | 'present';

export interface PlannedLayer {
  readonly digest: Digest;
  readonly mediaType: string;
  /** Compressed bytes, as they would be pulled. */
  readonly pull: number;
  /** Bytes of the blob: the real size when `blob` is `present`, else an estimate. */
  readonly blobBytes: number;
  /**
   * `present`: the target has an earlier conversion of the same image, and equal options make equal blobs; or it has the blob that the
   * build cache names, or can mount it.
   */
  readonly blob: 'push' | 'present';
  /** Whether the build cache has the blob; undefined without one. */
  readonly cache?: 'hit' | 'miss' | undefined;
  /** Undefined unless the target gets the source layers, too: in a merged index, and where chunks stay in layers that lie elsewhere. */
  readonly copy: CopyPlan | undefined;
  /** What of the layer would not be stored; undefined unless the image is to be flattened. `blobBytes` is exact then. */
  readonly leftOut?: LeftOut | undefined;
}

export interface PlannedImage {
  readonly platform: string;
  readonly manifest: Digest;
  /** One element for each distinct layer. */
  readonly layers: readonly PlannedLayer[];
  /** Undefined without a chunk dictionary. What it saves is not taken off `blobBytes` and the totals. */
  readonly dictionary?: PlannedDictionary | undefined;
}

/** Bytes of layers, without manifests and bootstraps. */
export interface PlanTotals {
  /** Bytes to read from the source. */
  readonly pull: number;
  /** Compressed bytes to convert: all that are pulled. */
  readonly convert: number;
  /** Bytes to send to the target; the sizes of blobs are estimates. */
  readonly push: number;
  /** Bytes that the target has already or can mount. */
  readonly reuse: number;
}

/** What a run would have of its build cache. */
export interface PlannedCacheUse {
  readonly hits: number;
  readonly misses: number;
  /** Compressed bytes of source layers that need not be read. */
  readonly savedBytes: number;
}

/**
 * The image to convert and the target of the result. Both are stores opened for reading: a plan asks them for content.
 */
export interface PlanImages {
  readonly source: ImageSource;
  readonly target: ImageSource | Location;
  /** Its layers need no conversion. */
  readonly cache?: BuildCache | undefined;
}

export interface ConversionPlan {
  readonly source: string;
  readonly target: string;
  readonly images: readonly PlannedImage[];
  /** The number of entries that are no images and would be carried over. */
  readonly kept: number;
  readonly totals: PlanTotals;
  readonly estimate: Estimate;
  /** Undefined without a build cache. */
  readonly cache?: PlannedCacheUse | undefined;
  /** What other formats cost or save, if layers were to be measured. */
  readonly sample?: Sample | undefined;
}

export interface PlanOptions extends ConvertOptions {
  /** Compressed bytes of the layers that are read, and packed in several formats; undefined to read none. */
  readonly sample: number | undefined;
}

/** Throws the errors that `convertImage` throws before it converts. */
export async function planConversion(
  images: PlanImages,
  given: Partial<PlanOptions> = {},
  call: CallOptions = {},
): Promise<ConversionPlan> {
  const { sample, ...rest } = given;
  const options = convertOptions(rest);
  demandOneHome(options, images.target);
  return underSignal(call.signal, () => plan(images, { options, sample }, call));
}

async function plan(
  { source, target, cache: buildCache }: PlanImages,
  { options, sample }: { readonly options: ConvertOptions; readonly sample: number | undefined },
  call: CallOptions,
): Promise<ConversionPlan> {
  const place = isStore(target) ? target.place : target;
  if (buildCache !== undefined) checkCache(buildCache, options, place);
  const found = await readSourceImages(source, options, call);
  const held = isStore(target) ? target : undefined;
  const earlier = bySource(held === undefined ? [] : await nydusManifests(held, call));
  await using cache = buildCache === undefined ? undefined : new RunCache(buildCache, options);
  await cache?.load(call);
  const copies = options.mergePlatform || keepsOriginalLayers(options, source.place, place);
  const flat = await planFlattened(source, options, held, call);
  const images: PlannedImage[] = [];
  for (const image of found.images) {
    const blobs = earlier.get(image.manifest.descriptor.digest)?.layers;
    images.push(await planImage({ source, target: held, cache, flat, options, copies, call }, image, blobs));
  }
  const layers = images.flatMap((image) => image.layers);
  const pull = sum(layers, (layer) => layer.pull);
  const totals: PlanTotals = {
    pull,
    convert: pull,
    push:
      sum(layers, ({ blob, blobBytes }) => (blob === 'push' ? blobBytes : 0)) +
      sum(layers, (layer) => (layer.copy === 'push' ? layer.pull : 0)),
    reuse:
      sum(layers, ({ blob, blobBytes }) => (blob === 'present' ? blobBytes : 0)) +
      sum(layers, ({ copy, pull: bytes }) => (copy === 'present' || copy === 'mount' ? bytes : 0)),
  };
  return {
    source: source.location,
    target: isStore(target) ? target.location : formatLocation(target),
    images,
    kept: found.foreign.length,
    totals,
    estimate: estimateTime(layers, options),
    cache: cache === undefined ? undefined : cacheUse(layers, found.images),
    ...(sample === undefined
      ? {}
      : { sample: await measureChoices(source, layersOf(found.images), { options, limit: sample }, call) }),
  };
}

function cacheUse(layers: readonly PlannedLayer[], images: readonly SourceImage[]): PlannedCacheUse {
  const sizes = new Map(
    images.flatMap(({ manifest }) => manifest.value.layers.map(({ digest, size }) => [digest, size])),
  );
  const hits = layers.filter((layer) => layer.cache === 'hit');
  const savedBytes = sum(hits, ({ digest, pull }) => (sizes.get(digest) ?? 0) - pull);
  return { hits: hits.length, misses: layers.length - hits.length, savedBytes };
}

/** The layers of all images, each once. */
function layersOf(images: readonly SourceImage[]): readonly ListedDescriptor[] {
  const all = images.flatMap(({ manifest }) => manifest.value.layers);
  return [...new Map(all.map((layer) => [layer.digest, layer])).values()];
}

function isStore(target: PlanImages['target']): target is ImageSource {
  return 'resolve' in target;
}

interface Context {
  readonly source: ImageSource;
  readonly target: ImageSource | undefined;
  readonly cache: RunCache | undefined;
  readonly flat: PlannedFlatImages | undefined;
  readonly options: ConvertOptions;
  /** True if the target gets the source layers, too. */
  readonly copies: boolean;
  readonly call: CallOptions;
}

/**
 * `blobs` are the layers of an earlier conversion of the image: one for each layer, then those of a dictionary; the last one is the
 * bootstrap layer.
 */
async function planImage(
  context: Context,
  { manifest, platform }: SourceImage,
  blobs: readonly ListedDescriptor[] | undefined,
): Promise<PlannedImage> {
  const all = manifest.value.layers;
  const { target, options, call } = context;
  const dictionary =
    options.dictionary === undefined
      ? undefined
      : await loadDictionary(options.dictionary, platform, options, call);
  const find = await finder(context, dictionary, [...new Set(all.map(({ digest }) => digest))]);
  const planned = new Map<Digest, () => Promise<PlannedLayer>>();
  for (const [place, layer] of all.entries()) {
    if (planned.has(layer.digest)) continue;
    const flat = context.flat?.get(manifest.descriptor.digest)?.get(layer.digest);
    const made = (blobs?.length ?? 0) > all.length ? blobs?.[place] : undefined;
    planned.set(layer.digest, async () => {
      const cached = find(layer.digest);
      const known = cached === undefined ? undefined : await planCached(context, layer, cached);
      return (
        known ?? {
          digest: layer.digest,
          mediaType: layer.mediaType,
          pull: layer.size,
          blobBytes: made?.size ?? estimateBlobBytes(layer, options),
          blob: made === undefined ? 'push' : 'present',
          cache: context.cache === undefined ? undefined : 'miss',
          copy: context.copies ? await copyOf(context, layer) : undefined,
          ...flat,
        }
      );
    });
  }
  const layers = await mapOrdered(planned.values(), COPY_CONCURRENCY, (plan) => plan(), call.signal);
  return {
    platform: formatPlatform(platform),
    manifest: manifest.descriptor.digest,
    layers,
    ...(dictionary === undefined ? {} : { dictionary: await planDictionary(dictionary, target, call) }),
  };
}

/** Returns a function that says what the build cache has for a layer. `sources` are the image's distinct layers, lowest first. */
async function finder(
  { cache, call }: Context,
  dictionary: Dictionary | undefined,
  sources: readonly Digest[],
): Promise<(source: Digest) => FoundBlob | undefined> {
  if (cache === undefined) return () => undefined;
  const keys = new Map(
    (await cache.keys(sources, dictionary?.digest, call)).map((own, place) => [sources[place], own] as const),
  );
  return (source) => {
    const own = keys.get(source);
    return own === undefined ? undefined : cache.find(source, own);
  };
}

/** Undefined if the blob is nowhere. A layer of the build cache is read only for its copy, which merged indexes and layers that keep their chunks need. */
async function planCached(
  context: Context,
  layer: ListedDescriptor,
  found: FoundBlob,
): Promise<PlannedLayer | undefined> {
  const { target, cache, copies, options, call } = context;
  const { digest, size } = found.blob;
  const blob = { mediaType: MEDIA.nydusBlob, digest, size };
  const store = cache?.store;
  const isInTarget = target !== undefined && (await target.exists(blob, call));
  if (!isInTarget && (await cache?.hasBlob(found, call)) !== true) return undefined;
  // Chunks that stay in a layer are of no use to a target that neither has the layer nor gets it.
  const mustHaveLayer = options.ociRef !== 'off' && !copies && target !== undefined;
  if (mustHaveLayer && !(await target.exists(layer, call))) return undefined;
  const copy = copies ? await copyOf(context, layer) : undefined;
  const isThere =
    isInTarget || (target !== undefined && store !== undefined && inOneRegistry(store.place, target.place));
  return {
    digest: layer.digest,
    mediaType: layer.mediaType,
    pull: copy === 'push' ? layer.size : 0,
    blobBytes: size,
    blob: isThere ? 'present' : 'push',
    cache: 'hit',
    copy,
  };
}

async function copyOf({ source, target, call }: Context, layer: ListedDescriptor): Promise<CopyPlan> {
  if (target === undefined) return 'push';
  if (await target.exists(layer, call)) return 'present';
  return inOneRegistry(source.place, target.place) ? 'mount' : 'push';
}

/** Returns the Nydus manifests that the target's tag leads to; none if the tag does not exist. */
async function nydusManifests(target: ImageSource, call: CallOptions): Promise<readonly Manifest[]> {
  try {
    const tree = await readReference(target, call);
    const manifests: Manifest[] = [];
    for (const entry of tree.entries) {
      if (entry.kind !== 'oci' && entry.kind !== 'nydus') continue;
      const { manifest } = await tree.image(entry, call);
      // The OCI half of a merged index also records a source, so the kind decides.
      if (isNydusManifest(manifest.value)) manifests.push(manifest.value);
    }
    return manifests;
  } catch (error) {
    if (error instanceof RegistryError && error.status === 404) return [];
    throw error;
  }
}

/** The first manifest that was made from each source. */
function bySource(manifests: readonly Manifest[]): ReadonlyMap<string | undefined, Manifest> {
  return new Map(manifests.toReversed().map((made) => [recordedSource(made).digest, made]));
}

function sum(layers: readonly PlannedLayer[], pick: (layer: PlannedLayer) => number): number {
  return layers.reduce((total, layer) => total + pick(layer), 0);
}
