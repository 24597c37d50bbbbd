/** A temporary folder that removes itself, and nothing that existed before. */
import { randomBytes } from 'node:crypto';
import type { Stats } from 'node:fs';
import { lstat, mkdir, readdir, rm, rmdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { LocalIoError } from '../errors.js';
import { guardFolder } from '../native/guard.js';
import { removeAbandoned } from './abandoned.js';
import { Folder, isGuarded, isOurs, isPrivate } from './folder.js';
import { makeFolders } from './make-folders.js';
import { ownerMark } from './owner.js';
import { errorCode, localIoError } from './system-error.js';

export interface Scratch extends AsyncDisposable {
  readonly path: string;
  /** The path of a file in the folder. Does not create it. */
  file(name: string): string;
}

/** Work folders that this process created, each with the first parent that was missing. The last scratch folder removes them. */
const created = new Map<string, string>();

/**
 * Several runs may make and remove the same folders at the same time: the work folder, and that of a user in a shared one. Each attempt
 * after the first waits a random time (ms, at most), so that runs do not meet again and again.
 */
const ATTEMPTS = 100;
const PAUSE = 20;

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
    try {
      const first = await makeFolders(parent);
      if (first !== undefined) noteCreated(parent, resolve(first));
      const home = (await isPrivate(parent)) ? parent : await folderOfUser(parent, prefix);
      await removeAbandoned(home, prefix);
      return await holdScratch(join(home, `${prefix}${mark}${randomBytes(8).toString('hex')}`), home, parent);
    } catch (cause) {
      const isGone = errorCode(cause) === 'ENOENT' || errorCode(cause) === 'ENOTDIR';
      if (!isGone || attempt === ATTEMPTS) throw cause;
      await setTimeout(Math.random() * PAUSE);
    }
  }
}

/** Another run may have removed some of the folders that were created before, so the outermost one counts. */
function noteCreated(parent: string, first: string): void {
  const known = created.get(parent);
  if (known === undefined || first.length < known.length) created.set(parent, first);
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
  const isFolder = (await lstat(path)).isDirectory();
  return isFolder && (await isPrivate(path)) ? path : parent;
}

/** Makes the folder `path`, and holds it open. */
async function holdScratch(path: string, home: string, parent: string): Promise<Scratch> {
  const isStable = await isGuarded(home);
  const guard = isStable ? guardFolder(path, madeFor(home, parent)) : undefined;
  let folder;
  try {
    await mkdir(path, { mode: 0o700 });
    folder = await openOurs(path);
  } catch (cause) {
    guard?.[Symbol.dispose]();
    throw cause;
  }
  // Where others can rename the folder, its path may lead to one of theirs at any time; its descriptor cannot.
  const visible = isStable ? path : folder.path;
  let isOpen = true;
  return {
    path: visible,
    file: (name) => join(visible, name),
    [Symbol.asyncDispose]: async () => {
      if (isOpen) {
        isOpen = false;
        await emptyFolder(folder);
        await folder[Symbol.asyncDispose]();
        // Removes an empty folder and nothing else, whatever is in its place by now.
        await rmdir(path).catch(() => undefined);
        if (home !== parent) await rmdir(home).catch(() => undefined);
        guard?.[Symbol.dispose]();
      }
      const first = created.get(parent);
      if (first !== undefined) await removeEmpty(parent, first);
    },
  };
}

/** Opens the folder if this user alone can have made it. */
async function openOurs(path: string): Promise<Folder> {
  const folder = await Folder.open(path);
  const made = await folder.stat();
  if (!isForUsAlone(made)) {
    await folder[Symbol.asyncDispose]();
    throw Object.assign(new Error('another user has put a folder of his own in its place'), {
      code: 'EPERM',
    });
  }
  return folder;
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
