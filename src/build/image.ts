/**
 * A directory as a whole image, alone or as a layer on top of another Nydus image. Blobs are pushed first and the tag last, so no client
 * can pull an incomplete image. The blobs of the lower image are mounted or copied, not read.
 */
import { tmpdir } from 'node:os';
import { bootstrapLayer, type BlobMeta } from '../convert/bootstrap-layer.js';
import { storedDocument, type StoredDocument } from '../convert/halves.js';
import { publish } from '../convert/publish.js';
import { stopwatch } from '../convert/stopwatch.js';
import { Uploads } from '../convert/uploads.js';
import { Copier, type CopiedContent } from '../copy/copier.js';
import { UnsupportedError } from '../errors.js';
import { blobMetasOf, fetchBootstrap } from '../image/bootstrap-layer.js';
import { chooseImage } from '../image/choose.js';
import { type Image, readConfig } from '../image/image.js';
import { readReference } from '../image/reference-tree.js';
import { COPY_CONCURRENCY } from '../io/concurrency.js';
import { readFileRange } from '../io/file-range.js';
import { openScratch } from '../io/scratch.js';
import { contentOf } from '../io/streams.js';
import { withBudget } from '../native/budget.js';
import type { Descriptor, Platform } from '../oci/descriptor.js';
import { jsonObjectSteps } from '../oci/json/value.js';
import { ANNOTATION, MEDIA } from '../oci/media-types.js';
import { formatPlatform } from '../oci/platform.js';
import { tagOf } from '../registry/moved-tag.js';
import type { ImageSource, ImageTarget } from '../registry/stores/store.js';
import type { PrefetchMeaning } from '../prefetch/meaning.js';
import type { CallOptions, PackStats } from '../reporter.js';
import { inTurns } from '../turns.js';
import { type BuiltLayers, configOver, manifestOver, newConfig, newManifest } from './documents.js';
import type { BuildOptions } from './options.js';
import { demandDirectory, demandOutside } from './outside.js';
import { packDirectory, type PackedDirectory } from './pack.js';
import type { ImageSettings } from './settings.js';

export interface BuildImageOptions extends BuildOptions {
  /** The platform that the image is for; of an index below, the one whose image is taken. */
  readonly platform: Platform;
  readonly settings?: ImageSettings | undefined;
  /** A config of OCI, as JSON, whose members hold where no setting does; its layers and history are written anew. Not on top of another image. */
  readonly config?: Uint8Array | undefined;
  /** Blobs in flight, of those of the lower image. */
  readonly concurrency?: number | undefined;
  /** The folder of the blob until it is sent; the system's by default. */
  readonly workDir?: string | undefined;
}

/** Where the image goes, and the image that it is put on. */
export interface BuildEnds {
  readonly target: ImageTarget;
  readonly below?: ImageSource | undefined;
}

export interface BuiltImage {
  readonly stats: PackStats;
  readonly prefetched: PrefetchMeaning | undefined;
  readonly fsVersion: number;
  readonly root: Descriptor;
  readonly target: string;
  /** True when the target's tag led to this manifest before the run. */
  readonly unchanged: boolean;
  readonly platform: string;
  readonly config: Descriptor;
  readonly blob: Descriptor;
  /** Blobs of a dictionary that files refer to. */
  readonly borrowed: readonly Descriptor[];
  /** What the target got or had already of the lower image. */
  readonly contents: readonly CopiedContent[];
  readonly milliseconds: number;
}

/** Throws a NydusError, or the signal's reason once it has fired; the target's tag is then unchanged. */
export async function buildImage(
  directory: string,
  { target, below }: BuildEnds,
  options: BuildImageOptions,
  from: CallOptions = {},
): Promise<BuiltImage> {
  const call = withBudget(from);
  const started = performance.now();
  call.signal?.throwIfAborted();
  await demandDirectory(directory);
  const workDir = options.workDir ?? tmpdir();
  await demandOutside(workDir, directory, { kind: 'work-dir' });
  try {
    await using scratch = await openScratch(workDir);
    const span = stopwatch(() => performance.now()).push;
    const concurrency = options.concurrency ?? COPY_CONCURRENCY;
    await using uploads = new Uploads(target, concurrency, span, call);
    const before = await tagOf(target, uploads.call);
    const lower = below && (await lowerImage(below, options.platform, uploads.call));
    const blobPath = scratch.file('blob');
    const packing = {
      directory,
      blobPath,
      platform: options.platform,
      below: lower && { name: below.location, bootstrap: lower.bootstrap },
    };
    const packed = await packDirectory(packing, options, uploads.call);
    const made = await upload(packed, blobPath, lower, uploads, target);
    const documents = await documentsOf(lower, options, made.layers, uploads.call);
    uploads.push(documents.config.descriptor, contentOf(documents.config.bytes)).catch(() => undefined); // `settle` reports it
    const contents = await copyBelow(lower, documents.manifest, { target, uploads, concurrency }).catch(
      (error: unknown) => {
        throw uploads.blame(error);
      },
    );
    const root = documents.manifest;
    const unchanged = await publish(target, { manifests: [root], root, before }, uploads.call);
    return {
      root: root.descriptor,
      target: target.location,
      unchanged,
      platform: formatPlatform(options.platform),
      config: documents.config.descriptor,
      blob: made.blob,
      borrowed: made.borrowed,
      contents,
      stats: packed.stats,
      prefetched: packed.prefetched,
      fsVersion: packed.fsVersion,
      milliseconds: performance.now() - started,
    };
  } catch (error) {
    call.signal?.throwIfAborted();
    throw error;
  }
}

