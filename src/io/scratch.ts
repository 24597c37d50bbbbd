/** A temporary folder that removes itself, and nothing that existed before. */
import type { Stats } from 'node:fs';
import { lstat, mkdir, mkdtemp, readdir, rm, rmdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { LocalIoError } from '../errors.js';
import { guardFolder } from '../native/folder.js';
import { removeAbandoned } from './abandoned.js';
import { Folder, isGuarded, isOurs, isPrivate } from './folder.js';
import { ownerMark } from './owner.js';
import { errorCode, localIoError } from './system-error.js';

export interface Scratch extends AsyncDisposable {
  readonly path: string;
  /** The path of a file in the folder. Does not create it. */
  file(name: string): string;
}

/** Work folders that this process created, each with the first parent that was missing. The last scratch folder removes them. */
const created = new Map<string, string>();

/** Several runs may make and remove the folder of a user in a shared one at the same time. */
const ATTEMPTS = 10;

/**
 * Creates a folder inside `workDir`, for this user alone. If `workDir` is absent, it is created too, and removed at the end with all
 * parents created for it, unless they hold something else by then. In a folder that others share, it lies in one that belongs to this
 * user, so that what killed runs have left can be distinguished from forgeries. It is removed first. Throws LocalIoError.
 */
export async function openScratch(workDir: string, prefix = 'nydusify-'): Promise<Scratch> {
  const parent = resolve(workDir);
  try {
    return await makeScratch(parent, prefix);
  } catch (cause) {
    throw localIoError(`cannot create a temporary folder in ${parent}`, cause, {
      remedy: { kind: 'work-dir' },
    });
  }
}

async function makeScratch(parent: string, prefix: string): Promise<Scratch> {
  const mark = await ownerMark();
  for (let attempt = 1; ; attempt++) {
    const first = await mkdir(parent, { recursive: true });
    if (first !== undefined) created.set(parent, resolve(first));
    try {
      const home = (await isPrivate(parent)) ? parent : await folderOfUser(parent, prefix);
      await removeAbandoned(home, prefix);
      const path = await mkdtemp(join(home, prefix + mark));
      return await holdScratch(path, home, parent);
    } catch (cause) {
      if (attempt === ATTEMPTS || errorCode(cause) !== 'ENOENT') throw cause;
    }
  }
}

/** The folder of this user in a shared one; the shared one itself when another user has taken its name. */
async function folderOfUser(parent: string, prefix: string): Promise<string> {
  if (!(await isGuarded(parent))) return parent;
  const path = join(parent, `${prefix}${process.geteuid?.() ?? 'user'}`);
  try {
    await mkdir(path, { mode: 0o700 });
  } catch (cause) {
    if (errorCode(cause) !== 'EEXIST') throw cause;
  }
  return (await isPrivate(path).catch(() => false)) && (await lstat(path)).isDirectory() ? path : parent;
}

async function holdScratch(path: string, home: string, parent: string): Promise<Scratch> {
  const folder = await Folder.open(path);
  const made = await folder.stat();
  if (!isForUsAlone(made)) {
    await folder[Symbol.asyncDispose]();
    throw Object.assign(new Error('another user has put a folder of his own in its place'), {
      code: 'EPERM',
    });
  }
  // Where others can rename the folder, its path may lead to one of theirs at any time; its descriptor cannot.
  const isStable = await isGuarded(home);
  const visible = isStable ? path : folder.path;
  const guard = isStable ? guardFolder(path, madeFor(home, parent)) : undefined;
  let isOpen = true;
  return {
    path: visible,
    file: (name) => join(visible, name),
    [Symbol.asyncDispose]: async () => {
      if (isOpen) {
        isOpen = false;
        guard?.[Symbol.dispose]();
        await emptyFolder(folder);
        await folder[Symbol.asyncDispose]();
        // Removes an empty folder and nothing else, whatever is in its place by now.
        await rmdir(path).catch(() => undefined);
        if (home !== parent) await rmdir(home).catch(() => undefined);
      }
      const first = created.get(parent);
      if (first !== undefined) await removeEmpty(parent, first);
    },
  };
}

function isForUsAlone(found: Stats): boolean {
  return isOurs(found) && (process.geteuid === undefined || (found.mode & 0o077) === 0);
}

/** Removes what is in the folder, which only its owner can change. */
async function emptyFolder(folder: Folder): Promise<void> {
  for (const name of await readdir(folder.path)) {
    await rm(folder.at(name), { recursive: true, force: true });
  }
}

/**
 * Creates a folder inside `workDir` if one is given, else inside `folder` if it can be written, else inside the system's folder for
 * temporary files: what lies on a read-only file system can be read, too.
 */
export async function openScratchBeside(
  workDir: string | undefined,
  folder: string | undefined,
): Promise<Scratch> {
  if (workDir !== undefined) return openScratch(workDir);
  if (folder !== undefined) {
    try {
      return await openScratch(folder);
    } catch (error) {
      const code = error instanceof LocalIoError ? errorCode(error.cause) : undefined;
      if (code !== 'EROFS' && code !== 'EACCES' && code !== 'EPERM') throw error;
    }
  }
  return openScratch(tmpdir());
}

/** The folders that exist for the sake of a scratch folder in `home`, nearest first. */
function madeFor(home: string, parent: string): string[] {
  const folders = home === parent ? [] : [home];
  const first = created.get(parent);
  if (first === undefined) return folders;
  for (let folder = parent; folder.startsWith(first); folder = dirname(folder)) folders.push(folder);
  return folders;
}

/** Removes `path` and its parents up to `last`, stopping at the first that is not empty. */
async function removeEmpty(path: string, last: string): Promise<void> {
  for (let folder = path; folder.startsWith(last); folder = dirname(folder)) {
    try {
      await rmdir(folder);
    } catch {
      return; // another run uses it or has removed it
    }
  }
}
