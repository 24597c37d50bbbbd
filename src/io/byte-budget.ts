/** A limit of bytes in memory, shared by several holders. It never blocks: a holder checks it before it takes more. */
export class ByteBudget {
  readonly limit: number;
  #used = 0;
  readonly #waiting = new Set<() => void>();

  constructor(limit: number) {
    this.limit = limit;
  }

  /** Bytes that the holders have now. */
  get used(): number {
    return this.#used;
  }

  /** True when no holder should take more, except a little where everything would stand still otherwise. */
  get isSpent(): boolean {
    return this.#used >= this.limit;
  }

  take(bytes: number): void {
    this.#used += bytes;
  }

  giveBack(bytes: number): void {
    this.#used -= bytes;
    if (this.isSpent || this.#waiting.size === 0) return;
    const wake = [...this.#waiting];
    this.#waiting.clear();
    for (const each of wake) each();
  }

  /** Calls `wake` once, when there is room again. */
  whenRoom(wake: () => void): void {
    this.#waiting.add(wake);
  }
}
