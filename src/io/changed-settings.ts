/**
 * Changes small files that the user keeps, such as logins: whole or not at all, readable for the user alone, one process at a time.
 * A link is followed where the user may arrange links as he likes, and refused in a folder that other users share.
 */
import { lstat, readlink } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { withFileLock } from './file-lock.js';
import { readSmallFile } from './file-range.js';
import { syncFolder } from './folder.js';
import { makeFolders } from './make-folders.js';
import { demandOwnFile, isShared, refusePlantedLinks } from './planted-links.js';
import { errorCode, localIoError } from './system-error.js';
import { writeWhole } from './whole-file.js';

/** Bytes; the same as for reading settings. */
const MAX_SIZE = 16 * 1024 * 1024;
/** As many as Linux follows. */
const MAX_LINKS = 40;
const OWN_FILE = 0o600;
const OWN_FOLDER = 0o700;

/**
 * Writes what `change` makes of the file's bytes, which are undefined where there is no file; undefined leaves all as it is. Throws
 * LocalIoError, and what `change` throws.
 */
export async function changeSettings(
  path: string,
  change: (bytes: Uint8Array | undefined) => Uint8Array | undefined,
): Promise<void> {
  const file = await writing(path, () => fileBehind(path));
  const folder = dirname(file);
  await writing(path, () => makeFolders(folder, OWN_FOLDER));
  await withFileLock(`${file}.nydusify-lock`, async () => {
    const after = change(await bytesOf(file));
    if (after === undefined) return;
    await writing(path, async () => {
      await writeWhole(file, after, { aside: folder, durable: true, mode: OWN_FILE });
      await syncFolder(folder);
    });
  });
}

/** The file that is replaced: the one that `path` names, or the last of the links that lead from there. */
async function fileBehind(path: string): Promise<string> {
  let at = resolve(path);
  for (let links = 0; links <= MAX_LINKS; links++) {
    refusePlantedLinks(at);
    const found = await lstat(at).catch((cause: unknown) => {
      if (errorCode(cause) === 'ENOENT') return undefined;
      throw cause;
    });
    if (found === undefined) return at;
    if (isShared(dirname(at))) demandOwnFile(found);
    if (found.isFile()) return at;
    if (!found.isSymbolicLink()) throw new Error('it is no regular file');
    at = resolve(dirname(at), await readlink(at));
  }
  throw Object.assign(new Error('too many links'), { code: 'ELOOP' });
}

async function bytesOf(file: string): Promise<Uint8Array | undefined> {
  try {
    return await readSmallFile(file, MAX_SIZE);
  } catch (cause) {
    if (cause instanceof Error && errorCode(cause.cause) === 'ENOENT') return undefined;
    throw cause;
  }
}

async function writing<T>(path: string, step: () => Promise<T>): Promise<T> {
  try {
    return await step();
  } catch (cause) {
    throw localIoError(`cannot write ${path}`, cause);
  }
}
