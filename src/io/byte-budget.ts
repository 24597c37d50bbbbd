/** One allowance of bytes in memory, over all that share it. It is kept by those who look at it before they take more. */
export class ByteBudget {
  readonly limit: number;
  #used = 0;
  readonly #waiting = new Set<() => void>();

  constructor(limit: number) {
    this.limit = limit;
  }

  /** Bytes that are held now. */
  get used(): number {
    return this.#used;
  }

  /** True when nothing more should be taken. Whoever would stand still for that takes a little all the same. */
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

  /** Calls once, when there is room again. */
  whenRoom(wake: () => void): void {
    this.#waiting.add(wake);
  }
}
