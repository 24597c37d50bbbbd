/**
 * `convertImage` converts an image from one place to a Nydus image in another. It pushes blobs first, then configs,
 * manifests, the index and last the tag, so no client can pull an incomplete image, and an interrupted run does not
 * move the tag.
 */
import { formatPlatform } from '../oci/platform.js';
import { tmpdir } from 'node:os';
import { ByteBudget } from '../io/byte-budget.js';
import { openScratch } from '../io/scratch.js';
import { type BatchRule, batchRule } from './batching.js';
import { DEFAULT_TEE_BUFFER } from '../io/tee.js';
import { type BuildCache, checkCache } from '../cache/options.js';
import { withBudget } from '../native/budget.js';
import type { Descriptor } from '../oci/descriptor.js';
import type { PrefetchMeaning } from '../prefetch/meaning.js';
import { tagOf } from '../registry/moved-tag.js';
import { type ImageSource, type ImageTarget, isMirrored } from '../registry/stores/store.js';
import type { CallOptions } from '../reporter.js';
import { copyEntries } from './copy-content.js';
import { demandOneHome, keepsOriginalLayers } from './homes.js';
import { afterPush } from './hooks.js';
import { convertOneImage, type ConvertedImage, type LayerReport } from './image.js';
import { originalIn, type There } from './join-index.js';
import { demandOriginals, joinTarget, readThere } from './join-target.js';
import { convertOptions, type ConvertOptions } from './options.js';
import type { DictionaryBlob } from './dictionary.js';
import type { Run } from './run.js';
import { RunCache } from './run-cache.js';
import { readSourceImages, type SourceImage, type SourceImages } from './source-images.js';
import { setTag } from './set-tag.js';
import { stopwatch } from './stopwatch.js';
import { Uploads } from './uploads.js';
import { warnOfMerging, warnOfReferring } from './warn-of-merging.js';

/** The image to convert, and the target of the result. */
export interface ConvertImages {
  readonly source: ImageSource;
  readonly target: ImageTarget;
  /** Blobs of earlier runs, by their source layers and options. */
  readonly cache?: BuildCache | undefined;
  /** Called when all is in the target but the tag. If it rejects, the tag stays as it was, and the run throws its error. */
  readonly beforeTag?: ((call: CallOptions) => Promise<void>) | undefined;
}

/** What a run had of its build cache. */
export interface CacheUse {
  /** Layers whose blobs were found. */
  readonly hits: number;
  readonly misses: number;
  /** Compressed bytes of source layers that were not read. */
  readonly savedBytes: number;
  /** True if the run has changed the cache. */
  readonly written: boolean;
}

/** Milliseconds of each stage; the stages overlap. */
export interface ConvertTimes {
  readonly pull: number;
  readonly conversion: number;
  readonly push: number;
  readonly total: number;
}

export interface ConvertResult {
  /** The manifest or index that the target's tag now points to. */
  readonly root: Descriptor;
  readonly target: string;
  /** True when the target's tag led to this root before the run. */
  readonly unchanged: boolean;
  readonly images: readonly ImageReport[];
  /** Entries that are no images, carried over unchanged. */
  readonly kept: readonly Descriptor[];
  /** Compressed bytes of the config and layers of all images. */
  readonly sourceBytes: number;
  readonly targetBytes: number;
  /** The sum over all images; see `ImageReport`. */
  readonly repeatedBytes: number;
  /** The rule by which small files were compressed together; undefined without batches. */
  readonly batching?: BatchRule | undefined;
  readonly times: ConvertTimes;
  /** Undefined without a build cache. */
  readonly cache?: CacheUse | undefined;
}

/** The converted image of one platform, as it is in the target. */
export interface ImageReport {
  readonly platform: string;
  /** The manifest that was converted. */
  readonly source: Descriptor;
  readonly nydus: Descriptor;
  /** The config of the Nydus manifest. */
  readonly config: Descriptor;
  /** The OCI half of a merged index. */
  readonly oci: Descriptor | undefined;
  /** The original manifest, which the target keeps because the Nydus image refers to its layers. */
  readonly original?: Descriptor | undefined;
  /** One for each source layer, in order; a layer that is listed twice is here twice. */
  readonly layers: readonly LayerReport[];
  /** Uncompressed bytes of the merged bootstrap. */
  readonly bootstrapBytes: number;
  /** Stored bytes of chunks that a lower layer stores, too: `dedup: 'image'` would have saved them. With it, 0. */
  readonly repeatedBytes: number;
  /** What the prefetch list means; undefined if clients load all of the image. */
  readonly prefetched: PrefetchMeaning | undefined;
  /** The blobs of the dictionary that files refer to; they follow the layers in the manifest. */
  readonly dictionaryBlobs: readonly DictionaryBlob[];
  /** Bytes of the recipes of the layers' tars; 0 if the image keeps none. */
  readonly recipeBytes: number;
  /** Compressed bytes of the source's config and layers. */
  readonly sourceBytes: number;
  /** Bytes of the Nydus half: its config, its blobs, those of the dictionary that it names, and the bootstrap's layer. */
  readonly nydusBytes: number;
  /** Bytes of the written config and layers; in a merged index the OCI image counts too. */
  readonly targetBytes: number;
}

