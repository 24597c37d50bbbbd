/**
 * A folder that is held open. Its files are reached through the descriptor, so that another user who renames the folder, or puts
 * a link in its place, leads no run elsewhere.
 */
import { constants, existsSync, type Stats } from 'node:fs';
import { type FileHandle, lstat, open, realpath } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { errorCode } from './system-error.js';

/** Linux names the files that a process has open; elsewhere a folder's path is all there is. */
const DESCRIPTORS = '/proc/self/fd';

/** Bits of a mode that let others than the owner write. */
const OTHERS_WRITE = 0o022;
const STICKY = 0o1000;

/** A folder that belongs to others, or to a file system without it, cannot be synchronised; nothing is lost by asking. */
const NO_SYNC: ReadonlySet<string> = new Set(['EINVAL', 'ENOTSUP', 'EOPNOTSUPP', 'EACCES', 'EPERM', 'EBADF']);

export class Folder implements AsyncDisposable {
  /** The path of the folder itself, which stays true when the folder is renamed. */
  readonly path: string;
  readonly #handle: FileHandle;

  private constructor(path: string, handle: FileHandle) {
    this.#handle = handle;
    const name = join(DESCRIPTORS, String(handle.fd));
    this.path = existsSync(name) ? name : path;
  }

  /** Throws the system's error when `path` is no folder, a link to one included. */
  static async open(path: string): Promise<Folder> {
    const flags = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;
    return new Folder(path, await open(path, flags));
  }

  /** The path of a file in the folder. */
  at(name: string): string {
    return join(this.path, name);
  }

  stat(): Promise<Stats> {
    return this.#handle.stat();
  }

  /** Has the names of the folder's files written to the disk. */
  async sync(): Promise<void> {
    try {
      await this.#handle.sync();
    } catch (cause) {
      if (!NO_SYNC.has(errorCode(cause) ?? '')) throw cause;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#handle.close();
  }
}

/** Has the names in a folder written to the disk. A folder that may not be read is passed over. */
export async function syncFolder(path: string): Promise<void> {
  let folder;
  try {
    folder = await Folder.open(await realpath(path));
  } catch (cause) {
    if (NO_SYNC.has(errorCode(cause) ?? '')) return;
    throw cause;
  }
  await using opened = folder;
  await opened.sync();
}

/** True when this process's user owns the file. Always true where files have no owners. */
export function isOurs({ uid }: Pick<Stats, 'uid'>): boolean {
  const own = process.geteuid?.();
  return own === undefined || uid === own;
}

/**
 * True when no user but this one and root can put anything in the folder, or another folder in its place. Throws the system's
 * errors.
 */
export async function isPrivate(path: string): Promise<boolean> {
  const folder = await realpath(path);
  const found = await lstat(folder);
  return isOurs(found) && !isWritableByOthers(found) && (await isGuarded(dirname(folder)));
}

/**
 * True when no user but this one and root can rename or replace what this user has in the folder: it and all folders above are ours
 * or root's, and where others may write, each entry stays its owner's (sticky). Throws the system's errors.
 */
export async function isGuarded(path: string): Promise<boolean> {
  for (let folder = await realpath(path); ; folder = dirname(folder)) {
    const found = await lstat(folder);
    if (!isOurs(found) && found.uid !== 0) return false;
    if (isWritableByOthers(found) && (found.mode & STICKY) === 0) return false;
    if (folder === dirname(folder)) return true;
  }
}

function isWritableByOthers({ mode }: Pick<Stats, 'mode'>): boolean {
  return process.geteuid !== undefined && (mode & OTHERS_WRITE) !== 0;
}
