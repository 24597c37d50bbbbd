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
import { contentOf } from '../io/streams.js';
import { DEFAULT_TEE_BUFFER } from '../io/tee.js';
import { type BuildCache, checkCache } from '../cache/options.js';
import { withBudget } from '../native/budget.js';
import type { Descriptor } from '../oci/descriptor.js';
import { ANNOTATION, MEDIA } from '../oci/media-types.js';
import type { PrefetchMeaning } from '../prefetch/meaning.js';
import { type Location, repositoryOf } from '../registry/location.js';
import { refuseMovedTag, tagOf } from '../registry/moved-tag.js';
import { type ImageSource, type ImageTarget, isMirrored } from '../registry/stores/store.js';
import type { Remedy } from '../remedy.js';
import type { CallOptions } from '../reporter.js';
import { familyOf } from './assemble.js';
import { copyEntries } from './copy-content.js';
import { storedDocument, type StoredDocument } from './halves.js';
import { convertOneImage, type ConvertedImage, type LayerReport } from './image.js';
import { type ConvertedEntry, mergedIndex, plainIndex } from './merge-index.js';
import { convertOptions, type ConvertOptions } from './options.js';
import type { Run } from './run.js';
import { RunCache } from './run-cache.js';
import { type ForeignEntry, readSourceImages, type SourceImages } from './source-images.js';
import { stopwatch } from './stopwatch.js';
import { Uploads } from './uploads.js';

/** The image to convert, and the target of the result. */
export interface ConvertImages {
  readonly source: ImageSource;
  readonly target: ImageTarget;
  /** Blobs of earlier runs, by their source layers and options. */
  readonly cache?: BuildCache | undefined;
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
  /** One for each source layer, in order; a layer that is listed twice is here twice. */
  readonly layers: readonly LayerReport[];
  /** Uncompressed bytes of the merged bootstrap. */
  readonly bootstrapBytes: number;
  /** Stored bytes of chunks that a lower layer stores, too: `dedup: 'image'` would have saved them. With it, 0. */
  readonly repeatedBytes: number;
  /** What the prefetch list means; undefined if clients load all of the image. */
  readonly prefetched: PrefetchMeaning | undefined;
  /** The blobs of the dictionary that files refer to; they follow the layers in the manifest. */
  readonly dictionaryBlobs: readonly Descriptor[];
  /** Compressed bytes of the source's config and layers. */
  readonly sourceBytes: number;
  /** Bytes of the Nydus half: its config, its blobs, those of the dictionary that it names, and the bootstrap's layer. */
  readonly nydusBytes: number;
  /** Bytes of the written config and layers; in a merged index the OCI image counts too. */
  readonly targetBytes: number;
}

