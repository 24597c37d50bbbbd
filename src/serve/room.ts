/** Bytes of memory that many clients share. A client that finds no room waits, and the one that waits longest comes first. */
export class Room {
  readonly #limit: number;
  #used = 0;
  readonly #waiting: { readonly bytes: number; readonly enter: () => void }[] = [];

  constructor(limit: number) {
    this.#limit = limit;
  }

  get isWaitedFor(): boolean {
    return this.#waiting.length > 0;
  }

  /** Settles when there is room. More than there can be is let in alone. */
  async enter(bytes: number): Promise<void> {
    if (this.mayTake(bytes)) this.#used += bytes;
    else await new Promise<void>((enter) => this.#waiting.push({ bytes, enter }));
  }

  /** True if `bytes` can be had without passing over a client that waits. */
  mayTake(bytes: number): boolean {
    return this.#waiting.length === 0 && this.#fits(bytes);
  }

  /** Takes what `mayTake` has allowed. */
  take(bytes: number): void {
    this.#used += bytes;
  }

  leave(bytes: number): void {
    this.#used -= bytes;
    for (let next = this.#waiting[0]; next !== undefined && this.#fits(next.bytes); next = this.#waiting[0]) {
      this.#waiting.shift();
      this.#used += next.bytes;
      next.enter();
    }
  }

  #fits(bytes: number): boolean {
    return this.#used === 0 || this.#used + bytes <= this.#limit;
  }
}
