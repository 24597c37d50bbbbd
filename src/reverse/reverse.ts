/**
 * `reverseImage` converts a Nydus image back into an ordinary one. The original manifest is taken where it can still be had; else every
 * layer is made from its blob. Blobs are pushed first and the tag last, so no client can pull an incomplete image.
 */
import { publish } from '../convert/publish.js';
import { familyOf } from '../convert/assemble.js';
import { copyEntries } from '../convert/copy-content.js';
import { storedDocument, type StoredDocument } from '../convert/halves.js';
import { reversedIndex } from '../convert/merge-index.js';
import { tagOf } from '../registry/moved-tag.js';
import { Originals } from '../convert/originals.js';
import type { ForeignEntry, SourceImage } from '../convert/source-images.js';
import { stopwatch } from '../convert/stopwatch.js';
import { Uploads } from '../convert/uploads.js';
import { NydusError, RegistryError, UnsupportedError } from '../errors.js';
import type { Image } from '../image/image.js';
import { readReferenceAt, type ReferenceTree } from '../image/reference-tree.js';
import { withBudget } from '../native/budget.js';
import type { Descriptor } from '../oci/descriptor.js';
import { parseConfig, parseManifest, toDocument } from '../oci/manifest.js';
import { formatPlatform } from '../oci/platform.js';
import type { ImageSource, ImageTarget } from '../registry/stores/store.js';
import type { CallOptions } from '../reporter.js';
import { unmarkedEntry } from './documents.js';
import { type ImageToReverse, readImages } from './images.js';
import { type Found, originalOf } from './found.js';
import type { Original } from './original.js';
import { reverseOptions, type ReverseOptions } from './options.js';
import { rebuildImage, type ReversedLayer, type ReverseRun } from './rebuild.js';
import { relink } from './relink.js';

/** The Nydus image, and the target of the ordinary one. */
export interface ReverseImages {
  readonly source: ImageSource;
  readonly target: ImageTarget;
}

export interface ReverseResult {
  /** The manifest or index that the target's tag now points to. */
  readonly root: Descriptor;
  readonly target: string;
  /** True when the target's tag led to this root before the run. */
  readonly unchanged: boolean;
  readonly images: readonly ReversedImage[];
  /** Entries that are no images, carried over unchanged. */
  readonly kept: readonly Descriptor[];
  /** Milliseconds. */
  readonly elapsed: number;
}

export interface ReversedImage {
  readonly platform: string;
  /** The Nydus manifest; undefined for an ordinary image that was in the source beside others. */
  readonly nydus: Descriptor | undefined;
  readonly manifest: Descriptor;
  readonly config: Descriptor;
  /** `relink`: the manifest is the original, byte for byte. `rebuild`: its layers were made again. */
  readonly how: 'relink' | 'rebuild';
  /** Where the original was found, or the reason why its layers were made again. */
  readonly why: string;
  readonly layers: readonly ReversedLayer[];
}

/** Throws a NydusError, or the signal's reason once it has fired; the target's tag is then unchanged. */
export async function reverseImage(
  { source, target }: ReverseImages,
  given: Partial<ReverseOptions> = {},
  from: CallOptions = {},
): Promise<ReverseResult> {
  const options = reverseOptions(given);
  const call = withBudget(from);
  const started = performance.now();
  const opened: ImageSource[] = [];
  call.signal?.throwIfAborted();
  try {
    await using uploads = new Uploads(
      target,
      options.concurrency,
      stopwatch(() => performance.now()).push,
      call,
    );
    const run: ReverseRun = { target, uploads, options };
    const before = await tagOf(target, uploads.call);
    const root = await source.resolve(uploads.call);
    call.reporter?.emit({ type: 'resolved', source: source.location, manifest: root });
    const tree = await readReferenceAt(source, root, uploads.call);
    await tree.loadJson(uploads.call.signal);
    const originals = new Originals(tree, options, uploads.call);
    const listed = await readImages(tree, originals, options, uploads.call);
    const made = await reverseAll(run, listed.images, { tree, originals, opened });
    const foreign = await copyEntries({ source, target, uploads, options }, listed.foreign);
    await uploads.settle();
    const result = rootOf(tree, made, foreign, options);
    const manifests = made.map(({ document }) => document);
    const unchanged = await publish(target, { manifests, root: result, before }, uploads.call);
    return {
      root: result.descriptor,
      target: target.location,
      unchanged,
      images: made.map(({ report }) => report),
      kept: foreign.map(({ descriptor }) => descriptor),
      elapsed: performance.now() - started,
    };
  } catch (error) {
    call.signal?.throwIfAborted();
    throw error;
  } finally {
    for (const store of opened) await store[Symbol.asyncDispose]();
  }
}

