/**
 * Takes a layer from the build cache: asks whether the target has the blob, gets the end of it, and lets the packer read the layer
 * back. The source layer is not read, except for its copy into a merged index.
 */
import { createHash } from 'node:crypto';
import { type CacheRecord, recordOf } from '../cache/record.js';
import { NydusError } from '../errors.js';
import { readFileRange } from '../io/file-range.js';
import { counted, type ReplayableContent } from '../io/streams.js';
import type { Descriptor } from '../oci/descriptor.js';
import { digestFromHex } from '../oci/digest.js';
import { MEDIA } from '../oci/media-types.js';
import type { PackedLayer } from '../native/layer.js';
import type { ReservedLayer, SealedBlob } from '../native/packer.js';
import { isMountable, type PushOutcome } from '../registry/stores/store.js';
import type { CallOptions, PackStats } from '../reporter.js';
import { cachedEnd } from './cached-end.js';
import type { CompleteBlob, ConvertedLayer, LayerContext, LayerJob } from './layer.js';
import { copySourceLayer, progress } from './layer-copy.js';
import type { FoundBlob, RunCache } from './run-cache.js';

/** What the build cache has for a layer, whose place among the layers is taken. */
export interface Found {
  readonly cache: RunCache;
  readonly found: FoundBlob;
  readonly place: ReservedLayer;
}

/** Undefined when the record is of no use for this layer. */
export async function cachedLayer(
  context: LayerContext,
  job: LayerJob,
  own: Found,
  call: CallOptions,
): Promise<ConvertedLayer | undefined> {
  const { cache, found } = own;
  const diffId = found.cached?.diffId;
  // A config that promises another diffID is an error, which only a conversion finds.
  if (diffId !== undefined && job.diffIds.some((promised) => promised !== diffId)) return undefined;
  try {
    return await recall(context, job, own, call);
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
  { cache, found, place }: Found,
  call: CallOptions,
): Promise<ConvertedLayer | undefined> {
  const { target, uploads, options, platform } = context;
  const { number, descriptor } = job;
  const { digest, size } = found.blob;
  const blob: Descriptor = { mediaType: MEDIA.nydusBlob, digest, size };
  const isThere = uploads.has(digest) || (await target.exists(blob, call));
  const origin = isThere && !uploads.has(digest) ? target : cache.store;
  if (!isThere && !(await cache.hasBlob(found, call))) return undefined;
  const held = isThere ? undefined : await cache.blobHere(found.blob, call);
  if (!isThere && held === undefined && !cache.isRemote(found.cached)) return undefined;
  const end = await cachedEnd(cache, found, { blob, origin, held, format: options }, call);
  const layer = await place.recall({ digest, size, bytes: end, entered: found.cached?.entered ?? 'none' });
  if (layer === undefined) return undefined;
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
  const isCopied = options.mergePlatform && !uploads.has(descriptor.digest);
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
  return { number, refers: false, sealed, stats, pushed, record, isCached: true, isSpared };
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

/** Makes the record of a blob that was just sealed, whose file is `path`, and keeps both in the folder. */
export async function recordOfLayer(
  cache: RunCache,
  { descriptor, keys }: LayerJob,
  { diffId, dataSize }: PackedLayer,
  { digest, size, entered, refersToLower, refersToDictionary }: SealedBlob,
  path: string,
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
    standsAlone: !refersToLower && !refersToDictionary,
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
