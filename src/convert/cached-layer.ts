/**
 * Takes a layer from the build cache: asks whether the target has the blob, reads the end of it, and lets the packer read the layer
 * back. The source layer is not read, except for its copy into a merged index.
 */
import { createHash } from 'node:crypto';
import { type CachedBlob, type CacheRecord, recordOf } from '../cache/record.js';
import { FormatError, NydusError } from '../errors.js';
import { readFileRange } from '../io/file-range.js';
import { collect, counted, measure, type ReplayableContent } from '../io/streams.js';
import type { Descriptor } from '../oci/descriptor.js';
import { digestFromHex, sha256 } from '../oci/digest.js';
import { MEDIA } from '../oci/media-types.js';
import type { PackedLayer } from '../native/layer.js';
import type { SealedBlob } from '../native/packer.js';
import { type ContentSource, isMountable, type PushOutcome } from '../registry/stores/store.js';
import type { CallOptions, PackStats } from '../reporter.js';
import type { ConvertedLayer, LayerContext, LayerJob } from './layer.js';
import { copySourceLayer, progress } from './layer-copy.js';
import type { RunCache } from './run-cache.js';

/** Undefined when the cache has nothing of use for this layer. */
export async function cachedLayer(
  context: LayerContext,
  job: LayerJob,
  call: CallOptions,
): Promise<ConvertedLayer | undefined> {
  const { cache } = context;
  const found = cache?.find(job.descriptor.digest);
  if (cache === undefined || found === undefined) return undefined;
  // A config that promises another diffID is an error, which only a conversion finds.
  if (job.diffIds.some((promised) => promised !== found.diffId)) return undefined;
  try {
    return await recall(context, job, { cache, found }, call);
  } catch (error) {
    call.signal?.throwIfAborted();
    if (!(error instanceof NydusError)) throw error;
    cache.passOver(`blob ${found.blob.digest}: ${error.message}`, call, error);
    return undefined;
  }
}

interface Found {
  readonly cache: RunCache;
  readonly found: CachedBlob;
}

async function recall(
  context: LayerContext,
  job: LayerJob,
  { cache, found }: Found,
  call: CallOptions,
): Promise<ConvertedLayer> {
  const { target, packer, uploads, options, platform } = context;
  const { number, descriptor } = job;
  const blob: Descriptor = { mediaType: MEDIA.nydusBlob, ...found.blob };
  const isThere = uploads.has(blob.digest) || (await target.exists(blob, call));
  const bytes = await endOf(
    isThere && !uploads.has(blob.digest) ? target : cache.store,
    blob,
    { cache, found },
    call,
  );
  const layer = await packer.recall(number, { ...found.blob, bytes, entered: found.entered });
  const stats: PackStats = {
    sourceBytes: 0,
    tarBytes: 0,
    blobBytes: blob.size,
    entries: layer.inodes,
    chunks: layer.chunkCount,
    newChunks: layer.newChunkCount,
    duplicateBytes: 0,
  };
  if (options.mergePlatform && !uploads.has(descriptor.digest)) copySourceLayer(context, job, call);
  const content: ReplayableContent = {
    size: blob.size,
    open: (range) =>
      counted(cache.store.fetch(blob, { ...uploads.call, range }), (done) => {
        progress(context, number, 'push', (range?.start ?? 0) + done, blob.size, call);
      }),
  };
  const placing = isThere
    ? uploads.once(blob.digest, () => Promise.resolve('present'))
    : uploads.push(blob, content, (own) => bringOver(context, cache, { blob, content }, own));
  const pushed = placing.then((outcome) => {
    call.reporter?.emit({ type: 'layer.done', platform, layer: number, stats, outcome });
    return outcome;
  });
  pushed.catch(() => undefined); // `settle` reports it
  const sealed: SealedBlob = { ...found.blob, blobMeta: layer.blobMeta, batches: 0, entered: found.entered };
  return { number, refers: false, sealed, stats, pushed, record: recordOf(found), isCached: true };
}

/** Mounts the blob from the cache's repository, or copies it; the copy is verified. */
async function bringOver(
  { target }: LayerContext,
  cache: RunCache,
  { blob, content }: { readonly blob: Descriptor; readonly content: ReplayableContent },
  call: CallOptions,
): Promise<PushOutcome> {
  try {
    if (isMountable(target) && (await target.mount(blob, cache.store.place, call))) return 'mounted';
    return await target.push(blob, content, call);
  } catch (error) {
    if (call.signal?.aborted !== true) cache.fault(error);
    throw error;
  }
}

/** Reads the end of the blob, or all of it to verify it. */
async function endOf(
  store: ContentSource,
  blob: Descriptor,
  { cache, found }: Found,
  call: CallOptions,
): Promise<Buffer> {
  const { start, digest } = found.tail;
  if (cache.verify) await measure(store.fetch(blob, call));
  const range = { start, end: blob.size };
  const bytes = await collect(
    store.fetch(blob, { ...call, range }),
    blob.size - start,
    `the end of blob ${blob.digest}`,
  );
  if (bytes.length !== blob.size - start || sha256(bytes) !== digest) {
    throw new FormatError(`the end of blob ${blob.digest} is not what the cache says`);
  }
  return bytes;
}

/** Makes the record of a blob that was just sealed, whose file is `path`. */
export async function recordOfLayer(
  cache: RunCache,
  { descriptor }: LayerJob,
  { diffId, dataSize }: PackedLayer,
  { digest, size, entered }: SealedBlob,
  path: string,
): Promise<CacheRecord | undefined> {
  const hash = createHash('sha256');
  for await (const bytes of readFileRange(path, { start: dataSize, end: size })) hash.update(bytes);
  return recordOf({
    blob: { digest, size },
    source: descriptor.digest,
    key: cache.key(descriptor.digest),
    diffId,
    tail: { start: dataSize, digest: digestFromHex(hash.digest('hex')) },
    entered,
  });
}
