/** A bounded number of calls at a time over all callers; further calls wait in order. */
export class Slots {
  readonly #waiting: (() => void)[] = [];
  #free: number;

  constructor(limit: number) {
    this.#free = Math.max(1, limit);
  }

  /** Throws the signal's reason instead of starting a call whose caller has given up while it waited. */
  async with<T>(run: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    if (this.#free > 0) this.#free -= 1;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    try {
      signal?.throwIfAborted();
      return await run();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#free += 1;
      else next(); // the waiting call takes over this slot
    }
  }
}
