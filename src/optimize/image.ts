/** Puts the files to load first into a blob of their own, behind the blobs that an image has, and writes its bootstrap anew. */
import { bootstrapLayer, type BlobMeta } from '../convert/bootstrap-layer.js';
import { storedDocument, type StoredDocument } from '../convert/halves.js';
import type { Uploads } from '../convert/uploads.js';
import { FormatError } from '../errors.js';
import { type BootstrapLayer, blobMetasOf, fetchBootstrap } from '../image/bootstrap-layer.js';
import { type Image, readConfig } from '../image/image.js';
import { bootstrapLayerOf, dataLayersOf, prefetchBlobOf, recipesLayerOf } from '../image/kinds.js';
import { readFileRange } from '../io/file-range.js';
import { mapOrdered } from '../io/concurrency.js';
import { contentOf } from '../io/streams.js';
import { withBatches } from '../look/batches.js';
import { NydusFilesystem } from '../look/nydus.js';
import { type PrefetchedFiles, prefetchedFiles } from '../look/prefetch.js';
import { openBootstrapInTurns } from '../native/judge.js';
import { type LeavingBlob, openImagePacker, type SealedBlob } from '../native/packer.js';
import type { Descriptor, Document, Platform } from '../oci/descriptor.js';
import { jsonObjectSteps } from '../oci/json/value.js';
import type { Manifest } from '../oci/manifest.js';
import { MEDIA } from '../oci/media-types.js';
import { formatPlatform } from '../oci/platform.js';
import type { PrefetchMeaning } from '../prefetch/meaning.js';
import type { CallOptions } from '../reporter.js';
import { ownBootstrap } from '../reverse/own-tree.js';
import { secondLook } from '../reverse/second-look.js';
import { inTurns } from '../turns.js';
import { type LayerPlaces, optimizedConfig, optimizedManifest } from './documents.js';
import { formatOf } from './format.js';
import { hotEntries, hotTar } from './hot-layer.js';
import type { OptimizeOptions } from './options.js';
import { type Reads, readsOf } from './reads.js';

export interface OptimizedImage {
  readonly platform: string;
  /** The manifest that it was made from. */
  readonly source: Descriptor;
  readonly manifest: Descriptor;
  readonly config: Descriptor;
  /** The blob of the files to load first, and the one of an earlier run in whose place it stands. */
  readonly blob: Descriptor;
  readonly replaced: Descriptor | undefined;
  readonly prefetched: PrefetchMeaning;
  /** Before and after, for a reader of the listed files. Undefined where chunks stay in the layers of the original. */
  readonly reads: { readonly before: Reads; readonly after: Reads } | undefined;
}

/** An image that was made, and its documents. */
export interface MadeImage {
  readonly report: OptimizedImage;
  readonly source: Document<Manifest>;
  readonly manifest: StoredDocument;
}

export interface OptimizeRun {
  readonly uploads: Uploads;
  readonly options: OptimizeOptions;
  /** The path of a file for the blob of the image with this number. */
  readonly blobPath: (image: number) => string;
}

/** An image whose files have been looked up in the list. */
export interface LookedUpImage {
  readonly image: Image;
  readonly platform: Platform;
  readonly filesystem: NydusFilesystem;
  readonly bootstrap: Buffer;
  readonly layer: BootstrapLayer;
  readonly hot: PrefetchedFiles;
}

/** Throws what fetching throws, and FormatError and UnsupportedError for an image that cannot be read. */
export async function lookUp(
  image: Image,
  platform: Platform,
  { prefetch }: OptimizeOptions,
  call: CallOptions,
): Promise<LookedUpImage> {
  const read = (): ReturnType<typeof fetchBootstrap> => fetchBootstrap(image, call, { blobMetas: true });
  const last = bootstrapLayerOf(image.manifest.value);
  const { bytes, layer } = await (last === undefined ? read() : secondLook(image.store, last, call, read));
  const { bootstrap } = await openBootstrapInTurns(bytes, call.signal);
  const filesystem = new NydusFilesystem(await withBatches(bootstrap, image, call), image);
  const hot = await prefetchedFiles(filesystem, prefetch, call.signal);
  return { image, platform, filesystem, bootstrap: bytes, layer, hot };
}

/** The blob, the bootstrap's layer and the config are being sent when it returns. `number` is unique in the run. */
export async function optimizeOne(
  { uploads, options, blobPath }: OptimizeRun,
  found: LookedUpImage,
  number: number,
): Promise<MadeImage> {
  const { image, platform, filesystem, hot } = found;
  const { call } = uploads;
  const { value, descriptor: source } = image.manifest;
  const replaced = prefetchBlobOf(value);
  const path = blobPath(number);
  const { sealed, bootstrap } = await packHot(found, options, { path, replaced }, call);
  const blob: Descriptor = { mediaType: MEDIA.nydusBlob, digest: sealed.digest, size: sealed.size };
  const content = {
    size: sealed.size,
    open: (range?: { start: number; end: number }) => readFileRange(path, range),
  };
  uploads.push(blob, content).catch(() => undefined); // `settle` reports it
  const last = await bootstrapLayer(bootstrap, metasOf(found, sealed, replaced));
  const places = placesOf(image, replaced);
  const config = await readConfig(image, call);
  const what = `manifest ${source.digest}`;
  const layers = {
    blob,
    bootstrap: { digest: last.digest, size: last.bytes.length, diffId: last.diffId },
  };
  const newConfig = storedDocument(
    value.config.mediaType,
    optimizedConfig(
      await inTurns(jsonObjectSteps(config.bytes, `config of ${what}`), call.signal),
      places,
      value.layers.length,
      layers,
    ),
  );
  const manifest = storedDocument(
    source.mediaType,
    optimizedManifest(
      await inTurns(jsonObjectSteps(image.manifest.bytes, what), call.signal),
      image.manifest,
      newConfig.descriptor,
      places,
      layers,
    ),
  );
  const old = value.layers[places.bootstrap];
  const bootstrapDescriptor = { mediaType: old?.mediaType ?? MEDIA.ociLayerGzip, ...layers.bootstrap };
  uploads.push(bootstrapDescriptor, contentOf(last.bytes)).catch(() => undefined);
  uploads.push(newConfig.descriptor, contentOf(newConfig.bytes)).catch(() => undefined);
  const report: OptimizedImage = {
    platform: formatPlatform(platform),
    source,
    manifest: manifest.descriptor,
    config: newConfig.descriptor,
    blob,
    replaced: replaced?.digest === blob.digest ? undefined : replaced,
    prefetched: hot.meaning,
    reads: await readsBeforeAndAfter(filesystem, bootstrap, found, call),
  };
  return { report, source: image.manifest, manifest };
}

