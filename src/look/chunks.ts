/**
 * Reads chunks out of blobs by range. Neighbouring chunks share a request, several requests run at once, and the next
 * stretch of chunks is fetched while the caller uses the one before. Every chunk's size and digest are checked before
 * the caller gets it.
 */
import { ContentMismatchError, FormatError, UnsupportedError } from '../errors.js';
import { mapOrdered } from '../io/concurrency.js';
import { collect } from '../io/streams.js';
import { decompress, inflateContext } from '../native/codec.js';
import { openBlobVerifier } from '../native/verifier.js';
import type { Descriptor } from '../oci/descriptor.js';
import { blobFeatures, MAX_CHUNK_SIZE } from '../rafs-builder/layout/v6.js';
import type { BlobRecord, ChunkRecord, ChunkTable, DigesterName } from '../rafs-builder/model/tree.js';
import type { ContentSource } from '../registry/stores/store.js';
import type { CallOptions } from '../reporter.js';
import type { ChunkContext } from './contexts.js';

/** A chunk and its place. */
export interface LocatedChunk {
  readonly record: ChunkRecord;
  /** The blob's record in the bootstrap. */
  readonly blob: BlobRecord;
  /** The file that holds the chunk: the blob, as the manifest describes it, or an original layer. */
  readonly layer: Descriptor;
  /** The place of a chunk that stays in a gzip layer. */
  readonly context?: ChunkContext | undefined;
}

/** A chunk, and its index in its blob. */
export type IndexedChunk = LocatedChunk & { readonly index: number };

/** Uncompressed bytes of a stretch, the unit of reading ahead. */
const STRETCH = 8 * 1024 * 1024;
/**
 * Two chunks share a request if at most this many bytes lie between them, since reading these costs less than a
 * request.
 */
const GAP = 16 * 1024;
/** The longest range of one request. */
const MAX_RANGE = 8 * 1024 * 1024;
/** Requests in flight. */
const CONCURRENCY = 4;

/** Where stored chunks are fetched. */
export type ChunkStore = Pick<ContentSource, 'fetch'>;

/**
 * Yields the uncompressed bytes of each chunk, in order. Throws ContentMismatchError for a chunk whose digest is wrong. Calls that
 * share `inflated` inflate the contexts of gzip layers less often.
 */
export async function* readChunks(
  store: ChunkStore,
  chunks: readonly LocatedChunk[],
  call: CallOptions,
  inflated = new Inflated(),
): AsyncGenerator<Buffer> {
  let ahead: Promise<Buffer[]> | undefined;
  try {
    for (const stretch of stretchesOf(chunks)) {
      const next = readStretch(store, stretch, inflated, call);
      // `next` is awaited one round later; until then its failure must not count as unhandled.
      next.catch(() => undefined);
      if (ahead !== undefined) yield* await ahead;
      ahead = next;
    }
    if (ahead !== undefined) yield* await ahead;
  } finally {
    await ahead?.catch(() => undefined);
  }
}

function* stretchesOf(chunks: readonly LocatedChunk[]): Generator<readonly LocatedChunk[]> {
  let stretch: LocatedChunk[] = [];
  let size = 0;
  let contexts = new Set<string>();
  for (const chunk of chunks) {
    const { context, record } = chunk;
    const key = context === undefined ? undefined : contextKey(chunk.layer, context);
    // A context is in memory as a whole, however few of its bytes are needed.
    const cost =
      context === undefined || key === undefined
        ? record.uncompressedSize
        : contexts.has(key)
          ? 0
          : context.size;
    if (stretch.length > 0 && size + cost > STRETCH) {
      yield stretch;
      [stretch, size, contexts] = [[], 0, new Set()];
    }
    stretch.push(chunk);
    if (key !== undefined) contexts.add(key);
    size += cost;
  }
  if (stretch.length > 0) yield stretch;
}

/**
 * Fetches the stored bytes of chunks; of a chunk in a batch, those of the whole batch. Throws before anything is requested for a
 * chunk that cannot be, or that is of a kind that is not read.
 */
export async function storedBytes(
  store: ChunkStore,
  stretch: readonly LocatedChunk[],
  call: CallOptions,
): Promise<ReadonlyMap<LocatedChunk, Buffer>> {
  for (const chunk of stretch) checkPlace(chunk);
  const ranges = planRanges(stretch);
  const stored = new Map<LocatedChunk, Buffer>();
  await mapOrdered(
    ranges,
    CONCURRENCY,
    async ({ layer, start, end, chunks }, _, signal) => {
      const bytes = await collect(
        store.fetch(layer, { ...call, signal, range: { start, end } }),
        end - start,
        `range of blob ${layer.digest}`,
      );
      if (bytes.length !== end - start) {
        throw new ContentMismatchError(
          `blob ${layer.digest}: ${bytes.length} bytes came for the range of ${end - start} at ${start}`,
        );
      }
      for (const chunk of chunks) {
        const { offset, size } = placeOf(chunk);
        stored.set(chunk, bytes.subarray(offset - start, offset - start + size));
      }
    },
    call.signal,
  );
  return stored;
}

