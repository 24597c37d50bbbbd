/**
 * The tar of a layer as units for the addon: headers, paddings, and the stored chunks between them. Chunks are fetched by range, a
 * stretch at a time, while the addon works on the stretch before.
 */
import { storedBytes, type LocatedChunk } from '../look/chunks.js';
import type { FileInode } from '../look/filesystem.js';
import type { TarUnit } from '../native/rebuilder.js';
import { PackedChunkTable } from '../native/tables.js';
import type { RawPath } from '../oci/raw-name.js';
import type { ChunkTable } from '../rafs-builder/model/tree.js';
import type { ContentSource } from '../registry/stores/store.js';
import type { CallOptions } from '../reporter.js';
import { Pace } from '../turns.js';
import type { LayerFile } from './entries.js';
import { TAR_END, tarEntry, tarPadding } from './tar-entry.js';

/** Bytes of the tar that are fetched together. */
const STRETCH = 8 * 1024 * 1024;
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

/** A part of the tar: bytes, or a chunk. */
type Piece = Buffer | LocatedChunk;

/** Throws what fetching throws, and FormatError for files whose chunks cannot be. */
export async function* tarUnits(
  entries: Iterable<LayerFile | undefined>,
  source: UnitSource,
  call: CallOptions,
): AsyncGenerator<TarUnit> {
  let ahead: Promise<Fetched> | undefined;
  const pace = new Pace(call.signal);
  try {
    for (const stretch of stretchesOf(piecesOf(entries, source))) {
      if (pace.isDue) await pace.turn();
      if (stretch === undefined) continue;
      const next = fetchStretch(stretch, source.store, call);
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
  return { pieces, stored: await storedBytes(store, [...new Set(pieces.filter(isChunk))], call) };
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
  return isChunk(piece) ? piece.record.uncompressedSize : piece.length;
}

function isChunk(piece: Piece): piece is LocatedChunk {
  return 'record' in piece;
}

/** Cuts a stretch where a unit is full, or where chunks of another blob begin. */
function* unitsOf({ pieces, stored }: Fetched): Generator<TarUnit> {
  let unit: Piece[] = [];
  let size = 0;
  let blob: LocatedChunk | undefined;
  for (const piece of pieces) {
    const bytes = sizeOf(piece);
    const isOther = blob !== undefined && isChunk(piece) && piece.layer.digest !== blob.layer.digest;
    if (unit.length > 0 && (isOther || size + bytes > UNIT)) {
      yield unitOf(unit, stored);
      [unit, size, blob] = [[], 0, undefined];
    }
    unit.push(piece);
    size += bytes;
    if (isChunk(piece)) blob = piece;
  }
  yield unitOf(unit, stored);
}

function unitOf(pieces: readonly Piece[], stored: ReadonlyMap<LocatedChunk, Buffer>): TarUnit {
  const chunks = pieces.filter(isChunk);
  const [first] = chunks;
  const literals: Buffer[] = [];
  const steps: number[] = [];
  for (const piece of pieces) {
    const isRunning = steps.length > 0 && steps.at(-1) === 0;
    if (isChunk(piece)) {
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
