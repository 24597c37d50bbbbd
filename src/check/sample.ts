/**
 * Checks a sample of a blob: it reads some pieces of the chunk data by range, decodes and digests them. The blob's
 * digest alone decides which pieces, so two runs read the same ones; a blob with data has at least one piece.
 */
import { createHash } from 'node:crypto';
import { untilAborted } from '../native/until-aborted.js';
import { openBlobVerifier, type BlobVerifierOptions } from '../native/verifier.js';
import type { Descriptor } from '../oci/descriptor.js';
import type { ChunkTable } from '../rafs-builder/model/tree.js';
import type { ContentSource } from '../registry/stores/store.js';
import type { CallOptions } from '../reporter.js';
import type { Collector } from './rule.js';

/** Bytes of a piece, unless a single chunk is larger; a smaller piece is not worth a request. */
const PIECE_SIZE = 0x10_0000;

export interface SampledBlob extends Omit<BlobVerifierOptions, 'chunks'> {
  readonly store: ContentSource;
  readonly blob: Descriptor;
  /** Bytes of chunk data. */
  readonly dataSize: number;
  /** The chunks that can be verified; `indexes` has their numbers in the blob, unless these are the positions. */
  readonly table: ChunkTable;
  readonly indexes: readonly number[] | undefined;
}

interface Piece {
  /** Positions in the table; `to` is exclusive. */
  readonly from: number;
  readonly to: number;
  readonly start: number;
  readonly end: number;
}

export async function sampleBlob(
  sampled: SampledBlob,
  percent: number,
  collector: Collector,
  call: CallOptions,
): Promise<void> {
  for (const piece of drawn(piecesOf(sampled), sampled.blob, percent)) {
    await collector.attempt('BLOB-FRAME', () => verifyPiece(sampled, piece, collector, call));
  }
}

/**
 * Joins neighbouring chunks to pieces. It skips a chunk that is out of order; a rule about the chunk table reports
 * that.
 */
function piecesOf({ table, dataSize }: SampledBlob): readonly Piece[] {
  const pieces: Piece[] = [];
  let open: Piece | undefined;
  let last: number | undefined;
  for (let position = 0; position < table.length; position++) {
    const { compressedOffset: start, compressedSize, batch } = table.at(position);
    const end = start + compressedSize;
    // The chunks of a batch begin where it does.
    const follows = start >= (open?.end ?? 0) || (batch !== undefined && start === last);
    if (end > dataSize || !follows) continue;
    last = start;
    if (open !== undefined && open.to === position && end - open.start <= PIECE_SIZE) {
      open = { ...open, to: position + 1, end };
      pieces[pieces.length - 1] = open;
    } else {
      open = { from: position, to: position + 1, start, end };
      pieces.push(open);
    }
  }
  return pieces;
}

/** Draws some of the pieces, in the order of their places. */
export function drawn<P extends { readonly start: number }>(
  pieces: readonly P[],
  blob: Descriptor,
  percent: number,
): readonly P[] {
  const lots = pieces
    .map((piece) => ({ piece, lot: lotOf(blob, piece.start) }))
    .sort((a, b) => a.lot - b.lot);
  const count = Math.max(1, Math.round((pieces.length * percent) / 100));
  return lots
    .slice(0, count)
    .map(({ piece }) => piece)
    .sort((a, b) => a.start - b.start);
}

function lotOf({ digest }: Descriptor, offset: number): number {
  return createHash('sha256').update(`${digest} ${offset}`).digest().readUIntBE(0, 6);
}

async function verifyPiece(
  { store, blob, table, indexes, ...options }: SampledBlob,
  piece: Piece,
  collector: Collector,
  call: CallOptions,
): Promise<void> {
  const { from, to, start, end } = piece;
  const chunks: ChunkTable = {
    length: to - from,
    at: (position) => {
      const record = table.at(from + position);
      return { ...record, compressedOffset: record.compressedOffset - start };
    },
  };
  const { compressor, digester, threads } = options;
  const verifier = openBlobVerifier({ chunks, compressor, digester, threads });
  const { faults } = await untilAborted(verifier, call.signal, async () => {
    for await (const bytes of store.fetch(blob, { ...call, range: { start, end } }))
      await verifier.write(bytes);
    return verifier.finish();
  });
  for (const { index, message } of faults) {
    const where = { ...collector.place, offset: start + chunks.at(index).compressedOffset };
    const chunk = indexes?.[from + index] ?? from + index;
    collector.report('CHUNK-DATA', { message: `chunk ${chunk}: ${message}`, chunk }, where);
  }
}
