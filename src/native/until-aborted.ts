/** Ends work of the addon with the signal of the call that wants it. */

/**
 * Runs `work`, which feeds `feed` and waits for its result. A signal aborts the feed at once: it may have far more to do for the bytes
 * that it has than the run may still take. A failure aborts it too. Throws the signal's reason, else what `work` throws.
 */
export async function untilAborted<T>(
  feed: { abort(): void },
  signal: AbortSignal | undefined,
  work: () => Promise<T>,
): Promise<T> {
  const abort = (): void => {
    feed.abort();
  };
  if (signal?.aborted === true) abort();
  signal?.addEventListener('abort', abort, { once: true });
  try {
    return await work();
  } catch (cause) {
    abort();
    signal?.throwIfAborted();
    throw cause;
  } finally {
    signal?.removeEventListener('abort', abort);
  }
}
