/** A limit of bytes per second, shared by several transfers. */
import { sleepFor } from './retry.js';
import type { ByteStream } from './streams.js';

/** Milliseconds by which transfers may be ahead, so that short ones pass at once and late timers do no harm. */
const BURST_MS = 100;
/** Bytes that a transfer takes at once: few enough that several transfers take turns. */
const PIECE = 64 * 1024;

export class RateLimit {
  readonly bytesPerSecond: number;
  /** The time, in milliseconds, at which the limit allows all bytes taken so far. */
  #paidAt = 0;

  constructor(bytesPerSecond: number) {
    this.bytesPerSecond = bytesPerSecond;
  }

  /** Waits until `bytes` may pass. First come, first served. */
  async take(bytes: number, signal?: AbortSignal): Promise<void> {
    const now = performance.now();
    this.#paidAt = Math.max(now, this.#paidAt) + (bytes / this.bytesPerSecond) * 1000;
    const waitMs = this.#paidAt - now - BURST_MS;
    if (waitMs > 0) await sleepFor(waitMs, signal);
  }
}

/** Passes bytes on as fast as the limit allows. */
export function paced(
  stream: ByteStream,
  rate: RateLimit | undefined,
  signal: AbortSignal | undefined,
): ByteStream {
  return rate === undefined ? stream : pieceByPiece(stream, rate, signal);
}

async function* pieceByPiece(
  stream: ByteStream,
  rate: RateLimit,
  signal: AbortSignal | undefined,
): ByteStream {
  for await (const bytes of stream) {
    for (let at = 0; at < bytes.length; at += PIECE) {
      const piece = bytes.subarray(at, at + PIECE);
      await rate.take(piece.length, signal);
      yield piece;
    }
  }
}
