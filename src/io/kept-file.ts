/** Writes files below a folder under names that others may know: links on the way and at the end are never followed. */
import { lstat, mkdir, realpath } from 'node:fs/promises';
import { Folder } from './folder.js';
import { makeFolders } from './make-folders.js';
import { errorCode } from './system-error.js';
import { writeWhole } from './whole-file.js';

/**
 * Writes `names`, folders and then the file, below `folder`, which is made if need be. A regular file is replaced; anything else in
 * the place of the file or of a folder is refused. Throws the system's errors.
 */
export async function writeKept(folder: string, names: readonly string[], bytes: Uint8Array): Promise<void> {
  await makeFolders(folder);
  await using top = await Folder.open(await realpath(folder));
  await writeBelow(top, names, bytes);
}

async function writeBelow(folder: Folder, names: readonly string[], bytes: Uint8Array): Promise<void> {
  const [name = '', ...rest] = names;
  const path = folder.at(name);
  if (rest.length > 0) {
    await mkdir(path).catch((cause: unknown) => {
      if (errorCode(cause) !== 'EEXIST') throw cause;
    });
    await using inner = await Folder.open(path);
    await writeBelow(inner, rest, bytes);
    return;
  }
  const found = await lstat(path).catch(() => undefined);
  if (found !== undefined && !found.isFile()) throw new Error(`${name} is there, and is no regular file`);
  await writeWhole(path, bytes, { aside: folder.path, durable: false });
}