async function readStretch(
  store: ChunkStore,
  stretch: readonly LocatedChunk[],
  inflated: Inflated,
  call: CallOptions,
): Promise<Buffer[]> {
  for (const chunk of stretch) checkPlace(chunk);
  const outputs = inflated.outputs(stretch);
  const isThere = ({ layer, context }: LocatedChunk): boolean =>
    context !== undefined && outputs.has(contextKey(layer, context));
  const missing = stretch.filter((chunk) => !isThere(chunk));
  const stored = await storedBytes(store, missing, call);
  const batches = new Map<string, Promise<Buffer>>();
  const decoded = await Promise.all(
    stretch.map((chunk) => {
      const bytes = stored.get(chunk);
      return chunk.context === undefined
        ? decode(chunk, bytes, batches)
        : inflatedChunk(chunk, bytes, outputs, inflated);
    }),
  );
  await verify(stretch, decoded);
  return decoded;
}

/** One request: chunks of one blob, in order of their offsets. */
export interface RangePlan {
  readonly layer: Descriptor;
  readonly start: number;
  readonly end: number;
  readonly chunks: readonly LocatedChunk[];
}

/** Plans as few requests as the gaps between the chunks allow; a chunk that occurs twice is read once. */
export function planRanges(chunks: readonly LocatedChunk[]): RangePlan[] {
  const sorted = [...chunks].sort(
    (a, b) =>
      (a.layer.digest < b.layer.digest ? -1 : a.layer.digest > b.layer.digest ? 1 : 0) ||
      placeOf(a).offset - placeOf(b).offset,
  );
  const plans: { layer: Descriptor; start: number; end: number; chunks: LocatedChunk[] }[] = [];
  for (const chunk of sorted) {
    const { offset: start, size } = placeOf(chunk);
    const end = start + size;
    const last = plans.at(-1);
    const joins =
      last !== undefined &&
      last.layer.digest === chunk.layer.digest &&
      start - last.end <= GAP &&
      Math.max(end, last.end) - last.start <= MAX_RANGE;
    if (joins) {
      last.end = Math.max(last.end, end);
      last.chunks.push(chunk);
    } else {
      plans.push({ layer: chunk.layer, start, end, chunks: [chunk] });
    }
  }
  return plans;
}

/** Refuses impossible chunks before anything is requested or allocated for them. */
function checkPlace(chunk: LocatedChunk): void {
  const { record, blob, layer } = chunk;
  for (const feature of ['ENCRYPTED', 'EXTERNAL', 'TARFS'] as const) {
    if (blobFeatures.has(blob.features, feature)) {
      throw new UnsupportedError(`blob ${layer.digest}: chunks of blobs marked ${feature} are not read yet`);
    }
  }
  const { uncompressedSize } = record;
  const { offset: compressedOffset, size: compressedSize } = placeOf(chunk);
  if (uncompressedSize > MAX_CHUNK_SIZE || compressedSize > 2 * MAX_CHUNK_SIZE) {
    throw new FormatError(
      `blob ${layer.digest}: a chunk of ${uncompressedSize} bytes, stored in ${compressedSize}`,
    );
  }
  if (compressedOffset + compressedSize > layer.size) {
    throw new FormatError(
      `blob ${layer.digest}: the chunk at ${compressedOffset} ends behind the blob, which has ${layer.size} bytes`,
    );
  }
}

/** The bytes to fetch for a chunk: a batch is fetched whole, and so is what a context inflates. */
function placeOf({ record, context }: LocatedChunk): { readonly offset: number; readonly size: number } {
  if (context !== undefined) return { offset: context.start, size: context.stored };
  return { offset: record.compressedOffset, size: record.batch?.stored ?? record.compressedSize };
}

function contextKey({ digest }: Descriptor, { number }: ChunkContext): string {
  return `${digest} ${number}`;
}

/** Bytes that are kept of contexts whose chunks do not follow one another. */
const INFLATED = 32 * 1024 * 1024;

/** The output of contexts, by their keys. */
type Outputs = Map<string, Promise<Buffer>>;

/** Remembers the last outputs: files are seldom read in the order in which a layer has them. */
export class Inflated {
  readonly #made = new Map<string, { readonly bytes: Promise<Buffer>; readonly size: number }>();
  #size = 0;

  /** What is there for these chunks. The caller holds it, since others may take its place. */
  outputs(chunks: readonly LocatedChunk[]): Map<string, Promise<Buffer>> {
    const outputs: Outputs = new Map();
    for (const { layer, context } of chunks) {
      const key = context === undefined ? undefined : contextKey(layer, context);
      const made = key === undefined ? undefined : this.#made.get(key);
      if (key !== undefined && made !== undefined) outputs.set(key, made.bytes);
    }
    return outputs;
  }

