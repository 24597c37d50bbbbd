/** Ends public calls by a signal: the caller gets the signal's own reason, and so can distinguish its own stop from a failure. */

/**
 * Runs `work`. Once `signal` has fired, rejects with its reason, whatever error the stopped work ended with: which part of it
 * notices the signal first is a matter of chance.
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
