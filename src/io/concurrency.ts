/** Runs several calls at a time: a bounded number, results in order, and the first failure stops the rest. */
import { availableParallelism } from 'node:os';
import { InterruptedError } from '../errors.js';

/** The default of dockerd, containerd and oras, but no more than there are cores, because layers in flight cost memory. */
export const DEFAULT_CONCURRENCY = Math.min(3, availableParallelism());

/** Blobs in flight of a copy: it costs little memory, and much of its time is waiting. */
export const COPY_CONCURRENCY = 6;

/** Connections to one host of one side: enough for seven layers at a time, each with a download that feeds an upload, and for small requests. */
export const DEFAULT_CONNECTIONS = 16;

/**
 * Calls `fn` for every item, at most `limit` at a time, and returns the results in the items' order. When one call fails, the
 * signal given to the others fires, no further call starts, all that run are waited for, and the first failure is thrown.
 */
export async function mapOrdered<T, R>(
  items: Iterable<T>,
  limit: number,
  fn: (item: T, index: number, signal: AbortSignal) => Promise<R>,
  signal?: AbortSignal,
): Promise<R[]> {
  signal?.throwIfAborted();
  const stop = new AbortController();
  const both = signal === undefined ? stop.signal : AbortSignal.any([signal, stop.signal]);
  const queue = [...items].entries();
  const results: R[] = [];
  const failures: unknown[] = [];
  const worker = async (): Promise<void> => {
    // All workers share the iterator, so that each takes the next free item.
    for (const [index, item] of queue) {
      if (both.aborted) return;
      try {
        results[index] = await fn(item, index, both);
      } catch (error) {
        failures.push(error);
        stop.abort(new InterruptedError('another of the calls has failed', { cause: error }));
        return;
      }
    }
  };
  await Promise.all(Array.from({ length: Math.max(1, limit) }, worker));
  if (failures.length > 0) throw failures[0];
  signal?.throwIfAborted();
  return results;
}