/** Throws a NydusError, or the signal's reason once it has fired; the target's tag is then unchanged. */
export async function convertImage(
  { source, target, cache: buildCache, beforeTag }: ConvertImages,
  given: Partial<ConvertOptions> = {},
  call: CallOptions = {},
): Promise<ConvertResult> {
  const options = convertOptions(given);
  if (buildCache !== undefined) checkCache(buildCache, options, target.place);
  await using cache = buildCache === undefined ? undefined : new RunCache(buildCache, options);
  demandOneHome(options, target);
  const started = performance.now();
  for (;;) {
    const before = distrustedBy(source);
    try {
      return await convertOnce({ source, target, cache, beforeTag }, options, started, call);
    } catch (error) {
      if (cache?.isFaulty === true && call.signal?.aborted !== true) {
        cache.abandon(call);
        continue;
      }
      // A new start leaves out a mirror that sent wrong bytes. Each start has one mirror less, so the loop ends.
      if (call.signal?.aborted === true || distrustedBy(source) === before) throw error;
      call.reporter?.emit({ type: 'step', message: 'starting over, without the mirror' });
    }
  }
}

function distrustedBy(source: ImageSource): number {
  return isMirrored(source) ? source.distrusted : 0;
}

async function convertOnce(
  { source, target, cache, beforeTag }: Pick<Run, 'source' | 'target' | 'cache' | 'beforeTag'>,
  options: ConvertOptions,
  started: number,
  given: CallOptions,
): Promise<ConvertResult> {
  const call = withBudget(given);
  const watch = stopwatch(() => performance.now());
  call.signal?.throwIfAborted();
  try {
    await using scratch = await openScratch(options.workDir ?? tmpdir());
    await using uploads = new Uploads(target, options.concurrency, watch.push, call);
    // The budget bounds the bytes of all layers in flight together, and of layers that only wait for their copy.
    const copying = new ByteBudget(options.concurrency * DEFAULT_TEE_BUFFER);
    const keepsOriginal = keepsOriginalLayers(options, source.place, target.place);
    const run: Run = {
      source,
      target,
      options,
      uploads,
      scratch,
      stopwatch: watch,
      copying,
      cache,
      keepsOriginal,
      beforeTag,
    };
    watch.pull.extend();
    const asked = tagOf(target, uploads.call);
    asked.catch(() => undefined); // the failure is thrown where `asked` is awaited
    const loaded = cache?.load(uploads.call);
    loaded?.catch(() => undefined); // the same
    const listed = await readSourceImages(source, options, uploads.call);
    await loaded;
    const before = await asked;
    const there = options.mergeIntoTarget ? await readThere(target, listed.images, uploads.call) : undefined;
    if (there !== undefined) demandOriginals(there, listed.images);
    warnOfMerging(run, listed, there);
    warnOfReferring(run);
    watch.conversion.extend();
    const images: ConvertedImage[] = [];
    // Images are converted one after the other, because the layers of one image keep all cores busy.
    // An index may list an image any number of times, for any platform: the result depends on its bytes alone.
    const converted = new Map<string, ConvertedImage>();
    for (const [index, image] of listed.images.entries()) {
      const key = `${image.manifest.descriptor.digest} ${JSON.stringify(image.origin)}`;
      const known = converted.get(key);
      const made =
        known === undefined
          ? await convertOneImage(runFor(image, run, there), image, { index, all: listed.images })
          : { ...known, source: image, platform: formatPlatform(image.platform) };
      if (known === undefined) converted.set(key, made);
      images.push(made);
    }
    const found: SourceImages = { ...listed, foreign: await copyEntries(run, listed.foreign) };
    await uploads.settle();
    const { root, kept, unchanged } =
      there === undefined
        ? await setTag(run, found, images, before)
        : await joinTarget(run, images, found, there);
    watch.push.extend();
    await afterPush(run, images, call);
    const written = (await cache?.write(target, call)) ?? false;
    return {
      root: root.descriptor,
      target: target.location,
      unchanged,
      images: images.map(reportOf),
      kept,
      sourceBytes: sum(images.map((image) => image.sourceBytes)),
      targetBytes: sum(images.map((image) => image.targetBytes)),
      repeatedBytes: sum(images.map((image) => image.repeatedBytes)),
      batching: batchRule(options),
      times: {
        pull: watch.pull.ms,
        conversion: watch.conversion.ms,
        push: watch.push.ms,
        total: performance.now() - started,
      },
      cache: cache === undefined ? undefined : cacheUse(images, written),
    };
  } catch (error) {
    call.signal?.throwIfAborted();
    throw error;
  }
}

/** An original that the target holds stays as it is, be it isolated or not. */
function runFor(image: SourceImage, run: Run, there: There | undefined): Run {
  if (there === undefined || originalIn(there, image) === undefined) return run;
  return { ...run, options: { ...run.options, mergeIsolation: 'none' } };
}

function cacheUse(images: readonly ConvertedImage[], written: boolean): CacheUse {
  const layers = images.flatMap((image) => image.layers);
  const hits = layers.filter(({ cache }) => cache === 'hit');
  const savedBytes = sum(layers.map((layer) => layer.savedBytes ?? 0));
  return { hits: hits.length, misses: layers.length - hits.length, savedBytes, written };
}

function reportOf({ source, nydus, oci, original, ...image }: ConvertedImage): ImageReport {
  return {
    ...image,
    source: source.manifest.descriptor,
    nydus: nydus.descriptor,
    oci: oci?.descriptor,
    ...(original === undefined ? {} : { original: original.descriptor }),
  };
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
