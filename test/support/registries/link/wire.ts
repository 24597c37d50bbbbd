/**
 * One direction of a link: bytes of all senders leave it at one fixed rate, and arrive a fixed time later. The rate is kept by
 * a clock of the wire's own, so that timers which fire late (Node's are no finer than a millisecond) slow nothing down: a wire that
 * always has something to send sends exactly its rate.
 */

/** Bytes: what one sender puts on the wire before the next one has its turn. */
const PIECE_BYTES = 16 * 1024;

interface Piece {
  readonly bytes: Uint8Array;
  readonly arrive: (bytes: Uint8Array) => void;
}

/** The queue of one sender; senders take turns. */
export class Lane {
  readonly pieces: Piece[] = [];
}

export interface WireOptions {
  readonly bytesPerSecond: number;
  /** Milliseconds from the sending of a byte to its arrival. */
  readonly delayMs: number;
}

export class Wire {
  readonly #msPerByte: number;
  readonly #delayMs: number;
  readonly #lanes: Lane[] = [];
  readonly #flying: { readonly piece: Piece; readonly atMs: number }[] = [];
  /** When the wire is free again, by `performance.now()`. */
  #freeAtMs = 0;
  #sending: NodeJS.Timeout | undefined;
  #arriving: NodeJS.Timeout | undefined;

  constructor({ bytesPerSecond, delayMs }: WireOptions) {
    this.#msPerByte = 1000 / bytesPerSecond;
    this.#delayMs = delayMs;
  }

  /** `arrive` is called for each piece, in order; once, without bytes, when there are none. */
  send(lane: Lane, bytes: Uint8Array, arrive: (bytes: Uint8Array) => void): void {
    if (this.#lanes.length === 0) this.#freeAtMs = Math.max(this.#freeAtMs, performance.now());
    if (lane.pieces.length === 0) this.#lanes.push(lane);
    let at = 0;
    do {
      lane.pieces.push({ bytes: bytes.subarray(at, at + PIECE_BYTES), arrive });
      at += PIECE_BYTES;
    } while (at < bytes.length);
    this.#transmit();
  }

  /** Forgets what waits in a lane; what is on its way arrives. */
  drop(lane: Lane): void {
    lane.pieces.length = 0;
    const at = this.#lanes.indexOf(lane);
    if (at >= 0) this.#lanes.splice(at, 1);
  }

  /** Forgets everything. */
  close(): void {
    clearTimeout(this.#sending);
    clearTimeout(this.#arriving);
    this.#lanes.length = 0;
    this.#flying.length = 0;
  }

  #transmit(): void {
    if (this.#sending !== undefined) return;
    const nowMs = performance.now();
    for (let lane = this.#lanes[0]; lane !== undefined; lane = this.#lanes[0]) {
      if (this.#freeAtMs > nowMs) {
        this.#sending = setTimeout(() => {
          this.#sending = undefined;
          this.#transmit();
        }, this.#freeAtMs - nowMs);
        return;
      }
      this.#lanes.shift();
      const piece = lane.pieces.shift();
      if (lane.pieces.length > 0) this.#lanes.push(lane);
      if (piece === undefined) continue;
      this.#freeAtMs += piece.bytes.length * this.#msPerByte;
      this.#flying.push({ piece, atMs: this.#freeAtMs + this.#delayMs });
      this.#land();
    }
  }

  #land(): void {
    if (this.#arriving !== undefined) return;
    for (let first = this.#flying[0]; first !== undefined; first = this.#flying[0]) {
      const waitMs = first.atMs - performance.now();
      if (waitMs > 0) {
        this.#arriving = setTimeout(() => {
          this.#arriving = undefined;
          this.#land();
        }, waitMs);
        return;
      }
      this.#flying.shift();
      first.piece.arrive(first.piece.bytes);
    }
  }
}
