/** Converts the image of one platform: its layers become blobs and one bootstrap, and a manifest names them. */
import { join } from 'node:path';
import { FormatError } from '../errors.js';
import { mapOrdered } from '../io/concurrency.js';
import type { NativeMergedImage as MergedImage } from '../native/addon-types.js';
import { openImagePacker, type SealedBlob } from '../native/packer.js';
import type { Descriptor } from '../oci/descriptor.js';
import type { DiffId, Digest } from '../oci/digest.js';
import type { ListedDescriptor } from '../oci/manifest.js';
import { MEDIA } from '../oci/media-types.js';
import { formatPlatform } from '../oci/platform.js';
import { displayName, type RawPath } from '../oci/raw-name.js';
import { meaningOf, type PrefetchMeaning } from '../prefetch/meaning.js';
import type { PushOutcome } from '../registry/stores/store.js';
import type { PackStats } from '../reporter.js';
import type { Dictionary, DictionaryBlob, UsedBlob } from './dictionary.js';
import { cachedOrConverted, type ConvertedLayer, type LayerContext, type LayerJob } from './layer.js';
import { LookAhead } from './look-ahead.js';
import { assembleNydus, assembleOci, keepOriginal, type StoredDocument } from './halves.js';
import type { LeftOut } from './flat-image.js';
import { beforePush } from './hooks.js';
import type { Run } from './run.js';
import type { SourceImage } from './source-images.js';

export interface LayerReport {
  readonly source: Descriptor;
  readonly blob: Descriptor;
  readonly stats: PackStats;
  /** The number of batches in the blob, in which small files are compressed together. */
  readonly batches: number;
  readonly outcome: PushOutcome;
  /** Whether the build cache had the blob; undefined without one. */
  readonly cache?: 'hit' | 'miss' | undefined;
  /** Bytes of the source layer that were not read, because the build cache had the blob. */
  readonly savedBytes?: number | undefined;
  /** What of the layer is not stored, as no container sees it; undefined unless the image is flattened. */
  readonly leftOut?: LeftOut | undefined;
}

export interface ConvertedImage {
  readonly source: SourceImage;
  readonly platform: string;
  readonly nydus: StoredDocument;
  /** The config of the Nydus manifest. */
  readonly config: Descriptor;
  /** The OCI half of a merged index. */
  readonly oci: StoredDocument | undefined;
  /** The source's manifest, if the target keeps it because blobs refer to its layers. */
  readonly original: StoredDocument | undefined;
  /** One report for each source layer, in order; a layer that is listed twice is here twice. */
  readonly layers: readonly LayerReport[];
  /** Uncompressed bytes of the merged bootstrap. */
  readonly bootstrapBytes: number;
  /** See `ImageReport`. */
  readonly repeatedBytes: number;
  /** See `ImageReport`. */
  readonly prefetched: PrefetchMeaning | undefined;
  readonly dictionaryBlobs: readonly DictionaryBlob[];
  /** Bytes of the recipes of the layers' tars. */
  readonly recipeBytes: number;
  /** Compressed bytes of the source's config and layers. */
  readonly sourceBytes: number;
  /** Bytes of the Nydus half: its config, its blobs and the bootstrap's layer. */
  readonly nydusBytes: number;
  /** Bytes of the written config and layers; in a merged index the OCI half counts, too. */
  readonly targetBytes: number;
}

/** Where an image stands among those of the run. */
export interface ImagePlace {
  /** Unique among the images of the run. */
  readonly index: number;
  readonly all: readonly SourceImage[];
}

