/**
 * Asks a credential helper: `docker-credential-NAME get`, the host on stdin, JSON on stdout. docker/docker-credential-helpers. A
 * helper may be a script whose children hang, or that leaves a daemon behind which keeps its output open. So the wait ends with the
 * helper itself, and the time limit ends all processes that it has started.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import * as v from 'valibot';
import { AuthError } from '../../errors.js';
import { errorCode } from '../../io/system-error.js';
import type { Credential } from './credentials.js';

export interface HelperOptions {
  /** The environment of the helper, whose `PATH` also finds it. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly timeoutMs: number;
  /** The configuration that may name the helper, for hints. */
  readonly searched: string;
  readonly signal: AbortSignal | undefined;
}

const ANSWER_LIMIT = 1024 * 1024;
/** Milliseconds that the last bytes of an answer may take after its helper has ended. */
const DRAIN_MS = 200;
/** The answers of helpers that know no such host; docker/docker-credential-helpers, credentials/error.go. */
const NOT_FOUND = /credentials not found/i;
/** A helper answers this user name when its secret is an identity token. */
const TOKEN_USER = '<token>';

const answerSchema = v.looseObject({
  Username: v.optional(v.string(), ''),
  Secret: v.optional(v.string(), ''),
});

/** The credential for `key`; undefined when the helper has none. Throws AuthError, and the signal's reason once it has fired. */
export async function askHelper(
  name: string,
  key: string,
  options: HelperOptions,
): Promise<Credential | undefined> {
  const { timeoutMs, searched } = options;
  const program = `docker-credential-${name}`;
  if (!/^[A-Za-z0-9._-]+$/.test(name)) throw new AuthError(`"${name}" is no name of a credential helper`);
  let ended: Ended;
  try {
    ended = await run(program, `${key}\n`, options);
  } catch (cause) {
    options.signal?.throwIfAborted();
    if (errorCode(cause) !== 'ENOENT') throw new AuthError(`${program} failed`, { cause });
    throw new AuthError(`credential helper ${program} is not installed`, {
      hint: `install it, or remove it from ${searched}`,
    });
  }
  if (ended.status === 'late') {
    throw new AuthError(`${program} gave no answer for ${key} within ${Math.round(timeoutMs / 1000)} s`, {
      hint: 'it may be waiting for an answer in a window: log in from a terminal first',
    });
  }
  if (ended.status === 'long') throw new AuthError(`${program} gave an answer of more than 1 MiB`);
  if (ended.status !== 0) {
    if (NOT_FOUND.test(ended.text)) return undefined;
    throw new AuthError(`${program} failed for ${key} with status ${String(ended.status)}`);
  }
  return fromAnswer(ended.text, program);
}

interface Ended {
  readonly status: number | NodeJS.Signals | 'late' | 'long' | null;
  readonly text: string;
}

/** Rejects when the program cannot be started. Afterwards no timer, pipe or process of it keeps this process running. */
async function run(
  program: string,
  input: string,
  { env, timeoutMs, signal }: HelperOptions,
): Promise<Ended> {
  signal?.throwIfAborted();
  // A group of its own, so that the children of a script can be ended with it.
  const child = spawn(program, ['get'], {
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

function fromAnswer(text: string, program: string): Credential | undefined {
  // Some helpers have nothing to say where they have no credential; some announce a new version of themselves first.
  if (text.trim() === '') return undefined;
  let json: unknown;
  try {
    json = JSON.parse(text.slice(Math.max(0, text.search(/^\s*\{/m))));
  } catch {
    throw new AuthError(`${program} gave an answer that is not JSON`); // which may hold a secret, so it is not shown
  }
  const result = v.safeParse(answerSchema, json);
  if (!result.success) throw new AuthError(`${program} gave an answer without Username and Secret`);
  const { Username, Secret } = result.output;
  if (Secret === '') return undefined;
  return Username === TOKEN_USER ? { identityToken: Secret } : { username: Username, password: Secret };
}
