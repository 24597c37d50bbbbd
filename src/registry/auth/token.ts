/** Reads the answer of a token server. Distribution, docs/spec/auth/token.md and oauth.md. */
import { gunzipSync } from 'node:zlib';
import { AuthError, RegistryError } from '../../errors.js';
import { collect } from '../../io/streams.js';
import type { Side } from '../../remedy.js';
import { redactUrl } from '../http/redact.js';
import type { HttpResponse } from '../http/transport.js';
import { ANSWERS, mayPass, meaningOf } from '../answers.js';
import { loginHost } from './hosts-of-logins.js';

/** The lifetime of a token whose server names none; distribution, docs/spec/auth/token.md. */
const DEFAULT_LIFETIME_S = 60;
const MAX_ANSWER_BYTES = 1024 * 1024;

export interface Grant {
  readonly token: string;
  readonly lifetimeMs: number;
  /** Gets further tokens without the password. */
  readonly refreshToken: string | undefined;
}

/** The login that the token was asked for with, for errors. */
export interface GrantRequest {
  /** The registry, with its port. */
  readonly host: string;
  /** The places where credentials were searched. */
  readonly description: string;
  readonly hasCredential: boolean;
  readonly side: Side;
}

/** Throws AuthError when the server refuses, RegistryError when its answer is of no use. */
export async function readGrant(response: HttpResponse, request: GrantRequest): Promise<Grant> {
  const { status } = response;
  const server = `token server ${redactUrl(new URL(response.url.pathname, response.url))}`;
  if (meaningOf(ANSWERS.token, status) !== 'granted') {
    await response.discard();
    const retryable = mayPass(ANSWERS.token, status, response.headers['retry-after']);
    if (retryable || status < 400 || status >= 500)
      throw new RegistryError(`${server} answered ${status}`, { status, retryable });
    throw refusal(status, request);
  }
  const bytes = await collect(response.body, MAX_ANSWER_BYTES, `answer of ${server}`);
  const answer = answerIn(bytes);
  // The answer may hold a secret, so the errors do not quote it.
  if (answer === undefined) throw new RegistryError(`${server} gave an answer that is not JSON`);
  const token = textIn(answer, 'token') ?? textIn(answer, 'access_token');
  if (token === undefined) throw new RegistryError(`${server} gave an answer without a token`);
  const seconds = Number(textIn(answer, 'expires_in') ?? answer['expires_in']);
  return {
    token,
    lifetimeMs:
      (typeof answer['expires_in'] !== 'boolean' && seconds > 0 ? seconds : DEFAULT_LIFETIME_S) * 1000,
    refreshToken: textIn(answer, 'refresh_token'),
  };
}

/** The object in the bytes; undefined when there is none. Some servers compress it unasked, or begin it with a byte order mark. */
function answerIn(bytes: Buffer): Readonly<Record<string, unknown>> | undefined {
  try {
    const isGzip = bytes[0] === 0x1f && bytes[1] === 0x8b;
    const plain = isGzip ? gunzipSync(bytes, { maxOutputLength: MAX_ANSWER_BYTES }) : bytes;
    const json: unknown = JSON.parse(plain.toString('utf8').replace(/^\ufeff/, ''));
    const isObject = typeof json === 'object' && json !== null;
    return isObject ? Object.fromEntries(Object.entries(json)) : undefined;
  } catch {
    return undefined;
  }
}

/** A member that is a text with something in it. Whatever else an optional member holds is as good as nothing. */
function textIn(answer: Readonly<Record<string, unknown>>, name: string): string | undefined {
  const value = answer[name];
  return typeof value === 'string' && value !== '' ? value : undefined;
}

function refusal(status: number, { host, description, hasCredential, side }: GrantRequest): AuthError {
  const what = hasCredential ? 'refused the stored credentials' : 'gives no anonymous access';
  return new AuthError(`registry ${host} ${what} (token server answered ${status})`, {
    remedy: { kind: 'login', host: loginHost(host), searched: description, stored: hasCredential },
    side,
  });
}