/** Throws a NydusError, or the signal's reason once it has fired; the target's tag is then unchanged. */
export async function convertImage(
  { source, target, cache: buildCache }: ConvertImages,
  given: Partial<ConvertOptions> = {},
  call: CallOptions = {},
): Promise<ConvertResult> {
  const options = convertOptions(given);
  if (buildCache !== undefined) checkCache(buildCache, options);
  await using cache = buildCache === undefined ? undefined : new RunCache(buildCache, options);
  const started = performance.now();
  for (;;) {
    const before = distrustedBy(source);
    try {
      return await convertOnce({ source, target, cache }, options, started, call);
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
  { source, target, cache }: Pick<Run, 'source' | 'target' | 'cache'>,
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
    const run: Run = { source, target, options, uploads, scratch, stopwatch: watch, copying, cache };
    watch.pull.extend();
    const asked = tagOf(target, uploads.call);
    asked.catch(() => undefined); // the failure is thrown where `asked` is awaited
    const listed = await readSourceImages(source, options, uploads.call);
    await cache?.load(uploads.call);
    const before = await asked;
    warnOfMerging(run, listed);
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
          ? await convertOneImage(run, image, { index, all: listed.images })
          : { ...known, source: image, platform: formatPlatform(image.platform) };
      if (known === undefined) converted.set(key, made);
      images.push(made);
    }
    const found: SourceImages = { ...listed, foreign: await copyEntries(run, listed.foreign) };
    await uploads.settle();
    const root = rootOf(run, found, images);
    const manifests = images.flatMap(({ nydus, oci }) => (oci === undefined ? [nydus] : [oci, nydus]));
    for (const manifest of manifests) {
      // A manifest that is the root is pushed together with the tag.
      if (manifest !== root) await target.push(manifest.descriptor, contentOf(manifest.bytes), uploads.call);
    }
    call.signal?.throwIfAborted();
    await refuseMovedTag(target, before, root.descriptor.digest, uploads.call);
    await target.tag(root.descriptor, root.bytes, uploads.call);
    watch.push.extend();
    const written = (await cache?.write(target, call)) ?? false;
    return {
      root: root.descriptor,
      target: target.location,
      unchanged: before === root.descriptor.digest,
      images: images.map(reportOf),
      kept: found.foreign.map(({ descriptor }) => descriptor),
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

function cacheUse(images: readonly ConvertedImage[], written: boolean): CacheUse {
  const layers = images.flatMap((image) => image.layers);
  const hits = layers.filter(({ cache }) => cache === 'hit');
  const savedBytes = sum(layers.map((layer) => layer.savedBytes ?? 0));
  return { hits: hits.length, misses: layers.length - hits.length, savedBytes, written };
}

function reportOf({ source, nydus, oci, ...image }: ConvertedImage): ImageReport {
  return {
    ...image,
    source: source.manifest.descriptor,
    nydus: nydus.descriptor,
    oci: oci?.descriptor,
  };
}

/**
 * Returns the document that the tag will name: an index when merging or when the source was one, else the only
 * manifest.
 */
function rootOf({ options }: Run, found: SourceImages, images: readonly ConvertedImage[]): StoredDocument {
  const entries: readonly ConvertedEntry[] = images.map((image) => ({
    source: image.source,
    nydus: image.nydus.descriptor,
    oci: image.oci?.descriptor,
  }));
  if (options.mergePlatform) {
    return storedDocument(
      MEDIA.ociIndex,
      mergedIndex(found.index?.json, entries, found.foreign, options.indexMarks),
    );
  }
  const [only] = images;
  if (only !== undefined && images.length === 1 && found.foreign.length === 0) return only.nydus;
  const family = familyOf(found.index?.mediaType ?? MEDIA.ociIndex, options.oci);
  return storedDocument(family.index, plainIndex(found.index?.json, family, entries, found.foreign));
}

function warnOfMerging({ options, uploads }: Run, { foreign, images }: SourceImages): void {
  const warn = (code: string, message: string, remedy: Remedy): void => {
    uploads.call.reporter?.emit({ type: 'warning', code, message, remedy });
  };
  const sourceStays = options.mergePlatform && options.mergeIsolation === 'none';
  if (sourceStays) {
    warn(
      'NOT_ISOLATED',
      'the OCI half shares its layers with other images: on a node that runs Nydus, an unrelated image with the same layers may start empty',
      { kind: 'isolate-half' },
    );
  }
  // An annotation of any entry may name the image, as SOCI's indexes do.
  const sources = new Set<string>(images.map(({ manifest }) => manifest.descriptor.digest));
  const speaks = ({ descriptor: { annotations = {} } }: ForeignEntry): boolean =>
    ANNOTATION.dockerReferenceDigest in annotations ||
    Object.values(annotations).some((value) => sources.has(value));
  if (!sourceStays && foreign.some(speaks)) {
    warn(
      'ATTESTATION_SUBJECT',
      'attestations are kept, but they describe the source manifests, which are not in the result',
      { kind: 'keep-manifests' },
    );
  }
}

/** The repository, folder or file in which a manifest and what refers to it must both lie. */
function homeOf(place: Location): string {
  return place.kind === 'registry' ? (repositoryOf(place) ?? '') : `${place.kind}:${place.path}`;
}

/**
 * Warns that registries list referrers by repository: clients that ask the source's repository do not find this one.
 */
function warnOfReferring({ options, source, target, uploads }: Run): void {
  if (!options.withReferrer) return;
  const [from, to] = [homeOf(source.place), homeOf(target.place)];
  if (from === to) return;
  uploads.call.reporter?.emit({
    type: 'warning',
    code: 'REFERRER_ELSEWHERE',
    message: `the subject of the Nydus manifest is in ${from}, but the Nydus manifest goes to ${to}: registries list referrers by repository, so clients find it only if both manifests are in one repository`,
  });
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
