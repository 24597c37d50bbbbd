/**
 * Runs a credential helper. It may be a script whose children hang, or that leaves a daemon behind which keeps its output open. So the
 * wait ends with the helper itself, and the time limit ends all processes that it has started.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { findProgram } from '../../io/find-program.js';

const ANSWER_LIMIT = 1024 * 1024;
/** Milliseconds that the last bytes of an answer may take after its helper has ended. */
const DRAIN_MS = 200;

export type HelperVerb = 'get' | 'store' | 'erase' | 'list';

export interface HelperRun {
  /** The environment of the helper, whose `PATH` also finds it. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly timeoutMs: number;
  readonly signal: AbortSignal | undefined;
}

export interface Ended {
  readonly status: number | NodeJS.Signals | 'late' | 'long' | null;
  readonly text: string;
}

/** Runs `program VERB`. Rejects when it cannot be started. Afterwards no timer, pipe or process of it keeps this process running. */
export async function runHelper(
  program: string,
  verb: HelperVerb,
  input: string,
  { env, timeoutMs, signal }: HelperRun,
): Promise<Ended> {
  const found = await findProgram(program, env);
  signal?.throwIfAborted();
  // A group of its own, so that the children of a script can be ended with it.
  const child = spawn(found, [verb], {
    env: { ...env },
    stdio: ['pipe', 'pipe', 'ignore'],
    detached: true,
  });
  const pieces: Uint8Array[] = [];
  let size = 0;
  const listening = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  try {
    return await new Promise<Ended>((resolve, reject) => {
      const end = (status: Ended['status']): void => {
        resolve({ status, text: Buffer.concat(pieces).toString('utf8') });
      };
      const cut = (status: Ended['status']): void => {
        endGroup(child);
        end(status);
      };
      timer = setTimeout(() => {
        cut('late');
      }, timeoutMs);
      signal?.addEventListener(
        'abort',
        () => {
          endGroup(child);
          reject(new Error('interrupted'));
        },
        { signal: listening.signal },
      );
      child.once('error', reject);
      child.stdin.on('error', () => undefined); // a helper need not read its input
      child.stdin.end(input);
      child.stdout.on('error', () => undefined);
      child.stdout.on('data', (bytes: Uint8Array) => {
        size += bytes.length;
        if (size > ANSWER_LIMIT) cut('long');
        else pieces.push(bytes);
      });
      child.once('exit', (code, byName) => {
        clearTimeout(timer);
        timer = setTimeout(() => {
          end(byName ?? code);
        }, DRAIN_MS);
      });
      child.once('close', (code, byName) => {
        end(byName ?? code);
      });
    });
  } finally {
    clearTimeout(timer);
    listening.abort();
    child.stdin.destroy();
    child.stdout.destroy();
    child.unref();
  }
}

/** Ends a helper and its children. */
function endGroup(child: ChildProcess): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, 'SIGKILL');
  } catch {
    child.kill('SIGKILL'); // a system without process groups
  }
}
