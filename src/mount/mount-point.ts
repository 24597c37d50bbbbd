/** Whether something is mounted on a directory, and how it is unmounted. */
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';

/** The system's list, whose fifth field is the directory. */
const MOUNTS = '/proc/self/mountinfo';

/** `directory` is a real path. Undefined where the system has no such list. */
export async function isMounted(directory: string): Promise<boolean | undefined> {
  let text;
  try {
    text = await readFile(MOUNTS, 'utf8');
  } catch {
    return undefined;
  }
  const points = text.split('\n').map((line) => unescaped(line.split(' ')[4] ?? ''));
  return points.includes(directory);
}

/** Spaces, tabs, line breaks and backslashes are written in octal. */
function unescaped(field: string): string {
  return field.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
}

/** While programs have files open there, an unmount is refused. */
const BUSY_ATTEMPTS = 15;
const BUSY_MS = 200;

export interface UnmountOptions {
  /** Called when programs use the directory while it is to be unmounted. */
  readonly onBusy: () => void;
  /** Fires when programs that use the directory are not to be waited for. */
  readonly hurry: AbortSignal;
}

/**
 * Unmounts. If programs still use the directory after three seconds, it is taken out of the tree and goes when they end; `onBusy` is
 * called then. Returns false if it is mounted all the same.
 */
export async function unmount(directory: string, { onBusy, hurry }: UnmountOptions): Promise<boolean> {
  const isRoot = process.geteuid?.() === 0;
  const [plain, lazy] = isRoot
    ? [[['umount', directory]], [['umount', '-l', directory]]]
    : [
        [
          ['fusermount3', '-u', directory],
          ['fusermount', '-u', directory],
          ['umount', directory],
        ],
        [
          ['fusermount3', '-uz', directory],
          ['fusermount', '-uz', directory],
          ['umount', '-l', directory],
        ],
      ];
  for (let attempt = 0; attempt < BUSY_ATTEMPTS; attempt++) {
    if ((await anyOf(plain)) || (await isMounted(directory)) === false) return true;
    if (hurry.aborted) break;
    await sleep(BUSY_MS, undefined, { signal: hurry }).catch(() => undefined);
  }
  onBusy();
  return (await anyOf(lazy)) || (await isMounted(directory)) === false;
}

/** True once one of the programs has succeeded. */
async function anyOf(commands: readonly (readonly string[])[]): Promise<boolean> {
  for (const [program = '', ...args] of commands) {
    const isDone = await new Promise<boolean>((resolve) => {
      execFile(program, args, (error) => {
        resolve(error === null);
      });
    });
    if (isDone) return true;
  }
  return false;
}