/** Converts an image. On return the target has everything that the manifests name, but not the manifests. */
export async function convertOneImage(
  run: Run,
  image: SourceImage,
  { index, all }: ImagePlace,
): Promise<ConvertedImage> {
  const { uploads, options, stopwatch } = run;
  const { layers } = image.manifest.value;
  const platform = formatPlatform(image.platform);
  uploads.call.reporter?.emit({
    type: 'image.start',
    platform,
    manifest: image.manifest.descriptor.digest,
    layers,
    number: index + 1,
    of: all.length,
    bytesOfAll: all.reduce((total, { manifest }) => total + sumOf(manifest.value.layers), 0),
  });
  const jobs = layerJobs(image);
  const { converted, blobs, merged, borrowed } = await convertLayers(run, image, { jobs, platform, index });
  const { bootstrap } = merged;
  // Chunks that stay in their layers are stored nowhere, so none is stored twice.
  const repeatedBytes = options.ociRef === 'off' ? merged.repeatedBytes : 0;
  const prefetched = prefetchMeaning(run, platform, merged);
  const byPlace = inPlaces(layers, jobs, converted);
  const recipes = options.keepTarRecipe ? byPlace.map(({ recipe }) => recipe) : undefined;
  const { nydus, bootstrapLayerBytes, recipeBytes } = await assembleNydus(run, image, {
    blobs: blobs ?? byPlace.map(({ sealed, refers }) => ({ ...sealed, refers })),
    borrowed,
    recipes,
    bootstrap,
  });
  stopwatch.conversion.extend();
  const oci = options.mergePlatform ? await assembleOci(run, image) : undefined;
  const original = run.keepsOriginal ? keepOriginal(run, image) : undefined;
  await uploads.settle();
  const use = ({ isCached }: ConvertedLayer): LayerReport['cache'] =>
    run.cache === undefined ? undefined : isCached ? 'hit' : 'miss';
  const reports: LayerReport[] = [];
  for (const [place, layer] of byPlace.entries()) {
    const source = layers[place];
    const blob = { mediaType: MEDIA.nydusBlob, digest: layer.sealed.digest, size: layer.sealed.size };
    const { stats, sealed } = layer;
    const { batches } = sealed;
    if (source === undefined) continue;
    const cached = use(layer);
    const isSpared = cached === 'hit' && (await layer.isSpared) === true;
    const savedBytes = cached === undefined ? undefined : isSpared ? source.size : 0;
    const { leftOut } = layer;
    reports.push({
      source,
      blob,
      stats,
      batches,
      outcome: await layer.pushed,
      cache: cached,
      savedBytes,
      leftOut,
    });
  }
  const records = byPlace.flatMap(({ record }) => (record === undefined ? [] : [record]));
  run.cache?.touch({ platform: image.platform, records });
  const sourceBytes = sumOf([image.config.descriptor, ...layers]);
  const dictionaryBlobs = borrowed.map(({ digest, size, chunks, savedBytes }) => ({
    mediaType: MEDIA.nydusBlob,
    digest,
    size,
    chunks,
    savedBytes,
  }));
  const blobBytes = sumOf(blobs ?? reports.map(({ blob }) => blob)) + sumOf(dictionaryBlobs);
  const nydusBytes = blobBytes + bootstrapLayerBytes + recipeBytes + nydus.config.descriptor.size;
  const made: ConvertedImage = {
    source: image,
    platform,
    nydus: nydus.manifest,
    config: nydus.config.descriptor,
    oci: oci?.manifest,
    original,
    layers: reports,
    bootstrapBytes: bootstrap.length,
    repeatedBytes,
    prefetched,
    dictionaryBlobs,
    recipeBytes,
    sourceBytes,
    nydusBytes,
    targetBytes:
      nydusBytes + (oci === undefined ? 0 : oci.addedBytes + sumOf([oci.config.descriptor, ...layers])),
  };
  await beforePush(run, made, bootstrap, uploads.call);
  return made;
}

/** A list that leads nowhere is told at once: the image is as its user did not want it. */
function prefetchMeaning(
  { options, uploads }: Run,
  platform: string,
  { prefetched }: MergedImage,
): PrefetchMeaning | undefined {
  if (options.prefetch === undefined || prefetched === undefined) return undefined;
  const meaning = meaningOf(options.prefetch, prefetched);
  const { count, paths } = meaning.missing;
  if (count > 0) {
    const shown = paths.map((path) => displayName(path as RawPath)).join(', '); // patterns are bytes as paths are
    const more = count > paths.length ? `, and ${count - paths.length} more` : '';
    const message = `${platform}: ${count} of ${meaning.patterns} patterns of the prefetch list are not there: ${shown}${more}`;
    uploads.call.reporter?.emit({ type: 'warning', code: 'prefetch-missing', message });
  }
  return meaning;
}

/** Returns one job for each distinct layer. */
function layerJobs({ manifest, config }: SourceImage): readonly LayerJob[] {
  const { layers } = manifest.value;
  const { diffIds } = config.value;
  if (layers.length !== diffIds.length) {
    throw new FormatError(
      `unmatched layers between manifest and config: ${layers.length} != ${diffIds.length}`,
      {
        hint: 'the image contradicts itself; push it again from the place where it was built',
      },
    );
  }
  const jobs = new Map<Digest, { number: number; descriptor: ListedDescriptor; diffIds: DiffId[] }>();
  for (const [number, descriptor] of layers.entries()) {
    const diffId = diffIds[number];
    const promised = diffId === undefined ? [] : [diffId];
    const known = jobs.get(descriptor.digest);
    if (known === undefined) jobs.set(descriptor.digest, { number, descriptor, diffIds: promised });
    else known.diffIds.push(...promised);
  }
  return [...jobs.values()];
}