interface Made {
  readonly report: ReversedImage;
  readonly document: StoredDocument;
  /** As an index lists it. */
  readonly listed: SourceImage;
}

interface Surroundings {
  readonly tree: ReferenceTree;
  readonly originals: Originals;
  /** Stores to dispose of when the run has ended. */
  readonly opened: ImageSource[];
}

async function reverseAll(
  run: ReverseRun,
  images: readonly ImageToReverse[],
  around: Surroundings,
): Promise<readonly Made[]> {
  const made: Made[] = [];
  try {
    for (const image of images) made.push(await reverseOne(run, image, around));
    return made;
  } catch (error) {
    throw run.uploads.blame(error);
  }
}

async function reverseOne(run: ReverseRun, image: ImageToReverse, around: Surroundings): Promise<Made> {
  const { options } = run;
  const { nydus } = image;
  const mayRelink = options.mode !== 'rebuild' || nydus === undefined;
  const found: Found = mayRelink
    ? await originalOf(image, { ...around, options, target: run.target, call: run.uploads.call })
    : { original: undefined, why: 'layers were to be made again' };
  if (found.original !== undefined)
    return relinked(run, image, { ...found, original: found.original }, around);
  if (nydus === undefined || options.mode === 'relink') {
    const message = `the original image for ${formatPlatform(image.platform)} cannot be had: ${found.why}`;
    const remedy = { kind: 'rebuild-layers' } as const;
    throw found.isLost === true
      ? new RegistryError(message, { remedy, status: 404, side: 'source' })
      : new UnsupportedError(message, { remedy });
  }
  return rebuilt(run, { ...image, nydus }, found.why, around);
}

async function relinked(
  run: ReverseRun,
  image: ImageToReverse,
  { original, why }: { readonly original: Original; readonly why: string },
  { tree }: Surroundings,
): Promise<Made> {
  const { manifest, config } = original.image;
  const layers = await relink(run, original);
  const { platform, nydus, beside } = image;
  const entry = nydus === undefined || tree.index === undefined ? undefined : tree.entryJson(nydus.entry);
  return {
    document: { descriptor: manifest.descriptor, bytes: manifest.bytes },
    listed:
      beside === undefined || beside instanceof NydusError
        ? {
            manifest,
            config,
            platform,
            entry: entry === undefined ? undefined : unmarkedEntry(entry),
            origin: { kind: 'located', location: original.store.place },
          }
        : beside,
    report: {
      platform: formatPlatform(platform),
      nydus: nydus?.manifest.descriptor,
      manifest: manifest.descriptor,
      config: config.descriptor,
      how: 'relink',
      why,
      layers,
    },
  };
}

async function rebuilt(
  run: ReverseRun,
  image: ImageToReverse & { readonly nydus: Image },
  why: string,
  { tree }: Surroundings,
): Promise<Made> {
  const { platform, nydus } = image;
  const { manifest, config, layers } = await rebuildImage(run, image);
  const entry = tree.index === undefined ? undefined : tree.entryJson(nydus.entry);
  return {
    document: manifest,
    listed: {
      manifest: toDocument(manifest.bytes, parseManifest(manifest.bytes, manifest.descriptor.mediaType)),
      config: { ...config, value: parseConfig(config.bytes) },
      platform,
      entry: entry === undefined ? undefined : unmarkedEntry(entry),
      origin: { kind: 'located', location: nydus.store.place },
    },
    report: {
      platform: formatPlatform(platform),
      nydus: nydus.manifest.descriptor,
      manifest: manifest.descriptor,
      config: config.descriptor,
      how: 'rebuild',
      why,
      layers,
    },
  };
}

/** The document that the tag will name: an index when several things are listed, else the only manifest. */
function rootOf(
  tree: ReferenceTree,
  made: readonly Made[],
  foreign: readonly ForeignEntry[],
  { oci }: ReverseOptions,
): StoredDocument {
  const [only] = made;
  if (only !== undefined && made.length === 1 && foreign.length === 0) return only.document;
  const family = familyOf(tree.index?.value.mediaType ?? '', oci);
  const bytes = reversedIndex(
    tree.indexJson(),
    family,
    made.map(({ listed }) => listed),
    foreign,
  );
  return storedDocument(family.index, bytes);
}
