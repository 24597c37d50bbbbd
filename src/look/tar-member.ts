/**
 * Reads one file out of a layer that was scanned before: it pulls the layer again up to the end of the file, and
 * verifies the bytes with the digests of the scan.
 */
import { tmpdir } from 'node:os';
import { pipeline, Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { ContentMismatchError, FormatError } from '../errors.js';
import { type Compression, SNIFF_BYTES, sniffCompression } from '../io/compression.js';
import { readFileRange } from '../io/file-range.js';
import { openScratch } from '../io/scratch.js';
import { type ByteStream, collect } from '../io/streams.js';
import { BLOCK, readHeader } from '../io/tar/header.js';
import { untilAborted } from '../native/until-aborted.js';
import { openImageScanner } from '../native/scanner.js';
import type { Descriptor } from '../oci/descriptor.js';
import type { RawPath } from '../oci/raw-name.js';
import type { ChunkRecord } from '../rafs-builder/model/tree.js';
import type { ContentSource } from '../registry/stores/store.js';
import type { CallOptions } from '../reporter.js';
import { digestFaults } from './chunks.js';
import { showPath } from './lookup.js';
import { cut } from './pieces.js';

export interface TarMember {
  readonly store: ContentSource;
  readonly layer: Descriptor;
  readonly path: RawPath;
  readonly member: {
    /** Offset of the member's header in the uncompressed tar. */
    readonly offset: number;
    /** Bytes of the file's content. */
    readonly size: number;
    readonly chunkSize: number;
  };
  /** The chunk records of the file's content. */
  readonly records: readonly ChunkRecord[];
}

/** Bytes that zlib gives at a time: of smaller buffers there are so many that memory fills before they are collected. */
const PIECE = 0x4_0000;

/** Uncompressed bytes that are verified in one step. */
const STRETCH = 8 * 1024 * 1024;

export async function* readTarMember(wanted: TarMember, call: CallOptions): ByteStream {
  let sound = false;
  try {
    for await (const bytes of verifiedPieces(wanted, contentOf(wanted, call))) {
      sound = true;
      yield bytes;
    }
    return;
  } catch (error) {
    // The header of a sparse file may look ordinary although a map of its holes follows it, so a mismatch here proves
    // nothing.
    if (sound || !(error instanceof ContentMismatchError)) throw error;
  }
  yield* verifiedPieces(wanted, viaSpool(wanted, call));
}

async function* contentOf(wanted: TarMember, call: CallOptions): ByteStream {
  const { store, layer, member } = wanted;
  const start = member.offset;
  const end = start + BLOCK + member.size;
  const compression = await sniff(store, layer, call);
  if (compression === 'zstd') {
    yield* viaSpool(wanted, call);
    return;
  }
  const stream =
    compression === 'none'
      ? store.fetch(layer, { ...call, range: { start, end } })
      : between(gunzip(store.fetch(layer, { ...call, range: { start: 0, end: layer.size } })), start, end);
  let header: Buffer | undefined = Buffer.alloc(0);
  for await (const bytes of stream) {
    if (header === undefined) {
      yield bytes;
      continue;
    }
    header = Buffer.concat([header, bytes]);
    if (header.length < BLOCK) continue;
    if (!holdsContent(header.subarray(0, BLOCK), member.size)) {
      yield* viaSpool(wanted, call);
      return;
    }
    yield header.subarray(BLOCK);
    header = undefined;
  }
}

/**
 * False for a sparse file, whose content does not simply follow the header, and for a file whose size another header
 * gives.
 */
function holdsContent(block: Buffer, size: number): boolean {
  const header = readHeader(block);
  return header?.type === '0' && header.size === size;
}

async function sniff(store: ContentSource, layer: Descriptor, call: CallOptions): Promise<Compression> {
  const range = { start: 0, end: Math.min(SNIFF_BYTES, layer.size) };
  return sniffCompression(await collect(store.fetch(layer, { ...call, range }), SNIFF_BYTES, layer.digest));
}

function gunzip(stream: ByteStream): ByteStream {
  // The reader of the result gets a failure, so the callback has nothing to do.
  return pipeline(Readable.from(stream), createGunzip({ chunkSize: PIECE }), () => undefined);
}

/** Yields the bytes from `start` to `end` of a stream, and stops reading then. */
async function* between(stream: ByteStream, start: number, end: number): ByteStream {
  let at = 0;
  for await (const bytes of stream) {
    const from = Math.max(0, start - at);
    const to = Math.min(bytes.length, end - at);
    if (from < to) yield bytes.subarray(from, to);
    at += bytes.length;
    if (at >= end) return;
  }
}

/**
 * Reads a file of a layer that only the packer can decode (zstd, sparse files): the packer writes the chunks of that file to a
 * folder, and this reads them.
 */
async function* viaSpool({ store, layer, member, records }: TarMember, call: CallOptions): ByteStream {
  await using scratch = await openScratch(tmpdir());
  const blob = scratch.file('layer');
  using packer = openImageScanner({
    chunkSize: member.chunkSize,
    dedup: 'layer',
    threads: 1,
    keep: true,
    only: member.offset,
    limits: call.limits,
    budget: call.budget,
  });
  const pack = packer.openLayer(0, blob);
  try {
    const { chunks } = await untilAborted(pack, call.signal, async () => {
      for await (const bytes of store.fetch(layer, call)) await pack.write(bytes);
      return pack.finish();
    });
    const places = new Map<string, ChunkRecord>();
    for (let i = 0; i < chunks.length; i++) {
      const record = chunks.at(i);
      places.set(record.digest.toString('hex'), record);
    }
    for (const { digest } of records) {
      const place = places.get(digest.toString('hex'));
      if (place === undefined)
        throw new FormatError(`layer ${layer.digest} does not hold what it held before`);
      const { compressedOffset: start, compressedSize } = place;
      yield* readFileRange(blob, { start, end: start + compressedSize }, call.signal);
    }
  } finally {
    pack.abort();
  }
}

/** Cuts the stream into chunks, and checks length and digest of each against its record. */
async function* verifiedPieces({ layer, path, records }: TarMember, stream: ByteStream): ByteStream {
  const fault = (message: string): ContentMismatchError =>
    new ContentMismatchError(`${showPath(path)} in layer ${layer.digest}: ${message}`);
  let done = 0;
  let pieces: Buffer[] = [];
  let held = 0;
  const flush = async (): Promise<readonly Buffer[]> => {
    const flushed = pieces;
    const [found] = await digestFaults(records.slice(done, done + flushed.length), flushed, 'blake3');
    if (found !== undefined) throw fault(found.message);
    done += flushed.length;
    [pieces, held] = [[], 0];
    return flushed;
  };
  for await (const piece of cut(
    stream,
    records.map(({ uncompressedSize }) => uncompressedSize),
  )) {
    pieces.push(piece);
    held += piece.length;
    if (held >= STRETCH) yield* await flush();
  }
  yield* await flush();
  if (done !== records.length) throw fault('it ends early');
}
