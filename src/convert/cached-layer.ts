/**
 * Takes a layer from the build cache: lets the packer read the layer back from the end of its blob, and brings the blob into the
 * target. The source layer is not read, except for its copy into a merged index.
 */
import { createHash } from 'node:crypto';
import { type CacheRecord, recordOf } from '../cache/record.js';
import { NydusError } from '../errors.js';
import { orAborted } from '../io/abort.js';
import { readFileRange } from '../io/file-range.js';
import { counted, type ReplayableContent } from '../io/streams.js';
import type { Descriptor } from '../oci/descriptor.js';
import { digestFromHex } from '../oci/digest.js';
import { MEDIA } from '../oci/media-types.js';
import type { PackedLayer } from '../native/layer.js';
import type { ReservedLayer, SealedBlob } from '../native/packer.js';
import { isMountable, type PushOutcome } from '../registry/stores/store.js';
import type { CallOptions, PackStats } from '../reporter.js';
import type { AskedBlob } from './cached-end.js';
import {
  type CompleteBlob,
  type ConvertedLayer,
  type LayerContext,
  type LayerJob,
  warnOfStored,
} from './layer.js';
import { copySourceLayer, progress } from './layer-copy.js';
import type { AheadBlob } from './look-ahead.js';
import type { RunCache } from './run-cache.js';

/** Undefined when the record is of no use for this layer. `place` is the layer's place among the layers. */
export async function cachedLayer(
  context: LayerContext,
  job: LayerJob,
  blob: AheadBlob,
  place: ReservedLayer,
  call: CallOptions,
): Promise<ConvertedLayer | undefined> {
  const { cache, found } = blob;
  try {
    const asked = await orAborted(blob.asked, call.signal);
    return asked === undefined ? undefined : await recall(context, job, { ...blob, place }, asked, call);
  } catch (error) {
    call.signal?.throwIfAborted();
    if (!(error instanceof NydusError)) throw error;
    cache.passOver(`blob ${found.blob.digest}: ${error.message}`, call, error);
    return undefined;
  }
}

async function recall(
  context: LayerContext,
  job: LayerJob,
  { cache, found, place }: Pick<AheadBlob, 'cache' | 'found'> & { readonly place: ReservedLayer },
  { isThere, held, end }: AskedBlob,
  call: CallOptions,
): Promise<ConvertedLayer | undefined> {
  const { target, uploads, options, platform } = context;
  const { number, descriptor } = job;
  const { digest, size } = found.blob;
  const blob: Descriptor = { mediaType: MEDIA.nydusBlob, digest, size };
  const mayRefer = options.ociRef !== 'off';
  const layer = await place.recall({
    digest,
    size,
    bytes: end,
    entered: found.cached?.entered ?? 'none',
    layer: mayRefer ? { ...descriptor, isStrict: options.ociRefStrict } : undefined,
  });
  if (layer === undefined) return undefined;
  const { refers } = layer;
  if (mayRefer && !refers) warnOfStored(job, 'the build cache has them from a run that stored them', call);
  const { record } = found;
  if (record !== undefined) await cache.keepLayer(record, () => end, call);
  const stats: PackStats = {
    sourceBytes: 0,
    tarBytes: 0,
    blobBytes: size,
    entries: layer.inodes,
    chunks: layer.chunkCount,
    newChunks: layer.newChunkCount,
    duplicateBytes: 0,
  };
  const isCopied = context.placesLayers && !uploads.has(descriptor.digest);
  const copied = isCopied ? copySourceLayer(context, job, call) : Promise.resolve('present' as const);
  const isSpared = copied.then((outcome) => outcome !== 'pushed');
  const from = (range?: { readonly start: number; readonly end: number }): AsyncIterable<Uint8Array> =>
    held?.open(range) ?? (cache.store ?? target).fetch(blob, { ...uploads.call, range });
  const content: ReplayableContent = {
    size,
    open: (range) =>
      counted(from(range), (done) => {
        progress(context, number, 'push', (range?.start ?? 0) + done, size, call);
      }),
  };
  const placing = isThere
    ? uploads.once(digest, () => Promise.resolve('present'))
    : uploads.push(blob, content, (own) => bringOver(context, cache, { blob, content }, own));
  const pushed = placing.then((outcome) => {
    call.reporter?.emit({ type: 'layer.done', platform, layer: number, stats, outcome });
    return outcome;
  });
  pushed.catch(() => undefined); // `settle` reports it
  const { blobMeta, batches } = layer;
  const sealed: CompleteBlob = { digest, size, blobMeta, batches };
  return { number, refers, sealed, stats, pushed, record, isCached: true, isSpared };
}

/** Mounts the blob from the cache's repository, or copies it from the folder or from there; the copy is verified. */
async function bringOver(
  { target }: LayerContext,
  cache: RunCache,
  { blob, content }: { readonly blob: Descriptor; readonly content: ReplayableContent },
  call: CallOptions,
): Promise<PushOutcome> {
  const { store } = cache;
  try {
    const canMount = store !== undefined && isMountable(target);
    if (canMount && (await target.mount(blob, store.place, call))) return 'mounted';
    return await target.push(blob, content, call);
  } catch (error) {
    if (call.signal?.aborted !== true) cache.fault(error);
    throw error;
  }
}

/**
 * Makes the record of a blob that was just sealed, whose file is `path`, and keeps both in the folder. `refers`: its chunks stay in the
 * source layer.
 */
export async function recordOfLayer(
  cache: RunCache,
  { descriptor, keys }: LayerJob,
  { diffId, dataSize }: PackedLayer,
  { digest, size, entered, refersToLower, refersToDictionary }: SealedBlob,
  { path, refers }: { readonly path: string; readonly refers: boolean },
  call: CallOptions,
): Promise<CacheRecord | undefined> {
  const key = refersToLower ? keys?.chain : keys?.own;
  if (key === undefined) return undefined;
  const tail = { start: dataSize, end: size };
  const hash = createHash('sha256');
  for await (const bytes of readFileRange(path, tail)) hash.update(bytes);
  const record = recordOf({
    blob: { digest, size },
    source: descriptor.digest,
    standsAlone: !refersToLower && !refersToDictionary && !refers,
    key,
    diffId,
    tail: { start: dataSize, digest: digestFromHex(hash.digest('hex')) },
    entered,
  });
  if (record === undefined) return undefined;
  await cache.keepLayer(record, () => readFileRange(path, tail), call);
  await cache.keepBlob({ digest, size }, path, call);
  return record;
}
