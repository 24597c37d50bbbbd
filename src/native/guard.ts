/** Files and folders of worker threads, which the addon removes when such a thread is terminated. */
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

/**
 * Runs `step`, and has the addon remove a file when this thread is terminated meanwhile. The file need not exist yet. With `content`
 * it is removed only if it has just this content.
 */
export async function guardingFile<T>(
  { path, content }: { readonly path: string; readonly content?: string },
  step: () => Promise<T>,
): Promise<T> {
  const guard = isMainThread ? undefined : addon().guardFile(path, content);
  try {
    return await step();
  } finally {
    guard?.release();
  }
}
