/**
 * Converts one source layer: fetches and verifies it, has the addon pack it, and starts the upload of its blob. If the
 * target also needs the source layer (in merged indexes, and where blobs refer to it), the same download provides the bytes.
 */
import { rm } from 'node:fs/promises';
import { ContentMismatchError, FormatError, UnreferableError, UnsupportedError } from '../errors.js';
import type { ByteBudget } from '../io/byte-budget.js';
import { readFileRange } from '../io/file-range.js';
import { GrowingFile } from '../io/growing.js';
import { counted, type ByteStream, type ReplayableContent } from '../io/streams.js';
import { shareContent } from '../io/tee.js';
import type { PackedLayer } from '../native/layer.js';
import type { ImagePacker, LayerPacker, SealedBlob } from '../native/packer.js';
import type { DiffId } from '../oci/digest.js';
import type { ListedDescriptor } from '../oci/manifest.js';
import { MEDIA } from '../oci/media-types.js';
import {
  type ImageSource,
  type ImageTarget,
  isMirrored,
  type PushOutcome,
} from '../registry/stores/store.js';
import type { CacheRecord, LayerKeys } from '../cache/record.js';
import type { FramedRecipe } from '../recipe/collection.js';
import type { CallOptions, PackStats } from '../reporter.js';
import { cachedLayer, recordOfLayer } from './cached-layer.js';
import { placeSourceLayer, progress } from './layer-copy.js';
import type { AheadBlob } from './look-ahead.js';
import { formatLine } from './format.js';
import type { PackedTar } from './layer-recipe.js';
import { LayerUpload } from './layer-upload.js';
import type { ConvertOptions } from './options.js';
import type { RunCache } from './run-cache.js';
import type { LeftOut } from './flat-image.js';
import { UploadNote } from './upload-note.js';
import type { Uploads } from './uploads.js';

/** Values that all layers of one image share. */
export interface LayerContext {
  readonly source: ImageSource;
  readonly target: ImageTarget;
  readonly options: ConvertOptions;
  readonly packer: ImagePacker;
  readonly uploads: Uploads;
  /** See `Run`. */
  readonly copying: ByteBudget;
  readonly cache: RunCache | undefined;
  /** True if the target gets the source layers, too. */
  readonly placesLayers: boolean;
  readonly platform: string;
  /** The number of the image's layers, for messages. */
  readonly layerCount: number;
  blobPath(layer: number): string;
}

export interface LayerJob {
  /** The position of the layer in the manifest; the first one if it is listed several times. */
  readonly number: number;
  readonly descriptor: ListedDescriptor;
  /** The diffIDs that the config promises, one for each position of the layer in the manifest. */
  readonly diffIds: readonly DiffId[];
  /** The keys by which a build cache knows its blob; undefined without one. */
  readonly keys?: LayerKeys | undefined;
}

/** The part of a complete blob that the image needs. */
export type CompleteBlob = Pick<SealedBlob, 'digest' | 'size' | 'blobMeta' | 'batches'>;

export interface ConvertedLayer {
  readonly number: number;
  /** True if the chunks stay in the source layer. */
  readonly refers: boolean;
  readonly sealed: CompleteBlob;
  readonly stats: PackStats;
  /** Settles when the blob is in the target, and says how it got there. */
  readonly pushed: Promise<PushOutcome>;
  /** What a build cache says of the blob, if the run has one and it can. */
  readonly record: CacheRecord | undefined;
  /** True if the blob was found in the build cache. */
  readonly isCached: boolean;
  /** True if a cached layer was not even read for its copy into a merged index. */
  readonly isSpared?: Promise<boolean> | undefined;
  /** The compressed recipe of the layer's tar, if the image keeps those and the layer can have one. */
  readonly recipe?: FramedRecipe | undefined;
  /** What a flattened image does not have of the layer. */
  readonly leftOut?: LeftOut | undefined;
}

/**
 * Takes a layer from the build cache if that has it, or else converts it. The caller calls this in the order of layers; `ahead` is what
 * the cache has for the layer.
 */
