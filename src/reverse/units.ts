/**
 * The tar of a layer as units for the addon: headers, paddings, and the stored chunks between them. Chunks are fetched by range, a
 * stretch at a time, while the addon works on the stretch before.
 */
import { storedBytes, type LocatedChunk } from '../look/chunks.js';
import type { FileInode } from '../look/filesystem.js';
import type { TarUnit } from '../native/rebuilder.js';
import { PackedChunkTable } from '../native/tables.js';
import type { RawPath } from '../oci/raw-name.js';
import type { FilePart } from '../recipe/decode.js';
import type { ChunkTable } from '../rafs-builder/model/tree.js';
import type { ContentSource } from '../registry/stores/store.js';
import type { CallOptions } from '../reporter.js';
import { Pace } from '../turns.js';
import type { LayerFile } from './entries.js';
import { TAR_END, tarEntry, tarPadding } from './tar-entry.js';

/** Bytes of the tar that are fetched together. */
const STRETCH = 4 * 1024 * 1024;
/** Bytes of a unit, unless one chunk has more. */
const UNIT = 1024 * 1024;
/** What a chunk weighs that follows itself. */
const REPETITION = 256;

export interface UnitSource {
  readonly store: ContentSource;
  readonly locate: (file: FileInode, path: RawPath) => readonly LocatedChunk[];
  /** Called for an entry that no tar can hold. */
  readonly onSocket: (path: RawPath) => void;
}

/** A part of a chunk. */
interface CutChunk {
  readonly chunk: LocatedChunk;
  readonly from: number;
  readonly to: number;
}

/** A part of the tar: bytes, a chunk, or a part of one. */
type Piece = Buffer | LocatedChunk | CutChunk;

/** The canonical tar. Throws what fetching throws, and FormatError for files whose chunks cannot be. */
export function tarUnits(
  entries: Iterable<LayerFile | undefined>,
  source: UnitSource,
  call: CallOptions,
): AsyncGenerator<TarUnit> {
  return unitsOfPieces(piecesOf(entries, source), source.store, call);
}

/** The tar of a recipe. Throws as `tarUnits` does, and FormatError for a recipe of another layer. */
export function recipeUnits(
  parts: Iterable<Buffer | FilePart | undefined>,
  { locate, store }: Pick<UnitSource, 'locate' | 'store'>,
  call: CallOptions,
): AsyncGenerator<TarUnit> {
  return unitsOfPieces(piecesOfParts(parts, locate), store, call);
}

async function* unitsOfPieces(
  pieces: Iterable<Piece | undefined>,
  store: ContentSource,
  call: CallOptions,
): AsyncGenerator<TarUnit> {
  let ahead: Promise<Fetched> | undefined;
  const pace = new Pace(call.signal);
  try {
    for (const stretch of stretchesOf(pieces)) {
      if (pace.isDue) await pace.turn();
      if (stretch === undefined) continue;
      const next = fetchStretch(stretch, store, call);
      // `next` is awaited one round later; until then its failure must not count as unhandled.
      next.catch(() => undefined);
      if (ahead !== undefined) yield* unitsOf(await ahead);
      ahead = next;
    }
    if (ahead !== undefined) yield* unitsOf(await ahead);
  } finally {
    await ahead?.catch(() => undefined);
  }
}

/** A stretch of the tar with the stored bytes of its chunks. */
interface Fetched {
  readonly pieces: readonly Piece[];
  readonly stored: ReadonlyMap<LocatedChunk, Buffer>;
}

async function fetchStretch(
  pieces: readonly Piece[],
  store: ContentSource,
  call: CallOptions,
): Promise<Fetched> {
  const chunks = pieces.flatMap((piece) => chunkOf(piece) ?? []);
  return { pieces, stored: await storedBytes(store, [...new Set(chunks)], call) };
}

function* piecesOf(
  entries: Iterable<LayerFile | undefined>,
  { locate, onSocket }: UnitSource,
): Generator<Piece | undefined> {
  for (const entry of entries) {
    if (entry === undefined) {
      yield undefined;
      continue;
    }
    const { path, inode, link } = entry;
    const header = tarEntry(path, inode, link);
    if (header === undefined) {
      onSocket(path);
      continue;
    }
    yield header;
    if (inode.kind !== 'file' || link !== undefined || inode.size === 0) continue;
    yield* locate(inode, path);
    const padding = tarPadding(inode.size);
    if (padding.length > 0) yield padding;
  }
  yield TAR_END;
}

function* piecesOfParts(
  parts: Iterable<Buffer | FilePart | undefined>,
  locate: UnitSource['locate'],
): Generator<Piece | undefined> {
  /** The last file that came in parts, which come one after the other. */
  let last: { readonly file: FileInode; readonly chunks: readonly LocatedChunk[] } | undefined;
  for (const part of parts) {
    if (part === undefined || !('file' in part)) {
      yield part;
      continue;
    }
    const { file, path, start, end } = part;
    if (start === 0 && end === file.size) {
      yield* locate(file, path);
      continue;
    }
    if (last?.file !== file) last = { file, chunks: locate(file, path) };
    yield* cutChunks(last.chunks, start, end);
  }
}

