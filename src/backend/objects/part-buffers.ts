/** Memory for the parts that are being sent, of all blobs together. Buffers are used again, since they are large. */
export class PartBuffers {
  readonly #free: Buffer[] = [];
  readonly #waiting: (() => void)[] = [];
  #left: number;

  /** At most `limit` parts are in memory. */
  constructor(limit: number) {
    this.#left = limit;
  }

  /** Waits for a buffer of at least `size` bytes. The caller gives it back in every case. Throws the reason of the signal. */
  async take(size: number, signal: AbortSignal | undefined): Promise<Buffer> {
    if (this.#left > 0) this.#left -= 1;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    if (signal?.aborted === true) {
      this.#next();
      signal.throwIfAborted();
    }
    const known = this.#free.pop();
    return known !== undefined && known.length >= size ? known : Buffer.allocUnsafeSlow(size);
  }

  /** `isIdle`: nothing reads the buffer any more. */
  giveBack(buffer: Buffer, isIdle: boolean): void {
    if (isIdle) this.#free.push(buffer);
    this.#next();
  }

  #next(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#left += 1;
    else next();
  }
}
