/**
 * A lock among processes by a file that only one of them can create. It is for steps of milliseconds: the others wait, and remove
 * the lock of a process that has died.
 */
import { randomBytes } from 'node:crypto';
import { link, open, readFile, rename, rm, stat } from 'node:fs/promises';
import { LocalIoError } from '../errors.js';
import { isAbandoned, ownerMark } from './owner.js';
import { sleepFor } from './retry.js';
import { errorCode, localIoError } from './scratch.js';

const LOOK_AGAIN_MS = 20;
/** A lock that has no owner for this long was left by a process that died between creating and writing it. */
const UNWRITTEN_MS = 5_000;
/** Far longer than the step takes on any disk. */
const GIVE_UP_MS = 60_000;

/** Runs `step` while this process has the lock `path`. Throws LocalIoError when another holds it for a minute, or it cannot be created. */
export async function withFileLock<T>(
  path: string,
  step: () => Promise<T>,
  signal?: AbortSignal,
  giveUpMs: number = GIVE_UP_MS,
): Promise<T> {
  const since = performance.now();
  const mark = await ownerMark();
  while (!(await tryLock(path, mark))) {
    if (await removeLeftBehind(path)) continue;
    if (performance.now() - since > giveUpMs) {
      throw new LocalIoError(`${path}: another run holds this lock`, {
        hint: 'if none runs, remove that file',
      });
    }
    await sleepFor(LOOK_AGAIN_MS, signal);
  }
  try {
    return await step();
  } finally {
    await rm(path, { force: true });
  }
}

async function tryLock(path: string, mark: string): Promise<boolean> {
  let file;
  try {
    file = await open(path, 'wx');
  } catch (cause) {
    if (errorCode(cause) === 'EEXIST') return false;
    throw localIoError(`cannot lock ${path}`, cause);
  }
  try {
    await file.writeFile(mark);
  } finally {
    await file.close();
  }
  return true;
}

/** True when the lock of a dead process was removed. Two processes may do this at once: one that moves the other's new lock puts it back. */
async function removeLeftBehind(path: string): Promise<boolean> {
  const aside = `${path}.${randomBytes(6).toString('hex')}`;
  try {
    const owner = await readFile(path, 'utf8');
    const isLeft = owner === '' ? await isUnwritten(path) : await isAbandoned(owner, path);
    if (!isLeft) return false;
    await rename(path, aside);
    if ((await readFile(aside, 'utf8')) === owner) return true;
    await link(aside, path);
    return false;
  } catch {
    return false; // another process was faster
  } finally {
    await rm(aside, { force: true });
  }
}

async function isUnwritten(path: string): Promise<boolean> {
  return Date.now() - (await stat(path)).mtimeMs > UNWRITTEN_MS;
}
