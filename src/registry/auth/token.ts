/** Reads the answer of a token server. Distribution, docs/spec/auth/token.md and oauth.md. */
import * as v from 'valibot';
import { AuthError, RegistryError } from '../../errors.js';
import { collect } from '../../io/streams.js';
import type { Side } from '../../remedy.js';
import { redactUrl } from '../http/redact.js';
import type { HttpResponse } from '../http/transport.js';
import { loginHost } from './credentials.js';

/** The lifetime of a token whose server names none; distribution, docs/spec/auth/token.md. */
const DEFAULT_LIFETIME_S = 60;
const MAX_ANSWER_BYTES = 1024 * 1024;

const tokenSchema = v.looseObject({
  token: v.nullish(v.string()),
  access_token: v.nullish(v.string()),
  expires_in: v.nullish(v.union([v.number(), v.pipe(v.string(), v.transform(Number))])),
  refresh_token: v.nullish(v.string()),
});

/** The answer of a token server. */
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
  if (status >= 400 && status < 500 && status !== 408 && status !== 429) {
    await response.discard();
    throw refusal(status, request);
  }
  if (status !== 200) {
    await response.discard();
    throw new RegistryError(`${server} answered ${status}`, { status, retryable: true });
  }
  const bytes = await collect(response.body, MAX_ANSWER_BYTES, `answer of ${server}`);
  let json: unknown;
  try {
    json = JSON.parse(bytes.toString('utf8'));
  } catch {
    // The answer may hold a secret, so the error does not quote it.
    throw new RegistryError(`${server} gave an answer that is not JSON`);
  }
  const result = v.safeParse(tokenSchema, json);
  const token = result.success ? (result.output.token ?? result.output.access_token ?? '') : '';
  if (!result.success || token === '') throw new RegistryError(`${server} gave an answer without a token`);
  const seconds = result.output.expires_in ?? DEFAULT_LIFETIME_S;
  return {
    token,
    lifetimeMs: (seconds > 0 ? seconds : DEFAULT_LIFETIME_S) * 1000,
    refreshToken: result.output.refresh_token ?? undefined,
  };
}

function refusal(status: number, { host, description, hasCredential, side }: GrantRequest): AuthError {
  const what = hasCredential ? 'refused the stored credentials' : 'gives no anonymous access';
  return new AuthError(`registry ${host} ${what} (token server answered ${status})`, {
    remedy: { kind: 'login', host: loginHost(host), searched: description, stored: hasCredential },
    side,
  });
}