interface LayerJobs {
  readonly jobs: readonly LayerJob[];
  readonly platform: string;
  /** A number that is unique among the images of the run. */
  readonly index: number;
}

/** The code that reads bootstraps is loaded only for a run with a dictionary. */
async function dictionaryFor({ options, uploads }: Run, image: SourceImage): Promise<Dictionary | undefined> {
  if (options.dictionary === undefined) return undefined;
  const { loadDictionary } = await import('./dictionary.js');
  return loadDictionary(options.dictionary, image.platform, options, uploads.call);
}

/** Converts the layers; returns their results in the order of the jobs, and the bootstrap of the image. */
async function convertLayers(
  run: Run,
  image: SourceImage,
  { jobs, platform, index }: LayerJobs,
): Promise<{
  readonly converted: readonly ConvertedLayer[];
  /** The blobs of the manifest, if they are not those of `converted` in the places of the layers. */
  readonly blobs?: readonly SealedBlob[] | undefined;
  readonly merged: MergedImage;
  readonly borrowed: readonly UsedBlob[];
}> {
  const { layers } = image.manifest.value;
  const { source, target, options, uploads, scratch, stopwatch, copying, cache } = run;
  const dictionary = await dictionaryFor(run, image);
  const sources = jobs.map(({ descriptor }) => descriptor.digest);
  const keys = await cache?.keys(sources, dictionary?.digest, uploads.call);
  const keyed = jobs.map((job, place) => ({ ...job, keys: keys?.[place] }));
  using packer = openImagePacker({
    ...options,
    dictionary: dictionary?.native,
    layers: jobs.length,
    budget: uploads.call.budget,
    limits: uploads.call.limits,
  });
  const context: LayerContext = {
    source,
    target,
    options,
    packer,
    uploads,
    copying,
    cache,
    placesLayers: options.mergePlatform || run.keepsOriginal,
    platform,
    layerCount: layers.length,
    blobPath: (layer) => join(scratch.path, `${index}-${layer}.blob`),
  };
  const { call } = uploads;
  const placed = (made: readonly { readonly number: number }[]): number[] =>
    inPlaces(layers, jobs, made).map(({ number }) => number);
  try {
    if (options.flatten !== 'none') {
      const { convertFlattened } = await import('./flat-image.js');
      const flat = await convertFlattened(context, jobs, placed(jobs), call, () => {
        stopwatch.pull.extend();
      });
      call.reporter?.emit({ type: 'image.stages', platform, stages: packer.stages() });
      return { ...flat, borrowed: (await dictionary?.use(run, flat.merged.dictionaryBlobs)) ?? [] };
    }
    await using ahead = new LookAhead(context, keyed, call);
    const converted = await mapOrdered(
      keyed,
      options.concurrency,
      async (job, place, signal) => {
        // This is called before the first await, because the packer numbers layers in the order of these calls.
        const layer = await cachedOrConverted(context, job, ahead.take(place), { ...call, signal });
        stopwatch.pull.extend();
        return layer;
      },
      call.signal,
    );
    const merged = await packer.bootstrap(placed(converted)).catch((error: unknown) => {
      if (converted.some(({ isCached }) => isCached) && !call.signal.aborted) cache?.fault(error);
      throw error;
    });
    call.reporter?.emit({ type: 'image.stages', platform, stages: packer.stages() });
    const borrowed = (await dictionary?.use(run, merged.dictionaryBlobs)) ?? [];
    return { converted, merged, borrowed };
  } catch (error) {
    throw uploads.blame(error);
  }
}

/** The converted layers in the places of the source's, which may list a layer more than once. */
function inPlaces<T>(
  layers: readonly Descriptor[],
  jobs: readonly LayerJob[],
  converted: readonly T[],
): readonly T[] {
  const known = new Map(jobs.map(({ descriptor }, i) => [descriptor.digest, converted[i]]));
  return layers.map(({ digest }) => {
    const layer = known.get(digest);
    if (layer === undefined) throw new FormatError(`layer ${digest} was not converted`);
    return layer;
  });
}

function sumOf(descriptors: readonly Pick<Descriptor, 'size'>[]): number {
  return descriptors.reduce((sum, { size }) => sum + size, 0);
}
