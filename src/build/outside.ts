/** A folder that the build writes into must not lie in the directory that it reads. */
import { realpath, stat } from 'node:fs/promises';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { UsageError } from '../errors.js';
import { errorCode, localIoError } from '../io/system-error.js';
import type { Remedy } from '../remedy.js';

/** Throws LocalIoError if there is nothing, and UsageError, in upstream's words, for what is no directory. */
export async function demandDirectory(path: string): Promise<void> {
  if (path === '') throw new UsageError('the name of the source directory is empty');
  try {
    if ((await stat(path)).isDirectory()) return;
  } catch (cause) {
    throw localIoError(`cannot read ${path}`, cause);
  }
  throw new UsageError(`source path '${path}' is not a directory`);
}

/** Throws UsageError for a folder inside the directory, where the build would read what it writes. */
export async function demandOutside(folder: string, directory: string, remedy?: Remedy): Promise<void> {
  const [inner, outer] = await Promise.all([realPathOf(resolve(folder)), realPathOf(resolve(directory))]);
  const way = relative(outer, inner);
  if (way === '..' || way.startsWith(`..${sep}`)) return;
  throw new UsageError(`${folder} lies in ${directory}, so that the build would read what it writes`, {
    ...(remedy === undefined ? { hint: 'write into a folder elsewhere' } : { remedy }),
  });
}

/** The path without links, also of a folder that is not there yet. */
async function realPathOf(path: string): Promise<string> {
  try {
    return await realpath(path);
  } catch (cause) {
    if (errorCode(cause) !== 'ENOENT' || dirname(path) === path)
      throw localIoError(`cannot read ${path}`, cause);
    const above = await realPathOf(dirname(path));
    return join(above, relative(dirname(path), path));
  }
}
