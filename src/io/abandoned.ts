/**
 * Removes what killed runs have left behind. Names can be forged, so a name decides nothing alone: only a folder in which no other
 * user can put anything is cleaned, and in it only files and folders as this program makes them.
 */
import type { Stats } from 'node:fs';
import { lstat, readdir, rm } from 'node:fs/promises';
import { Folder, isOurs, isPrivate } from './folder.js';
import { isAbandoned } from './owner.js';

/**
 * Removes entries of `folder` with this prefix whose owner has ended. Other people's folders and shared ones are left alone, and so
 * is an entry that cannot be removed, which does no harm.
 */
export async function removeAbandoned(folder: string, prefix: string): Promise<void> {
  const names = (await readdir(folder)).filter((name) => name.startsWith(prefix));
  if (names.length === 0 || !(await isPrivate(folder))) return;
  await using opened = await Folder.open(folder);
  for (const name of names) {
    const path = opened.at(name);
    try {
      if (isAsMade(await lstat(path)) && (await isAbandoned(name.slice(prefix.length), path)))
        await rm(path, { recursive: true, force: true });
    } catch {
      // Another run has removed it, or it cannot be removed.
    }
  }
}

/** True for a folder or file as runs leave it: ours, no link, not one of several names, and a folder for its owner alone. */
function isAsMade(found: Stats): boolean {
  if (!isOurs(found)) return false;
  if (found.isDirectory()) return (found.mode & 0o777) === 0o700;
  return found.isFile() && found.nlink === 1;
}
