/**
 * Marks temporary files and folders with their owner, in their names, so that a later run can remove those of a killed run and keep
 * those of a running one. A process number is not enough: numbers come back, and containers that share a folder count separately.
 * So the name has the number, the time at which that process started, and a mark of the machine and its process namespace.
 */
import { createHash } from 'node:crypto';
import { lstat, readFile, readlink } from 'node:fs/promises';
import { hostname } from 'node:os';

/** `PID-START-PLACE`; the rest of a name is random. Without /proc the mark means nothing, and age alone decides. */
const PATTERN = /^(\d+)-(\d+)-([0-9a-f]{8})-/;
/** Milliseconds: an owner on another machine or in another container counts as dead when its file has not changed for this long. */
const FOREIGN_AGE_MS = 24 * 3600 * 1000;

/** The beginning of a name, up to and including a dash. */
export async function ownerMark(): Promise<string> {
  const self = await readSelf();
  return `${self.pid}-${self.start}-${self.place}-`;
}

/** True when the owner in `name`, whose prefix is removed, has ended. The age of `path` decides when that cannot be known. */
export async function isAbandoned(name: string, path: string): Promise<boolean> {
  const match = PATTERN.exec(name);
  if (match === null) return false;
  const [, pid = '', start = '', place = ''] = match;
  if (place !== (await readSelf()).place) return isOld(path);
  return (await startOf(pid)) !== start;
}

/** True for a text that begins as `ownerMark` does. */
export function isMark(text: string): boolean {
  return PATTERN.test(text);
}

/** True when the owner in `name` is a process that could be seen here: of this machine, since its start, and of this container. */
export async function isOfThisPlace(name: string): Promise<boolean> {
  return PATTERN.exec(name)?.[3] === (await readSelf()).place;
}

async function isOld(path: string): Promise<boolean> {
  try {
    return Date.now() - (await lstat(path)).mtimeMs > FOREIGN_AGE_MS;
  } catch {
    return false; // gone, or not accessible to us
  }
}

interface Self {
  readonly pid: string;
  readonly start: string;
  readonly place: string;
}

let self: Promise<Self> | undefined;

function readSelf(): Promise<Self> {
  self ??= (async () => {
    const [pid, namespace, boot] = await Promise.all([
      orNothing(readlink('/proc/self')),
      orNothing(readlink('/proc/self/ns/pid')),
      orNothing(readFile('/proc/sys/kernel/random/boot_id', 'utf8')),
    ]);
    const place = createHash('sha256')
      .update(`${hostname()}\n${boot}\n${namespace}`)
      .digest('hex')
      .slice(0, 8);
    return { pid: pid === '' ? '0' : pid, start: (await startOf(pid)) ?? '0', place };
  })();
  return self;
}

/**
 * The start of a process, in ticks since the start of the machine: field 22 of `/proc/PID/stat`, proc(5). Undefined when there is none,
 * and for one that has ended and waits for its parent to notice: it has no files any more.
 */
async function startOf(pid: string): Promise<string | undefined> {
  const text = await orNothing(readFile(`/proc/${pid}/stat`, 'utf8'));
  // The second field is a name in brackets, which may contain blanks and brackets.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return fields[0] === 'Z' || fields[0] === 'X' ? undefined : fields[19];
}

async function orNothing(read: Promise<string>): Promise<string> {
  return read.catch(() => '');
}
