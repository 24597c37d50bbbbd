/** Content that grows when a test says so. */
import type { GrowingContent, Growth } from '../../src/io/growing.js';
import type { ByteRange, ByteStream } from '../../src/io/streams.js';

interface Waiter {
  readonly size: number;
  readonly resolve: (growth: Growth) => void;
  readonly reject: (error: unknown) => void;
}

/** A prefix of `bytes`, which `grow` makes longer. */
export class GrowingBytes implements GrowingContent {
  readonly #bytes: Uint8Array;
  #growth: Growth = { size: 0, complete: false };
  #failure: { readonly error: unknown } | undefined;
  #waiting: Waiter[] = [];

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  grow(size: number, complete = false): void {
    this.#growth = { size, complete };
    this.#settle();
  }

  fail(error: unknown): void {
    this.#failure = { error };
    this.#settle();
  }

  async moreThan(size: number, signal?: AbortSignal): Promise<Growth> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ size, resolve, reject });
      signal?.addEventListener('abort', () => {
        reject(signal.reason as Error);
      });
      this.#settle();
    });
  }

  async *read({ start, end }: ByteRange): ByteStream {
    await Promise.resolve();
    yield this.#bytes.subarray(start, end);
  }

  #settle(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const waiter of waiting) {
      if (this.#failure !== undefined) waiter.reject(this.#failure.error);
      else if (this.#growth.complete || this.#growth.size > waiter.size) waiter.resolve(this.#growth);
      else this.#waiting.push(waiter);
    }
  }
}
