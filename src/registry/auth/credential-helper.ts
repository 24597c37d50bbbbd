/**
 * Speaks with a credential helper: `docker-credential-NAME get|store|erase|list`, the key or the login on its standard input, JSON on
 * its standard output. docker/docker-credential-helpers. Nothing of its output is shown, since it may hold secrets.
 */
import * as v from 'valibot';
import { AuthError } from '../../errors.js';
import { errorCode } from '../../io/system-error.js';
import type { Credential } from './credentials.js';
import { type Ended, type HelperRun, type HelperVerb, runHelper } from './helper-process.js';

export interface HelperOptions extends HelperRun {
  /** The configuration that may name the helper, for hints. */
  readonly searched: string;
}

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
  const ended = await call(name, 'get', `${key}\n`, key, options);
  return ended === undefined ? undefined : fromAnswer(ended.text, programOf(name));
}

/** Has the helper keep a login. Throws AuthError, and the signal's reason once it has fired. */
export async function storeInHelper(
  name: string,
  key: string,
  credential: Credential,
  options: HelperOptions,
): Promise<void> {
  const { username, password, identityToken } = credential;
  const login = {
    ServerURL: key,
    Username: identityToken === undefined ? (username ?? '') : TOKEN_USER,
    Secret: identityToken ?? password ?? '',
  };
  const ended = await call(name, 'store', JSON.stringify(login), key, options);
  if (ended === undefined) throw failure(name, key, 1);
}

/** Has the helper forget a login; false when it has none. Throws AuthError, and the signal's reason once it has fired. */
export async function eraseFromHelper(name: string, key: string, options: HelperOptions): Promise<boolean> {
  return (await call(name, 'erase', `${key}\n`, key, options)) !== undefined;
}

/** The keys that the helper has logins for; undefined when it cannot say. Throws the signal's reason once it has fired. */
export async function listOfHelper(
  name: string,
  options: HelperOptions,
): Promise<readonly string[] | undefined> {
  try {
    const ended = await call(name, 'list', '', 'its list', options);
    const keys = v.safeParse(v.record(v.string(), v.unknown()), jsonIn(ended?.text ?? ''));
    return keys.success ? Object.keys(keys.output) : undefined;
  } catch (error) {
    if (error instanceof AuthError) return undefined;
    throw error;
  }
}

/** Runs the helper; undefined when it answers that it knows no such login. */
async function call(
  name: string,
  verb: HelperVerb,
  input: string,
  key: string,
  options: HelperOptions,
): Promise<Ended | undefined> {
  const { timeoutMs, searched } = options;
  const program = programOf(name);
  if (!/^[A-Za-z0-9._-]+$/.test(name)) throw new AuthError(`"${name}" is no name of a credential helper`);
  let ended: Ended;
  try {
    ended = await runHelper(program, verb, input, options);
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
  if (ended.status === 0) return ended;
  if (NOT_FOUND.test(ended.text)) return undefined;
  throw failure(name, key, ended.status);
}

function programOf(name: string): string {
  return `docker-credential-${name}`;
}

function failure(name: string, key: string, status: Ended['status']): AuthError {
  return new AuthError(`${programOf(name)} failed for ${key} with status ${String(status)}`);
}

function fromAnswer(text: string, program: string): Credential | undefined {
  // Some helpers have nothing to say where they have no credential.
  if (text.trim() === '') return undefined;
  const json = jsonIn(text);
  if (json === undefined) throw new AuthError(`${program} gave an answer that is not JSON`);
  const result = v.safeParse(answerSchema, json);
  if (!result.success) throw new AuthError(`${program} gave an answer without Username and Secret`);
  const { Username, Secret } = result.output;
  if (Secret === '') return undefined;
  return Username === TOKEN_USER ? { identityToken: Secret } : { username: Username, password: Secret };
}

/** Undefined when there is none. Some helpers announce a new version of themselves first. */
function jsonIn(text: string): unknown {
  try {
    return JSON.parse(text.slice(Math.max(0, text.search(/^\s*\{/m))));
  } catch {
    return undefined;
  }
}
