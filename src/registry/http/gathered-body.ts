/**
 * Gathers the body of an answer: the reads of one turn of the event loop become one piece, so that everything behind this class
 * runs once for them all and not once for each. Nothing is delayed beyond that turn.
 */

/** Bytes: so many are handed over at once. A body that is not being read is paused when it has brought as many. */
const GATHERED_BYTES = 256 * 1024;
/** Bytes: a piece of this size is handed over as it is. Smaller ones are copied into one. */
const LARGE_BYTES = 128 * 1024;

/** The controls of the connection. */
export interface Flow {
  pause(): void;
  resume(): void;
  /** Ends the connection. */
  abort(reason: Error): void;
}

type End = { readonly error?: Error };

interface Waiting {
  readonly resolve: (result: IteratorResult<Uint8Array, undefined>) => void;
  readonly reject: (error: Error) => void;
}

/** Serves one reader, which asks for one piece at a time. The error of `fail` follows the bytes that came before it. */
export class GatheredBody implements AsyncIterableIterator<Uint8Array, undefined> {
  readonly #flow: Flow;
  #pieces: Uint8Array[] = [];
  #size = 0;
  #isPaused = false;
  #isDue = false;
  #end: End | undefined;
  #waiting: Waiting | undefined;

  constructor(flow: Flow) {
    this.#flow = flow;
  }

  /** Takes over bytes, which the caller no longer changes. */
  push(bytes: Uint8Array): void {
    if (this.#end !== undefined || bytes.length === 0) return;
    const last = this.#pieces.at(-1);
    if (last !== undefined && isFollowedBy(last, bytes))
      this.#pieces[this.#pieces.length - 1] = span(last, bytes);
    else this.#pieces.push(bytes);
    this.#size += bytes.length;
    if (this.#waiting === undefined) this.#holdBack();
    else if (this.#size >= GATHERED_BYTES) this.#deliver();
    else this.#deliverSoon();
  }

  /** The body is complete. */
  end(): void {
    this.#end ??= {};
    this.#deliver();
  }

  /** The body ends with an error. */
  fail(error: Error): void {
    this.#end ??= { error };
    this.#deliver();
  }

  /** Ends the body with an error at once, and drops the bytes that have not been read. */
  cut(error: Error): void {
    this.#drop();
    this.#end = { error };
    this.#flow.abort(error);
    this.#deliver();
  }

  next(): Promise<IteratorResult<Uint8Array, undefined>> {
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
      this.#deliver();
      if (!this.#isPaused || this.#size >= GATHERED_BYTES || this.#end !== undefined) return;
      this.#isPaused = false;
      this.#flow.resume();
    });
  }

  return(): Promise<IteratorResult<Uint8Array, undefined>> {
    this.#drop();
    if (this.#end === undefined) {
      this.#end = {};
      this.#flow.abort(new Error('the rest of the answer is not wanted'));
    }
    this.#deliver();
    return Promise.resolve({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  #holdBack(): void {
    if (this.#isPaused || this.#size < GATHERED_BYTES) return;
    this.#isPaused = true;
    this.#flow.pause();
  }

  #deliverSoon(): void {
    if (this.#isDue) return;
    this.#isDue = true;
    // Runs after every connection with data has been read.
    setImmediate(() => {
      this.#isDue = false;
      this.#deliver();
    });
  }

  /** Answers the reader, if it waits and there is an answer. */
  #deliver(): void {
    const waiting = this.#waiting;
    if (waiting === undefined) return;
    const value = this.#take();
    if (value === undefined && this.#end === undefined) return;
    this.#waiting = undefined;
    if (value !== undefined) waiting.resolve({ done: false, value });
    else if (this.#end?.error === undefined) waiting.resolve({ done: true, value: undefined });
    else waiting.reject(this.#end.error);
  }

  /** The first large piece, or the small ones before it joined into one. */
  #take(): Uint8Array | undefined {
    const [first] = this.#pieces;
    if (first === undefined) return undefined;
    const large = this.#pieces.findIndex(({ length }) => length >= LARGE_BYTES);
    const count = large === -1 ? this.#pieces.length : Math.max(1, large);
    const taken = this.#pieces.splice(0, count);
    const bytes = count === 1 ? first : Buffer.concat(taken);
    this.#size -= bytes.length;
    return bytes;
  }

  #drop(): void {
    this.#pieces = [];
    this.#size = 0;
  }
}

function isFollowedBy(first: Uint8Array, second: Uint8Array): boolean {
  return first.buffer === second.buffer && first.byteOffset + first.length === second.byteOffset;
}

/** Two adjacent pieces of one memory as one, without copying. */
function span(first: Uint8Array, second: Uint8Array): Uint8Array {
  return new Uint8Array(first.buffer, first.byteOffset, first.length + second.length);
}
