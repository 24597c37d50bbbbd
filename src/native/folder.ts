/** Folders of worker threads, which the addon removes when such a thread is terminated. */
import { isMainThread } from 'node:worker_threads';
import { addon } from './addon.js';

/**
 * Has the addon remove a folder when this thread is terminated before the guard is disposed of, because no JavaScript runs in a
 * terminated worker. The main thread ends with its process, whose folders the next run removes, so it needs no guard.
 * `parents`, nearest first, are removed with it as long as they are empty.
 */
export function guardFolder(path: string, parents: readonly string[]): Disposable {
  const guard = isMainThread ? undefined : addon().guardFolder(path, parents);
  return {
    [Symbol.dispose]: () => {
      guard?.release();
    },
  };
}
