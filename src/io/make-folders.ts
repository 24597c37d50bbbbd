/** Makes a folder and those above it. Node's own way never ends where the system says that a folder which is there is not, as in /proc. */
import { mkdirSync, type Stats, statSync } from 'node:fs';
import { lstat, mkdir, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { errorCode } from './system-error.js';

/** Returns the first folder that was made, and undefined if all are there. Throws the system's errors. */
export async function makeFolders(path: string, mode?: number): Promise<string | undefined> {
  return make(resolve(path), mode);
}

async function make(path: string, mode: number | undefined): Promise<string | undefined> {
  if (path === dirname(path) || (await isFolder(path))) return undefined;
  const first = await make(dirname(path), mode);
  try {
    await mkdir(path, mode);
  } catch (cause) {
    if (errorCode(cause) !== 'EEXIST') throw cause;
    // Another process was faster, and may have removed it by now.
    if (await isFolder(path)) return first;
    if ((await found(lstat(path))) !== undefined) throw cause;
    return make(path, mode);
  }
  return first ?? path;
}

async function isFolder(path: string): Promise<boolean> {
  return (await found(stat(path)))?.isDirectory() === true;
}

/** Undefined for what is not there. */
async function found(looking: Promise<Stats>): Promise<Stats | undefined> {
  try {
    return await looking;
  } catch (cause) {
    if (errorCode(cause) === 'ENOENT') return undefined;
    throw cause;
  }
}

/** As `makeFolders`, at once. */
export function makeFoldersSync(path: string, mode?: number): void {
  const whole = resolve(path);
  if (whole === dirname(whole) || isFolderSync(whole)) return;
  makeFoldersSync(dirname(whole), mode);
  try {
    mkdirSync(whole, mode);
  } catch (cause) {
    if (errorCode(cause) !== 'EEXIST' || !isFolderSync(whole)) throw cause;
  }
}

function isFolderSync(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}
