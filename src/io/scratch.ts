/** A temporary folder that removes itself, and nothing that existed before. */
import { mkdir, mkdtemp, readdir, rm, rmdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { LocalIoError, type NydusErrorOptions } from '../errors.js';
import { isAbandoned, ownerMark } from './owner.js';

export interface Scratch extends AsyncDisposable {
  readonly path: string;
  /** The path of a file in the folder. Does not create it. */
  file(name: string): string;
}

/** Work folders that this process created, each with the first parent that was missing. The last scratch folder removes them. */
const created = new Map<string, string>();

/**
 * Creates a folder inside `workDir`. If `workDir` is absent, it is created too, and removed at the end with all parents created for
 * it, unless they hold something else by then. Folders that killed runs have left in `workDir` are removed first. Throws
 * LocalIoError.
 */
export async function openScratch(workDir: string, prefix = 'nydusify-'): Promise<Scratch> {
  const mark = await ownerMark();
  const parent = resolve(workDir);
  let path: string;
  try {
    const first = await mkdir(parent, { recursive: true });
    if (first !== undefined) created.set(parent, resolve(first));
    await removeAbandoned(parent, prefix);
    path = await mkdtemp(join(parent, prefix + mark));
  } catch (cause) {
    throw localIoError(`cannot create a temporary folder in ${parent}`, cause, {
      remedy: { kind: 'work-dir' },
    });
  }
  return {
    path,
    file: (name) => join(path, name),
    [Symbol.asyncDispose]: async () => {
      await rm(path, { recursive: true, force: true });
      const first = created.get(parent);
      if (first !== undefined) await removeEmpty(parent, first);
    },
  };
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

/** Removes entries with this prefix whose owner has ended. An entry that cannot be removed stays, which does no harm. */
export async function removeAbandoned(folder: string, prefix: string): Promise<void> {
  for (const name of await readdir(folder)) {
    if (!name.startsWith(prefix)) continue;
    const path = join(folder, name);
    if (await isAbandoned(name.slice(prefix.length), path)) {
      await rm(path, { recursive: true, force: true }).catch(() => undefined);
    }
  }
}

/** Turns an operating system's error into a sentence: first what could not be done, then why. */
export function localIoError(
  what: string,
  cause: unknown,
  advice: Pick<NydusErrorOptions, 'hint' | 'remedy'> = {},
): LocalIoError {
  return new LocalIoError(`${what}: ${systemReason(cause)}`, { cause, ...advice });
}

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'no such file or folder',
  EACCES: 'permission denied',
  EPERM: 'not permitted',
  EROFS: 'the file system is read-only',
  ENOSPC: 'no space left on the device',
  EDQUOT: 'the disk quota is used up',
  ENOTDIR: 'a part of the path is not a folder',
  EISDIR: 'it is a folder',
  EEXIST: 'it exists already',
  EIO: 'input or output error',
  EBADF: 'it is closed',
  EFBIG: 'the file would be too large',
  EMFILE: 'too many open files',
  ENAMETOOLONG: 'the name is too long',
  ELOOP: 'too many symbolic links',
};

/** The reason of a failed system call, in words where we have them. */
export function systemReason(cause: unknown): string {
  const code = errorCode(cause);
  return (
    (code === undefined ? undefined : REASONS[code]) ??
    (cause instanceof Error ? cause.message : String(cause))
  );
}

/** A code such as `ENOENT`; undefined for errors without one. */
export function errorCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
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