/** Packs the files into a blob at `path`, and merges them over the image. */
async function packHot(
  { image, filesystem, bootstrap: bytes, hot }: LookedUpImage,
  { prefetch, threads }: OptimizeOptions,
  { path, replaced }: { readonly path: string; readonly replaced: Descriptor | undefined },
  call: CallOptions,
): Promise<{ readonly sealed: SealedBlob; readonly bootstrap: Buffer }> {
  const entries = await inTurns(hotEntries(filesystem.root, hot.files), call.signal);
  const format = formatOf(bytes, filesystem.bootstrap, prefetch);
  const without = replaced === undefined ? undefined : await leaving(image, replaced, call);
  using packer = openImagePacker({ ...format, threads, layers: 1, budget: call.budget, limits: call.limits });
  await packer.base(BASE, { bootstrap: bytes, without });
  const layer = packer.openLayer(HOT, path);
  try {
    for await (const piece of hotTar(filesystem, entries, call)) {
      call.signal?.throwIfAborted();
      await layer.write(piece);
    }
    await layer.finish();
    const sealed = await layer.seal();
    const { bootstrap } = await packer.bootstrap([BASE, HOT]);
    return { sealed, bootstrap };
  } catch (error) {
    layer.abort();
    call.signal?.throwIfAborted();
    throw error;
  }
}

/** The numbers of the layers in the packer: the image as it is, and the files to load first. */
const BASE = 0;
const HOT = 1;

/** Blobs whose ends are read at the same time. */
const ENDS = 4;

/** The blob of an earlier run, and what the others store, so that files go back to the chunks that they had before. */
async function leaving(image: Image, replaced: Descriptor, call: CallOptions): Promise<LeavingBlob> {
  const others = dataLayersOf(image.manifest.value).filter(({ digest }) => digest !== replaced.digest);
  return {
    digest: replaced.digest,
    others: await mapOrdered(
      others,
      ENDS,
      async (blob, _, signal) => {
        const own = { ...call, signal };
        const bytes = await secondLook(image.store, blob, own, () => ownBootstrap(image, blob, own));
        return { digest: blob.digest, bootstrap: bytes };
      },
      call.signal,
    ),
  };
}

/** The chunk tables for nydusd's cache: those that the image has, without that of a blob that is left out, and the new one. */
function metasOf(
  { layer }: LookedUpImage,
  { digest, blobMeta }: SealedBlob,
  replaced: Descriptor | undefined,
): readonly BlobMeta[] {
  const kept = blobMetasOf(layer).filter(({ blob }) => blob !== replaced?.digest);
  return blobMeta.length === 0 ? kept : [...kept, { blob: digest, bytes: blobMeta }];
}

function placesOf({ manifest }: Image, replaced: Descriptor | undefined): LayerPlaces {
  const { layers } = manifest.value;
  const placeOf = (one: Descriptor | undefined): number | undefined => {
    const place = layers.findIndex((layer) => layer === one);
    return place < 0 ? undefined : place;
  };
  const bootstrap = placeOf(bootstrapLayerOf(manifest.value));
  if (bootstrap === undefined)
    throw new FormatError(`manifest ${manifest.descriptor.digest} has no bootstrap layer`);
  return { bootstrap, replaced: placeOf(replaced), recipes: placeOf(recipesLayerOf(manifest.value)) };
}

async function readsBeforeAndAfter(
  filesystem: NydusFilesystem,
  bytes: Buffer,
  { hot, image }: LookedUpImage,
  call: CallOptions,
): Promise<OptimizedImage['reads']> {
  const before = await inTurns(readsOf(filesystem, hot.files), call.signal);
  if (before === undefined) return undefined;
  const { bootstrap } = await openBootstrapInTurns(bytes, call.signal);
  const after = new NydusFilesystem(await withBatches(bootstrap, image, call), image);
  const files = hot.files.flatMap(({ path }) => {
    const inode = path
      .split('/')
      .reduce<typeof bootstrap.root | undefined>(
        (node, name) => node?.children?.get(name as typeof node.name),
        bootstrap.root,
      )?.inode; // a component of a path in the tree
    return inode?.kind === 'file' ? [{ path, inode }] : [];
  });
  const reads = await inTurns(readsOf(after, files), call.signal);
  return reads === undefined ? undefined : { before, after: reads };
}