export async function cachedOrConverted(
  context: LayerContext,
  job: LayerJob,
  ahead: AheadBlob | undefined,
  call: CallOptions,
): Promise<ConvertedLayer> {
  const { packer } = context;
  const { number } = job;
  const path = context.blobPath(number);
  if (ahead === undefined) return convertLayer(context, job, packer.openLayer(number, path), call);
  // The layer takes its place before the first await, because the packer numbers layers in the order of these calls.
  const place = packer.reserve(number);
  const release = (): void => {
    place.release();
  };
  call.signal?.addEventListener('abort', release, { once: true });
  try {
    const cached = await cachedLayer(context, job, ahead, place, call);
    if (cached !== undefined) return cached;
    call.signal?.throwIfAborted();
  } catch (error) {
    place.release();
    throw error;
  } finally {
    call.signal?.removeEventListener('abort', release);
  }
  return convertLayer(context, job, place.open(path), call);
}

/**
 * `packer` belongs to this layer, and the caller opened it in the order of layers. A layer that chunks cannot stay in is read
 * again, and its chunks are stored.
 */
async function convertLayer(
  context: LayerContext,
  job: LayerJob,
  packer: LayerPacker,
  call: CallOptions,
): Promise<ConvertedLayer> {
  const { options } = context;
  if (options.ociRef === 'off') return convertWith(context, job, packer, call, false);
  try {
    return await convertWith(context, job, packer, call, true);
  } catch (error) {
    if (!(error instanceof UnreferableError)) throw error;
    if (options.ociRefStrict)
      throw new UnsupportedError(`${nameOf(job)}: its chunks cannot stay in it: ${error.message}`, {
        cause: error,
      });
    warnOfStored(job, error.message, call);
    // The first attempt may still be removing its file.
    const again = { ...context, blobPath: (layer: number) => `${context.blobPath(layer)}.stored` };
    const stored = again.packer.openLayer(job.number, again.blobPath(job.number), { stored: true });
    return convertWith(again, job, stored, call, false);
  }
}

function nameOf({ number, descriptor }: LayerJob): string {
  return `layer ${number + 1} (${descriptor.digest})`;
}

/** Warns that the chunks of a layer do not stay in it although the caller asked for that. */
export function warnOfStored(job: LayerJob, reason: string, call: CallOptions): void {
  const message = `${nameOf(job)}: its chunks are stored, since they cannot stay in it: ${reason}`;
  call.reporter?.emit({ type: 'warning', code: 'LAYER_STORED', message });
}

async function convertWith(
  context: LayerContext,
  job: LayerJob,
  packer: LayerPacker,
  call: CallOptions,
  refers: boolean,
): Promise<ConvertedLayer> {
  const { number } = job;
  const upload = beginUpload(context, job, packer, call);
  if (context.options.keepTarRecipe) {
    packer.logStructure();
    packer.learnCompression();
  }
  try {
    const { packed, ended: sealed } = await packLayer(context, job, packer, call, () => packer.seal());
    const stats = { ...packed.stats, blobBytes: sealed.size };
    const { cache } = context;
    // The file is removed when its upload has ended, so it is read before.
    const record =
      cache?.isWritten === true
        ? await recordOfLayer(cache, job, packed, sealed, { path: context.blobPath(number), refers }, call)
        : undefined;
    const recipe = context.options.keepTarRecipe
      ? await keptRecipe(
          context,
          job,
          { packed, sealed, structure: packer.structure(), compression: packer.compression() },
          call,
        )
      : undefined;
    const pushed = pushBlob(context, number, sealed, upload, stats, call);
    return { number, refers, sealed, stats, pushed, record, isCached: false, recipe };
  } catch (error) {
    packer.abort();
    upload.close();
    throw error;
  }
}

/** The code that makes recipes is loaded only for a run that keeps them. */
async function keptRecipe(
  context: LayerContext,
  job: LayerJob,
  tar: PackedTar,
  call: CallOptions,
): Promise<FramedRecipe | undefined> {
  const { recipeOfLayer } = await import('./layer-recipe.js');
  return recipeOfLayer(context, job, tar, call);
}

/** Fetches a layer, verifies it, has it packed, and ends it. An abort of the call and a failure end the packer. */
export async function packLayer<T>(
  context: LayerContext,
  job: LayerJob,
  packer: LayerPacker,
  call: CallOptions,
  end: () => T | Promise<T>,
): Promise<{ readonly packed: PackedLayer; readonly ended: T }> {
  const { number, descriptor } = job;
  const abort = (): void => {
    packer.abort();
  };
  call.signal?.addEventListener('abort', abort, { once: true });
  try {
    await feed(context, job, packer, call);
    const packed = await packer.finish();
    compareWithPromise(context, job, packed);
    for (const { code, message } of packed.warnings) {
      call.reporter?.emit({ type: 'warning', code, message: `layer ${number + 1}: ${message}` });
    }
    return { packed, ended: await end() };
  } catch (error) {
    packer.abort();
    // Wrong bytes may fail to parse before their digest shows that they are wrong, so a mirror that sent them is distrusted.
    if (error instanceof FormatError && isMirrored(context.source))
      context.source.distrust(descriptor, error.message, call);
    throw error;
  } finally {
    call.signal?.removeEventListener('abort', abort);
  }
}