  /** What fails to be inflated is forgotten, since another attempt may fetch sound bytes. */
  add(key: string, bytes: Promise<Buffer>, size: number): void {
    this.#remove(key);
    this.#made.set(key, { bytes, size });
    this.#size += size;
    bytes.catch(() => {
      if (this.#made.get(key)?.bytes === bytes) this.#remove(key);
    });
    for (const oldest of this.#made.keys()) {
      if (this.#size <= INFLATED) return;
      this.#remove(oldest);
    }
  }

  #remove(key: string): void {
    const made = this.#made.get(key);
    if (made === undefined) return;
    this.#made.delete(key);
    this.#size -= made.size;
  }
}

/** Returns the bytes of a chunk; `stored` are those of its context, unless `outputs` has what that makes. */
async function inflatedChunk(
  { record, layer, context }: LocatedChunk,
  stored: Buffer | undefined,
  outputs: Outputs,
  inflated: Inflated,
): Promise<Buffer> {
  if (context === undefined) throw new FormatError(`blob ${layer.digest}: a chunk has no context`);
  const key = contextKey(layer, context);
  let bytes = outputs.get(key);
  if (bytes === undefined) {
    if (stored === undefined) throw new FormatError(`blob ${layer.digest}: a chunk was not read`);
    bytes = inflate(layer, context, stored);
    bytes.catch(() => undefined); // each chunk of it reports the failure
    outputs.set(key, bytes);
    inflated.add(key, bytes, context.size);
  }
  return (await bytes).subarray(context.offset, context.offset + record.uncompressedSize);
}

async function inflate(layer: Descriptor, context: ChunkContext, stored: Buffer): Promise<Buffer> {
  try {
    return await inflateContext(stored, context);
  } catch (cause) {
    if (!(cause instanceof FormatError)) throw cause;
    throw new ContentMismatchError(
      `layer ${layer.digest}: context ${context.number} cannot be inflated: ${cause.message}`,
      { cause },
    );
  }
}

/** `batches` has those that other chunks of the stretch have decompressed. */
async function decode(
  { record, blob, layer }: LocatedChunk,
  stored: Buffer | undefined,
  batches: Map<string, Promise<Buffer>>,
): Promise<Buffer> {
  if (stored === undefined) throw new FormatError(`blob ${layer.digest}: a chunk was not read`);
  const { batch } = record;
  if (batch !== undefined) {
    const key = `${layer.digest} ${record.compressedOffset}`;
    let whole = batches.get(key);
    if (whole === undefined) {
      const unbatched = { ...record, batch: undefined, uncompressedSize: batch.size };
      whole = decode({ record: unbatched, blob, layer }, stored, batches);
      batches.set(key, whole);
    }
    return (await whole).subarray(batch.offset, batch.offset + record.uncompressedSize);
  }
  // A raw chunk of the wrong length is found by its digest, like any other damage.
  if (!record.compressed || blob.compressor === 'none') return stored;
  try {
    return await decompress(stored, blob.compressor, record.uncompressedSize);
  } catch (cause) {
    if (!(cause instanceof FormatError)) throw cause;
    throw new ContentMismatchError(
      `blob ${layer.digest}: the chunk at ${record.compressedOffset} does not decompress: ${cause.message}`,
      { cause },
    );
  }
}

/**
 * Verifies a stretch as if it were a blob of uncompressed chunks, because the addon digests several chunks at a time.
 */
async function verify(stretch: readonly LocatedChunk[], decoded: readonly Buffer[]): Promise<void> {
  const faults = await digestFaults(
    stretch.map(({ record }) => record),
    decoded,
    stretch[0]?.blob.digester ?? 'blake3',
  );
  const [first] = faults;
  const chunk = first === undefined ? undefined : stretch[first.index];
  if (first === undefined || chunk === undefined) return;
  throw new ContentMismatchError(
    `blob ${chunk.layer.digest}: the chunk at ${chunk.record.compressedOffset}: ${first.message}`,
    {
      remedy: { kind: 'check-image' },
    },
  );
}

export interface DigestFault {
  readonly index: number;
  readonly message: string;
}

/** Returns the positions of pieces whose digest, checksum or length differs from their record. */
export async function digestFaults(
  records: readonly ChunkRecord[],
  pieces: readonly Buffer[],
  digester: DigesterName,
): Promise<readonly DigestFault[]> {
  let offset = 0;
  const raw = records.map((record, i): ChunkRecord => {
    const size = pieces[i]?.length ?? 0;
    const start = offset;
    offset += size;
    return { ...record, batch: undefined, compressed: false, compressedOffset: start, compressedSize: size };
  });
  const table: ChunkTable = {
    length: raw.length,
    at: (index) => {
      const record = raw[index];
      if (record === undefined) throw new RangeError(`chunk ${index} of ${raw.length}`);
      return record;
    },
  };
  const verifier = openBlobVerifier({ chunks: table, compressor: 'none', digester, threads: 1 });
  try {
    for (const piece of pieces) await verifier.write(piece);
    return (await verifier.finish()).faults;
  } catch (cause) {
    verifier.abort();
    throw cause;
  }
}
