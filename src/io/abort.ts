/** Waits that end with a signal, and work that ends with its last wait. */

/**
 * Runs `work`. Once `signal` has fired, rejects with its reason, whatever error the stopped work ended with: which part of it
 * notices the signal first is a matter of chance. So the caller can distinguish its own stop from a failure.
 */
export async function underSignal<T>(signal: AbortSignal | undefined, work: () => Promise<T>): Promise<T> {
  signal?.throwIfAborted();
  try {
    return await work();
  } catch (error) {
    signal?.throwIfAborted();
    throw error;
  }
}

/** Leaves the promise alone when the signal fires, and rejects with the signal's reason. */
export async function orAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return promise;
  const listening = new AbortController();
  const aborted = new Promise<void>((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener(
      'abort',
      () => {
        resolve();
      },
      { signal: listening.signal },
    );
  });
  const rejected = aborted.then((): never => {
    throw signal.reason;
  });
  try {
    return await Promise.race([promise, rejected]);
  } finally {
    listening.abort();
  }
}

/** Work that several callers wait for, each as long as its own signal allows. It is stopped when the last of them has gone. */
export class SharedWork<T> {
  readonly #stop = new AbortController();
  readonly #result: Promise<T>;
  #isSettled = false;
  #waiting = 0;

  constructor(work: (signal: AbortSignal) => Promise<T>) {
    const settled = (): void => {
      this.#isSettled = true;
    };
    this.#result = work(this.#stop.signal);
    this.#result.then(settled, settled);
  }

  /** True when it was stopped before it had a result: it will have none, so the next caller has to begin anew. */
  get isStopped(): boolean {
    return this.#stop.signal.aborted && !this.#isSettled;
  }

  async wait(signal: AbortSignal | undefined): Promise<T> {
    this.#waiting++;
    try {
      return await orAborted(this.#result, signal);
    } finally {
      if (--this.#waiting === 0 && !this.#isSettled) this.#stop.abort(signal?.reason);
    }
  }
}