/** The chunks of a file that hold a part of it, the first and the last one cut. */
function* cutChunks(chunks: readonly LocatedChunk[], start: number, end: number): Generator<Piece> {
  // All chunks of a file but the last have one size.
  const size = chunks[0]?.record.uncompressedSize ?? 1;
  for (let i = Math.floor(start / size); i * size < end; i++) {
    const chunk = chunks[i];
    if (chunk === undefined) return;
    const [from, to] = [
      Math.max(0, start - i * size),
      Math.min(chunk.record.uncompressedSize, end - i * size),
    ];
    if (from === 0 && to === chunk.record.uncompressedSize) yield chunk;
    else if (from < to) yield { chunk, from, to };
  }
}

function* stretchesOf(pieces: Iterable<Piece | undefined>): Generator<readonly Piece[] | undefined> {
  let stretch: Piece[] = [];
  let size = 0;
  for (const piece of pieces) {
    if (piece === undefined) {
      yield undefined;
      continue;
    }
    // A hole is one chunk over and over, which is fetched once.
    const bytes = piece === stretch.at(-1) ? REPETITION : sizeOf(piece);
    if (stretch.length > 0 && size + bytes > STRETCH) {
      yield stretch;
      [stretch, size] = [[], 0];
    }
    stretch.push(piece);
    size += bytes;
  }
  if (stretch.length > 0) yield stretch;
}

function sizeOf(piece: Piece): number {
  return Buffer.isBuffer(piece) ? piece.length : (chunkOf(piece)?.record.uncompressedSize ?? 0);
}

function chunkOf(piece: Piece): LocatedChunk | undefined {
  if (Buffer.isBuffer(piece)) return undefined;
  return 'chunk' in piece ? piece.chunk : piece;
}

/** Cuts a stretch where a unit is full, or where chunks of another blob begin. */
function* unitsOf({ pieces, stored }: Fetched): Generator<TarUnit> {
  let unit: Piece[] = [];
  let size = 0;
  let blob: LocatedChunk | undefined;
  for (const piece of pieces) {
    const bytes = sizeOf(piece);
    const chunk = chunkOf(piece);
    const isOther = blob !== undefined && chunk !== undefined && chunk.layer.digest !== blob.layer.digest;
    if (unit.length > 0 && (isOther || size + bytes > UNIT)) {
      yield unitOf(unit, stored);
      [unit, size, blob] = [[], 0, undefined];
    }
    unit.push(piece);
    size += bytes;
    blob = chunk ?? blob;
  }
  yield unitOf(unit, stored);
}

function unitOf(pieces: readonly Piece[], stored: ReadonlyMap<LocatedChunk, Buffer>): TarUnit {
  const chunks = pieces.flatMap((piece) => chunkOf(piece) ?? []);
  const [first] = chunks;
  const cuts: number[] = [];
  let position = 0;
  const literals: Buffer[] = [];
  const steps: number[] = [];
  for (const piece of pieces) {
    const isRunning = steps.length > 0 && steps.at(-1) === 0;
    if (!Buffer.isBuffer(piece)) {
      if ('chunk' in piece) cuts.push(position, piece.from, piece.to);
      position++;
      if (steps.length === 0) steps.push(0, 0);
      steps[steps.length - 1] = (steps.at(-1) ?? 0) + 1;
      continue;
    }
    literals.push(piece);
    if (isRunning) steps[steps.length - 2] = (steps.at(-2) ?? 0) + piece.length;
    else steps.push(piece.length, 0);
  }
  const ranges = rangesOf(chunks, stored);
  return {
    blob: first?.layer.digest ?? '',
    compressor: first?.blob.compressor ?? 'none',
    digester: first?.blob.digester ?? 'blake3',
    literals: Buffer.concat(literals),
    steps: words(steps),
    chunks: PackedChunkTable.from(tableOf(chunks)).bytes,
    cuts: words(cuts),
    ranges: ranges.map(({ bytes }) => bytes),
    starts: ranges.map(({ start }) => start),
  };
}

/** The stored bytes of the chunks, each once, in the order of the blob. */
function rangesOf(
  chunks: readonly LocatedChunk[],
  stored: ReadonlyMap<LocatedChunk, Buffer>,
): readonly { readonly start: number; readonly bytes: Buffer }[] {
  const byOffset = new Map<number, Buffer>();
  for (const chunk of new Set(chunks)) {
    const bytes = stored.get(chunk);
    const known = byOffset.get(chunk.record.compressedOffset);
    if (bytes !== undefined && (known === undefined || known.length < bytes.length))
      byOffset.set(chunk.record.compressedOffset, bytes);
  }
  return [...byOffset].sort(([a], [b]) => a - b).map(([start, bytes]) => ({ start, bytes }));
}

function tableOf(chunks: readonly LocatedChunk[]): ChunkTable {
  return {
    length: chunks.length,
    at: (index) => {
      const chunk = chunks[index];
      if (chunk === undefined) throw new RangeError(`chunk ${index} of ${chunks.length}`);
      return chunk.record;
    },
  };
}

function words(numbers: readonly number[]): Buffer {
  const bytes = Buffer.alloc(numbers.length * 4);
  for (const [i, value] of numbers.entries()) bytes.writeUInt32LE(value, i * 4);
  return bytes;
}