/** The image below, as far as it is read. */
interface LowerImage {
  readonly image: Image;
  readonly bootstrap: Buffer;
  readonly metas: readonly BlobMeta[];
}

async function lowerImage(store: ImageSource, platform: Platform, call: CallOptions): Promise<LowerImage> {
  const tree = await readReference(store, call);
  const image = await chooseImage(tree, { preferred: platform }, call);
  if (image.kind !== 'nydus')
    throw new UnsupportedError(`${store.location} is no Nydus image, so no blob can be put on it`, {
      hint: 'convert it first',
    });
  if (image.manifest.value.layers.some(({ annotations }) => annotations?.[ANNOTATION.nydusRef] !== undefined))
    throw new UnsupportedError(
      `the chunks of ${store.location} lie in the layers of another image, which this one would not keep`,
      { hint: 'convert that image once more, into blobs that hold their chunks' },
    );
  const { bytes, layer } = await fetchBootstrap(image, call, { blobMetas: true });
  return { image, bootstrap: bytes, metas: blobMetasOf(layer) };
}

interface Uploaded {
  readonly blob: Descriptor;
  readonly borrowed: readonly Descriptor[];
  readonly layers: BuiltLayers;
}

/** Starts the uploads of everything but the config and the manifest. */
async function upload(
  { sealed, bootstrap, fsVersion, dictionary, borrowed: named }: PackedDirectory,
  blobPath: string,
  lower: LowerImage | undefined,
  uploads: Uploads,
  target: ImageTarget,
): Promise<Uploaded> {
  const blob: Descriptor = { mediaType: MEDIA.nydusBlob, digest: sealed.digest, size: sealed.size };
  const open = (range?: { start: number; end: number }): ReturnType<typeof readFileRange> =>
    readFileRange(blobPath, range);
  uploads.push(blob, { size: sealed.size, open }).catch(() => undefined); // `settle` reports it
  const used = dictionary === undefined ? [] : await dictionary.use({ target, uploads }, named);
  const there = new Set(lower?.image.manifest.value.layers.map(({ digest }) => digest));
  const borrowed = used
    .filter(({ digest }) => !there.has(digest))
    .map(({ digest, size }) => ({ mediaType: MEDIA.nydusBlob, digest, size }));
  const last = await bootstrapLayer(bootstrap, [
    ...(lower?.metas ?? []),
    ...(sealed.blobMeta.length === 0 ? [] : [{ blob: sealed.digest, bytes: sealed.blobMeta }]),
    ...used.flatMap(({ digest, blobMeta }) =>
      blobMeta === undefined || blobMeta.length === 0 ? [] : [{ blob: digest, bytes: blobMeta }],
    ),
  ]);
  const bootstrapDescriptor = { mediaType: MEDIA.ociLayerGzip, digest: last.digest, size: last.bytes.length };
  uploads.push(bootstrapDescriptor, contentOf(last.bytes)).catch(() => undefined);
  const layers = {
    blobs: [blob, ...borrowed],
    bootstrap: { digest: last.digest, size: last.bytes.length, diffId: last.diffId },
    fsVersion,
  };
  return { blob, borrowed, layers };
}

async function documentsOf(
  lower: LowerImage | undefined,
  { platform, settings = {}, config: given }: BuildImageOptions,
  layers: BuiltLayers,
  call: CallOptions,
): Promise<{ readonly config: StoredDocument; readonly manifest: StoredDocument }> {
  if (lower === undefined) {
    const json = given && (await inTurns(jsonObjectSteps(given, 'the config that was given'), call.signal));
    const config = storedDocument(MEDIA.ociConfig, newConfig(json, platform, settings, layers));
    return { config, manifest: storedDocument(MEDIA.ociManifest, newManifest(config.descriptor, layers)) };
  }
  const { image } = lower;
  const { manifest } = image;
  const what = `manifest ${manifest.descriptor.digest}`;
  const below = await readConfig(image, call);
  const json = await inTurns(jsonObjectSteps(below.bytes, `config of ${what}`), call.signal);
  const isDocker = manifest.value.mediaType === MEDIA.dockerManifest;
  const config = storedDocument(
    isDocker ? MEDIA.dockerConfig : MEDIA.ociConfig,
    configOver(json, manifest, settings, layers),
  );
  const members = await inTurns(jsonObjectSteps(manifest.bytes, what), call.signal);
  const bytes = manifestOver(members, manifest, config.descriptor, layers);
  return { config, manifest: storedDocument(manifest.value.mediaType, bytes) };
}

/** Returns when the target has everything that the manifest names. */
async function copyBelow(
  lower: LowerImage | undefined,
  manifest: StoredDocument,
  { target, uploads, concurrency }: { target: ImageTarget; uploads: Uploads; concurrency: number },
): Promise<readonly CopiedContent[]> {
  if (lower === undefined) {
    await uploads.settle();
    return [];
  }
  const isPlaced = (digest: Descriptor['digest']): boolean => uploads.has(digest);
  const copier = new Copier({ source: lower.image.store, target }, { concurrency, isPlaced });
  await copier.copyBelow(manifest.descriptor, manifest.bytes, uploads.call);
  await uploads.settle();
  return copier.copied;
}
