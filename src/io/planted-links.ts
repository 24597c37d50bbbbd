/** Links and files that another user may have put where this user's files are written or read. */
import { lstatSync, type Stats, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { isOurs } from './folder.js';

const OTHERS_WRITE = 0o022;
/** All may write, and each entry stays its owner's (sticky), as in `/tmp`. */
const FOR_ALL = 0o1002;

/** Throws for a link of another user on the way to the file, in a folder that is not ours alone. */
export function refusePlantedLinks(path: string): void {
  for (let folder = dirname(resolve(path)); folder !== dirname(folder); folder = dirname(folder)) {
    const found = lstatSync(folder, { throwIfNoEntry: false });
    if (found?.isSymbolicLink() === true && !isOurs(found) && found.uid !== 0 && isShared(dirname(folder)))
      throw new Error(`${folder} is a link that another user has put there`);
  }
}

/** True for a folder in which other users can put files. */
export function isShared(folder: string): boolean {
  const found = statSync(folder, { throwIfNoEntry: false });
  if (found === undefined || process.geteuid === undefined) return false;
  return (found.mode & OTHERS_WRITE) !== 0 || !(isOurs(found) || found.uid === 0);
}

/** Throws for anything in a shared folder that this user alone cannot have put there. */
export function demandOwnFile(found: Stats): void {
  if (found.isFile() && found.nlink === 1 && isOurs(found)) return;
  throw new Error('in this folder, which other users share, it is no file of your own');
}

/**
 * Throws where `path`, or a folder on the way to it, belongs to another user and lies in a folder for all, where any name may be taken
 * before. It is asked after the file was read, so that no other could take its place in between; a name that has gone by then was
 * never this user's.
 */
export function refusePlanted(path: string): void {
  if (process.geteuid === undefined) return;
  for (let at = resolve(path), folder = dirname(at); at !== folder; at = folder, folder = dirname(at)) {
    const found = lstatSync(at, { throwIfNoEntry: false });
    if (found !== undefined && (isOurs(found) || found.uid === 0)) continue;
    const mode = statSync(folder, { throwIfNoEntry: false })?.mode ?? 0;
    if ((mode & FOR_ALL) === FOR_ALL)
      throw new Error(`another user has put ${at} into a folder that all users share`);
  }
}
