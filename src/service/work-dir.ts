/** The folder of the service: for its user alone, with the queue's file and the spool of conversions. */
import { constants, lstatSync, readdirSync } from 'node:fs';
import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { LocalIoError } from '../errors.js';
import { makeFoldersSync } from '../io/make-folders.js';
import { openScratch } from '../io/scratch.js';
import { localIoError } from '../io/system-error.js';

export interface WorkDir {
  readonly path: string;
  readonly spool: string;
}

/** Throws LocalIoError for a folder that others can change, since it holds what is pushed. */
export function openWorkDir(path: string): WorkDir {
  const spool = join(path, 'spool');
  try {
    makeFoldersSync(spool, 0o700);
  } catch (cause) {
    throw localIoError(`cannot create the work folder ${path}`, cause);
  }
  const found = lstatSync(path);
  const isOurs = process.geteuid === undefined || found.uid === process.geteuid();
  if (!found.isDirectory() || !isOurs || (found.mode & 0o022) !== 0)
    throw new LocalIoError(`the work folder ${path} belongs to another user, or others may write to it`, {
      hint: 'name another provider.work_dir',
    });
  return { path, spool };
}

/** Removes what processes that are dead have left in the spool, which opening a folder in it does. */
export async function removeLeftovers({ spool }: Pick<WorkDir, 'spool'>): Promise<void> {
  await (await openScratch(spool))[Symbol.asyncDispose]();
}

/** Bytes of the files in a folder. What disappears meanwhile counts for nothing. */
export function bytesIn(folder: string): number {
  let sum = 0;
  try {
    for (const entry of readdirSync(folder, { withFileTypes: true, recursive: true })) {
      if (!entry.isFile()) continue;
      sum += lstatSync(join(entry.parentPath, entry.name), { throwIfNoEntry: false })?.size ?? 0;
    }
  } catch {
    // the folder, or one in it, is gone
  }
  return sum;
}

export function isWritable(folder: string): Promise<boolean> {
  return access(folder, constants.W_OK).then(
    () => true,
    () => false,
  );
}
