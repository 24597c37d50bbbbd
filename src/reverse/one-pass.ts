/**
 * Content that one reader takes while it is being made, without being stored. Its maker waits while the reader is behind; when the
 * reader has given up, what comes is dropped.
 */
import { InternalError, InterruptedError } from '../errors.js';
import { orAborted } from '../io/abort.js';
import type { GrowingContent, Growth } from '../io/growing.js';
import type { ByteRange, ByteStream } from '../io/streams.js';

export class OnePass implements GrowingContent {
  readonly #window: number;
  #pieces: Buffer[] = [];
  /** The offset of the first piece that is held. */
  #start = 0;
  #size = 0;
  #isComplete = false;
  #isAbandoned = false;
  /** Bytes that the reader waits for; more than `#size` while it waits. */
  #wanted = 0;
  #waiting: (() => void)[] = [];

  /** `window`: the maker waits while this many bytes are held. */
  constructor(window: number) {
    this.#window = window;
  }

  /** Settles when there is room for more. */
  async push(bytes: Buffer): Promise<void> {
    if (this.#isAbandoned) return;
    this.#pieces.push(bytes);
    this.#size += bytes.length;
    this.#wake();
    while (this.#isFull) await this.#change();
  }

  /** A reader of whole chunks takes nothing before a chunk is there. */
  get #isFull(): boolean {
    return !this.#isAbandoned && this.#size - this.#start >= this.#window && this.#wanted <= this.#size;
  }

  /** No more bytes come. */
  end(): void {
    this.#isComplete = true;
    this.#wake();
  }

  /** Nobody reads any further. */
  abandon(): void {
    this.#isAbandoned = true;
    this.#pieces = [];
    this.#wake();
  }

  async moreThan(size: number, signal?: AbortSignal): Promise<Growth> {
    while (this.#size <= size && !this.#isComplete) {
      signal?.throwIfAborted();
      if (this.#isAbandoned) throw new InterruptedError('the content will not be completed');
      this.#wanted = size + 1;
      this.#wake();
      await orAborted(this.#change(), signal);
    }
    this.#wanted = 0;
    return { size: this.#size, complete: this.#isComplete };
  }

  // eslint-disable-next-line @typescript-eslint/require-await -- a ByteStream is asynchronous by type
  async *read({ start, end }: ByteRange, signal?: AbortSignal): ByteStream {
    for (let at = start; at < end;) {
      signal?.throwIfAborted();
      this.#dropUntil(at);
      const piece = this.#pieces[0];
      if (piece === undefined || at < this.#start)
        throw new InternalError(`the bytes from ${at} on are not held any more`);
      const bytes = piece.subarray(at - this.#start, Math.min(piece.length, end - this.#start));
      yield bytes;
      at += bytes.length;
    }
    this.#dropUntil(end);
  }

  /** Lets go of the pieces that end at or before an offset. */
  #dropUntil(offset: number): void {
    for (let first = this.#pieces[0]; first !== undefined; first = this.#pieces[0]) {
      if (this.#start + first.length > offset) break;
      this.#start += first.length;
      this.#pieces.shift();
    }
    this.#wake();
  }

  #change(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
    });
  }

  #wake(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}
