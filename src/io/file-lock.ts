/**
 * A lock among processes by a file that only one of them can create. It is for steps of milliseconds: the others wait, and remove
 * the lock of a process that has died. The file gets its name with its content in it, so that no moment leaves an empty one.
 */
import { randomBytes } from 'node:crypto';
import { constants, type Stats } from 'node:fs';
import { link, lstat, open, rename, rm, utimes } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { LocalIoError } from '../errors.js';
import { guardingFile } from '../native/guard.js';
import { isAbandoned, isMark, isOfThisPlace, ownerMark } from './owner.js';
import { sleepFor } from './retry.js';
import { errorCode, localIoError } from './system-error.js';
import { PART_PREFIX } from './whole-file.js';

const LOOK_AGAIN_MS = 20;
/** The owner of a lock touches it this often, so that others can tell it from one that a power failure has left. */
const TOUCH_MS = 1_000;
/** A lock without a readable owner was left by a process, or a machine, that stopped while it was being written. */
const UNREADABLE_MS = 1_000;
/** Such a lock of this age need not be watched. */
const OLD_UNREADABLE_MS = 5_000;
/** A lock of another machine, or of this one before it was started anew, counts as left when it is not touched for so long. */
const UNTOUCHED_MS = 20_000;
/** Far longer than the step takes on any disk. */
const GIVE_UP_MS = 60_000;
/** Bytes: no owner is longer. */
const MAX_OWNER = 256;

/** Threads of one process have locks of their own, and each has this module for itself. */
const THREAD = randomBytes(8).toString('hex');

/** Runs `step` while this process has the lock `path`. Throws LocalIoError when another holds it for a minute, or it cannot be created. */
export async function withFileLock<T>(
  path: string,
  step: () => Promise<T>,
  signal?: AbortSignal,
  giveUpMs: number = GIVE_UP_MS,
): Promise<T> {
  const since = performance.now();
  const mark = `${await ownerMark()}${THREAD}`;
  return guardingFile({ path, content: mark }, async () => {
    const watched = new WatchedLock(path);
    while (!(await tryLock(path, mark))) {
      if (await watched.removeIfLeft()) continue;
      if (performance.now() - since > giveUpMs) {
        throw new LocalIoError(`${path}: another run holds this lock`, {
          hint: 'if none runs, remove that file',
        });
      }
      await sleepFor(LOOK_AGAIN_MS, signal);
    }
    const touching = setInterval(() => {
      const now = new Date();
      utimes(path, now, now).catch(() => undefined);
    }, TOUCH_MS).unref();
    try {
      return await step();
    } finally {
      clearInterval(touching);
      await rm(path, { force: true });
    }
  });
}

async function tryLock(path: string, mark: string): Promise<boolean> {
  const written = await asideOf(path);
  return guardingFile({ path: written }, async () => {
    try {
      const file = await open(written, 'wx');
      try {
        await file.writeFile(mark);
      } finally {
        await file.close();
      }
      return await named(written, path, mark);
    } catch (cause) {
      throw localIoError(`cannot lock ${path}`, cause);
    } finally {
      await rm(written, { force: true });
    }
  });
}

/** Gives the file the lock's name; false when another process has it. */
async function named(written: string, path: string, mark: string): Promise<boolean> {
  try {
    await link(written, path);
    return true;
  } catch (cause) {
    if (errorCode(cause) === 'EEXIST') return false;
  }
  // Some file systems know no second names. There the lock is created empty, and a moment later has its content.
  try {
    const file = await open(path, 'wx');
    try {
      await file.writeFile(mark);
    } finally {
      await file.close();
    }
    return true;
  } catch (cause) {
    if (errorCode(cause) === 'EEXIST') return false;
    throw cause;
  }
}

interface FoundLock {
  readonly owner: string;
  readonly file: Stats;
}

/** The lock of another process, as it was seen so far. Times are measured here, because clocks of machines differ. */
class WatchedLock {
  readonly #path: string;
  #seen = '';
  #since = 0;

  constructor(path: string) {
    this.#path = path;
  }

  /** True when the lock of a dead process was removed. Two processes may do this at once: one that moves the other's new lock puts it back. */
  async removeIfLeft(): Promise<boolean> {
    const aside = await asideOf(this.#path);
    return guardingFile({ path: aside }, () => this.#removeIfLeft(aside));
  }

  async #removeIfLeft(aside: string): Promise<boolean> {
    const found = await this.#look();
    try {
      if (found === undefined || !(await this.#isLeft(found))) return false;
      await rename(this.#path, aside);
      if ((await readOwner(aside)) === found.owner) return true;
      await link(aside, this.#path);
      return false;
    } catch {
      return false; // another process was faster
    } finally {
      await rm(aside, { force: true });
    }
  }

  /** Throws LocalIoError when something else has the lock's name, which no run will ever remove. */
  async #look(): Promise<FoundLock | undefined> {
    let file;
    try {
      file = await lstat(this.#path);
      if (file.isFile()) return { owner: await readOwner(this.#path), file };
    } catch {
      return undefined; // it is gone
    }
    throw new LocalIoError(`${this.#path}: it is no lock of a run`, { hint: 'remove it' });
  }

  async #isLeft({ owner, file }: FoundLock): Promise<boolean> {
    const seen = `${owner} ${file.ino} ${file.mtimeMs}`;
    const now = performance.now();
    if (seen !== this.#seen) {
      this.#seen = seen;
      this.#since = now;
    }
    if (!isMark(owner))
      return now - this.#since > UNREADABLE_MS || Date.now() - file.mtimeMs > OLD_UNREADABLE_MS;
    if (await isAbandoned(owner, this.#path)) return true;
    return now - this.#since > UNTOUCHED_MS && !(await isOfThisPlace(owner));
  }
}

/** A name of an incomplete file, so that a later run removes it. */
async function asideOf(path: string): Promise<string> {
  return join(dirname(path), `${PART_PREFIX}${await ownerMark()}${randomBytes(8).toString('hex')}`);
}

/** The owner that a lock names; a link in its place is not followed. */
async function readOwner(path: string): Promise<string> {
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(MAX_OWNER), 0, MAX_OWNER, 0);
    return buffer.toString('latin1', 0, bytesRead);
  } finally {
    await file.close();
  }
}
