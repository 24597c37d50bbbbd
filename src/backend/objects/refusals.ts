/** What an object store says when it refuses, as one sentence each. S3 and OSS have most of these codes in common. */
import { AuthError, type NydusError, RegistryError } from '../../errors.js';
import type { Redactor } from '../../registry/http/redact.js';
import type { Side } from '../../remedy.js';

/** The bucket that was asked. */
export interface Asked {
  readonly location: string;
  readonly bucket: string;
  readonly endpoint: string;
  readonly side: Side;
  readonly redactor: Redactor;
}

export interface Refusal {
  /** The purpose of the request, as in "cannot store blob …". */
  readonly what: string;
  readonly status: number;
  /** The store's own word. */
  readonly code: string | undefined;
  readonly message: string | undefined;
  readonly retryAfterMs?: number | undefined;
}

/** Codes about the keys. */
const KEYS: Readonly<Record<string, string>> = {
  InvalidAccessKeyId: 'the access key is not known there',
  // Of versitygw.
  XAdminUserNotFound: 'the access key is not known there',
  SignatureDoesNotMatch: 'the secret key does not belong to the access key',
  ExpiredToken: 'the security token has expired',
  InvalidToken: 'the security token is not valid',
  InvalidSecurityToken: 'the security token is not valid',
  SecurityTokenExpired: 'the security token has expired',
  TokenRefreshRequired: 'the security token has expired',
  AccountProblem: 'there is a problem with the account',
  UserDisable: 'the account is disabled',
  NotSignedUp: 'the account has no such service',
};

const RETRYABLE: ReadonlySet<string> = new Set([
  'InternalError',
  'OperationAborted',
  'RequestTimeout',
  'RequestTimeTooSkewed',
  'ServiceUnavailable',
  'SlowDown',
  'Throttling',
  'ThrottlingException',
  'TooManyRequests',
]);

const BUSY: ReadonlySet<string> = new Set([
  'SlowDown',
  'Throttling',
  'ThrottlingException',
  'TooManyRequests',
]);
const FULL: ReadonlySet<string> = new Set(['QuotaExceeded', 'XMinioStorageFull', 'InsufficientStorage']);
const ELSEWHERE: ReadonlySet<string> = new Set([
  'AuthorizationHeaderMalformed',
  'IllegalLocationConstraintException',
  'PermanentRedirect',
]);

/** Longer texts of a server say nothing more. */
const MAX_TEXT = 200;

export function refusalError(refusal: Refusal, asked: Asked): NydusError {
  const { what, status, code = '', retryAfterMs } = refusal;
  const { bucket, endpoint, side } = asked;
  const details = { status, side, registryCodes: code === '' ? [] : [code], retryAfterMs };
  const key = Object.hasOwn(KEYS, code) ? KEYS[code] : undefined;
  if (key !== undefined) return new AuthError(`${what}: ${key}`, { side });
  if (code === 'RequestTimeTooSkewed')
    return new RegistryError(`${what}: the clock of this machine and that of the server differ too much`, {
      ...details,
      retryable: true,
      hint: 'set the clock of this machine',
    });
  if (code === 'NoSuchBucket')
    return new RegistryError(`${what}: there is no bucket ${bucket} at ${endpoint}`, details);
  if (ELSEWHERE.has(code) || status === 301)
    return new RegistryError(
      `${what}: the bucket ${bucket} is in another region, or at another endpoint`,
      details,
    );
  if (status === 401 || status === 403)
    return new AuthError(`${what}: access is denied${textOf(refusal, asked)}`, {
      side,
      hint: 'the key needs leave to get, put and list objects of the bucket, and to list and abort uploads in parts',
    });
  if (FULL.has(code) || status === 507)
    return new RegistryError(`${what}: there is no room in the bucket ${bucket}`, details);
  if (BUSY.has(code) || status === 429 || status === 503)
    return new RegistryError(`${what}: the server asks to go slower`, { ...details, retryable: true });
  const retryable = RETRYABLE.has(code) || status >= 500;
  return new RegistryError(`${what}: status ${status}${textOf(refusal, asked)}`, { ...details, retryable });
}

/** True when the store does not know the upload: another run has completed or aborted it. */
export function isLostUpload(error: unknown): boolean {
  return error instanceof RegistryError && error.registryCodes.includes('NoSuchUpload');
}

/** Code and message, in one line and without secrets. */
function textOf({ code = '', message = '' }: Refusal, { redactor }: Asked): string {
  const text = [code, message].filter((part) => part !== '').join(': ');
  // A server may send back what it got, and more lines than one.
  const line = redactor
    .text(text)
    .replace(/[\p{C}\s]+/gu, ' ')
    .trim();
  return line === '' ? '' : ` (${line.length > MAX_TEXT ? `${line.slice(0, MAX_TEXT)}…` : line})`;
}