function beginUpload(
  context: LayerContext,
  { number, descriptor }: LayerJob,
  packer: LayerPacker,
  call: CallOptions,
): LayerUpload {
  const { target, options } = context;
  const blob = new GrowingFile(context.blobPath(number), (size) => packer.grown(size));
  const note = new UploadNote(target, descriptor.digest, formatLine(options));
  return new LayerUpload(target, blob, note, call, (done, total) => {
    progress(context, number, 'push', done, total, call);
  });
}

/** The blob in its file, whose reading counts as progress of the layer. */
export function blobContent(
  context: LayerContext,
  layer: number,
  { size }: SealedBlob,
  call: CallOptions,
): ReplayableContent {
  const path = context.blobPath(layer);
  return {
    size,
    open: (range) =>
      counted(readFileRange(path, range), (done) => {
        progress(context, layer, 'push', (range?.start ?? 0) + done, size, call);
      }),
  };
}

/** Starts the upload of a sealed blob, and removes its file when the target has it. */
function pushBlob(
  context: LayerContext,
  layer: number,
  sealed: SealedBlob,
  upload: LayerUpload,
  stats: PackStats,
  call: CallOptions,
): Promise<PushOutcome> {
  const { digest, size } = sealed;
  const path = context.blobPath(layer);
  const content = blobContent(context, layer, sealed, call);
  const { platform, uploads } = context;
  const descriptor = { mediaType: MEDIA.nydusBlob, digest, size };
  const sending = uploads.push(descriptor, content, (own) => upload.finish(descriptor, content, own));
  const pushed = sending.then(async (outcome) => {
    await rm(path, { force: true });
    call.reporter?.emit({ type: 'layer.done', platform, layer, stats, outcome });
    return outcome;
  });
  // `settle` reports a failure. `upload` stays unfinished when another layer sends the same blob.
  pushed
    .catch(() => undefined)
    .finally(() => {
      upload.close();
    });
  return pushed;
}

/** Streams the layer into the packer, and into the target if that needs it. */
async function feed(
  context: LayerContext,
  job: LayerJob,
  packer: LayerPacker,
  call: CallOptions,
): Promise<void> {
  const { number, descriptor } = job;
  const content: ReplayableContent = {
    size: descriptor.size,
    open: (range) => context.source.fetch(descriptor, { ...call, range }),
  };
  let stream: ByteStream;
  if (context.placesLayers && !context.uploads.has(descriptor.digest)) {
    const shared = shareContent(content, { budget: context.copying });
    stream = shared.main;
    if (shared.verified === descriptor.digest) packer.spareDigest(descriptor.digest);
    void context.uploads
      .once(descriptor.digest, () => placeSourceLayer(context, job, shared.side, call))
      .catch(() => undefined) // `settle` reports it
      .then(() => {
        shared.release();
      });
  } else {
    // The packer computes the digest anyway, and `compareWithPromise` checks it before anything is named.
    stream = context.source.fetch(descriptor, { ...call, digestedByCaller: true });
  }
  let packed = 0;
  const pulled = counted(stream, (done) => {
    progress(context, number, 'pull', done, descriptor.size, call);
  });
  for await (const bytes of pulled) {
    const { length } = bytes;
    await packer.write(bytes);
    packed += length;
    progress(context, number, 'pack', packed, descriptor.size, call);
  }
}

function compareWithPromise(
  { layerCount }: LayerContext,
  { number, descriptor, diffIds }: LayerJob,
  { source, diffId }: PackedLayer,
): void {
  const place = `layer ${number + 1} of ${layerCount} (${descriptor.digest})`;
  const { digest = descriptor.digest } = source;
  if (digest !== descriptor.digest || source.size !== descriptor.size) {
    throw new ContentMismatchError(`${place}: ${source.size} bytes with digest ${digest} were read`);
  }
  const wrong = diffIds.find((promised) => promised !== diffId);
  if (wrong !== undefined) {
    throw new ContentMismatchError(
      `${place}: its content has diffID ${diffId}, the config promises ${wrong}`,
      {
        hint: 'the image contradicts itself; push it again from the place where it was built',
      },
    );
  }
}
