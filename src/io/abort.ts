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

/** By signal: what is to be called, and the one listener that the signal has for all of it. */
const calls = new WeakMap<AbortSignal, { readonly all: Set<() => void>; readonly listener: () => void }>();

/**
 * Calls `call` when the signal fires, unless the function that is returned was called before. Node warns of more than ten listeners on
 * one signal, as when many requests of a run are under way, so all calls share one.
 */
export function onAbort(signal: AbortSignal, call: () => void): () => void {
  let known = calls.get(signal);
  if (known === undefined) {
    const all = new Set<() => void>();
    known = {
      all,
      listener: () => {
        for (const each of [...all]) each();
      },
    };
    calls.set(signal, known);
    signal.addEventListener('abort', known.listener, { once: true });
  }
  const { all, listener } = known;
  all.add(call);
  return () => {
    all.delete(call);
    if (all.size > 0 || calls.get(signal)?.all !== all) return;
    calls.delete(signal);
    signal.removeEventListener('abort', listener);
  };
}

/** Leaves the promise alone when the signal fires, and rejects with the signal's reason. */
export async function orAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return promise;
  let release = (): void => undefined;
  const aborted = new Promise<void>((resolve) => {
    if (signal.aborted) resolve();
    else release = onAbort(signal, resolve);
  });
  const rejected = aborted.then((): never => {
    throw signal.reason;
  });
  try {
    return await Promise.race([promise, rejected]);
  } finally {
    release();
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
    if (this.#isSettled) {
      signal?.throwIfAborted();
      return this.#result;
    }
    this.#waiting++;
    try {
      return await orAborted(this.#result, signal);
    } finally {
      this.#leave(signal?.reason);
    }
  }

  #leave(reason: unknown): void {
    if (--this.#waiting === 0 && !this.#isSettled) this.#stop.abort(reason);
  }
}
