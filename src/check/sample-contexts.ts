/**
 * Checks a sample of a gzip layer that chunks stay in: some contexts are read by range and inflated as clients do it, and their chunks are
 * digested. The layer's digest alone decides which.
 */
import { PackedChunkTable } from '../native/tables.js';
import { type BlobVerifierOptions, openBlobVerifier, type VerifierContexts } from '../native/verifier.js';
import type { Descriptor } from '../oci/descriptor.js';
import { zranContext } from '../rafs-builder/layout/blob.js';
import { chunkRecord } from '../rafs-builder/layout/wire.js';
import type { ContentSource } from '../registry/stores/store.js';
import type { CallOptions } from '../reporter.js';
import type { Collector } from './rule.js';
import { drawn } from './sample.js';

export interface SampledLayer extends Omit<BlobVerifierOptions, 'chunks' | 'contexts'> {
  readonly store: ContentSource;
  /** The layer. */
  readonly blob: Descriptor;
  readonly table: BlobVerifierOptions['chunks'];
  readonly indexes: readonly number[] | undefined;
  readonly contexts: VerifierContexts;
}

/** A context by itself, as the only one of a layer that begins with its bytes. */
interface Piece {
  readonly start: number;
  readonly end: number;
  readonly contexts: VerifierContexts;
  /** Positions of its chunks in the table. */
  readonly positions: number[];
}

export async function sampleContexts(
  sampled: SampledLayer,
  percent: number,
  collector: Collector,
  call: CallOptions,
): Promise<void> {
  const packed = PackedChunkTable.from(sampled.table);
  const pieces = piecesOf(packed, sampled);
  for (const piece of drawn(pieces, sampled.blob, percent)) {
    await collector.attempt('BLOB-LAYER-DIGEST', () => verify(sampled, packed, piece, collector, call));
  }
}

const PLACE = chunkRecord.offset.uncompressedOffset;

function piecesOf({ bytes }: PackedChunkTable, { contexts, blob }: SampledLayer): readonly Piece[] {
  const pieces = new Map<number, Piece>();
  const { bytes: all, count } = contexts;
  for (let position = 0; position * chunkRecord.size < bytes.length; position++) {
    const number = bytes.readUInt32LE(position * chunkRecord.size + PLACE + 4);
    const known = pieces.get(number);
    if (known !== undefined) known.positions.push(position);
    // Rules about the table report contexts that are not there or lie outside of the layer.
    if (known !== undefined || number >= count) continue;
    const record = Buffer.from(all.subarray(number * zranContext.size, (number + 1) * zranContext.size));
    const { inOffset: start, inSize, dictionaryOffset, dictionarySize } = zranContext.read(record, 0);
    const from = count * zranContext.size + dictionaryOffset;
    if (start + inSize > blob.size || from + dictionarySize > all.length) continue;
    record.writeBigUInt64LE(0n, zranContext.offset.inOffset);
    record.writeBigUInt64LE(0n, zranContext.offset.dictionaryOffset);
    const own = { bytes: Buffer.concat([record, all.subarray(from, from + dictionarySize)]), count: 1 };
    pieces.set(number, { start, end: start + inSize, contexts: own, positions: [position] });
  }
  return [...pieces.values()];
}

async function verify(
  { store, blob, indexes, compressor, digester, threads }: SampledLayer,
  { bytes }: PackedChunkTable,
  { start, end, contexts, positions }: Piece,
  collector: Collector,
  call: CallOptions,
): Promise<void> {
  const records = positions.map((position) => {
    const record = Buffer.from(
      bytes.subarray(position * chunkRecord.size, (position + 1) * chunkRecord.size),
    );
    record.writeUInt32LE(0, PLACE + 4);
    return record;
  });
  const chunks = new PackedChunkTable(Buffer.concat(records));
  const verifier = openBlobVerifier({ chunks, compressor, digester, threads, contexts });
  try {
    for await (const piece of store.fetch(blob, { ...call, range: { start, end } }))
      await verifier.write(piece);
    for (const { index, message } of (await verifier.finish()).faults) {
      const position = positions[index] ?? index;
      const chunk = indexes?.[position] ?? position;
      collector.report(
        'CHUNK-DATA',
        { message: `chunk ${chunk}: ${message}`, chunk },
        { ...collector.place, offset: start },
      );
    }
  } catch (cause) {
    verifier.abort();
    throw cause;
  }
}
