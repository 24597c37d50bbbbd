/** What a registry says when it refuses, turned into one sentence and, where the user can do something, a hint. */
import * as v from 'valibot';
import { AuthError, type NydusError, RegistryError } from '../errors.js';
import { parseRetryAfter } from '../io/retry.js';
import { collect } from '../io/streams.js';
import { loginCommand } from './credentials.js';
import { redactUrl, type Redactor } from './redact.js';
import { type HttpResponse, type Method } from './transport.js';

export interface Refusal {
  /** What was tried: `cannot read the manifest of registry/repo:tag`. */
  readonly what: string;
  readonly host: string;
  readonly method: Method;
  readonly redactor: Redactor;
  /** What the credential store read, for hints. */
  readonly credentials: string;
  readonly hasCredential: boolean;
}

const BODY_LIMIT = 64 * 1024;
const MESSAGE_LENGTH = 200;
const RETRYABLE = new Set([408, 425, 429, 500, 502, 503, 504]);

/** OCI distribution-spec, "Error Codes". */
const errorsSchema = v.object({
  errors: v.array(
    v.looseObject({
      code: v.optional(v.string(), ''),
      message: v.optional(v.string(), ''),
      detail: v.optional(v.unknown()),
    }),
  ),
});

interface Known {
  readonly text: string;
  readonly hint?: string;
}

const KNOWN: Readonly<Record<string, Known>> = {
  NAME_UNKNOWN: {
    text: 'there is no such repository',
    hint: 'check the name; a private one may need a login',
  },
  NAME_INVALID: { text: 'the registry does not allow this repository name' },
  MANIFEST_UNKNOWN: {
    text: 'there is no such tag or manifest',
    hint: 'check the tag; a private repository may need a login',
  },
  MANIFEST_INVALID: { text: 'the registry refuses the manifest as invalid' },
  MANIFEST_UNVERIFIED: { text: 'the registry refuses the manifest: its signature does not hold' },
  MANIFEST_BLOB_UNKNOWN: {
    text: 'the registry misses parts that the manifest names',
    hint: 'blobs must be there before their manifest, and manifests before their index; run it again',
  },
  BLOB_UNKNOWN: { text: 'the registry does not hold this blob' },
  BLOB_UPLOAD_UNKNOWN: { text: 'the registry has lost the upload' },
  BLOB_UPLOAD_INVALID: { text: 'the registry refuses the upload' },
  DIGEST_INVALID: { text: 'the registry received other bytes than were sent' },
  SIZE_INVALID: { text: 'the registry received another number of bytes than were sent' },
  TOOMANYREQUESTS: {
    text: 'the registry asks for fewer requests',
    hint: 'wait a while; a login may raise the limit',
  },
  UNSUPPORTED: { text: 'the registry does not support this' },
  QUOTA_EXCEEDED: { text: 'the quota of this repository is used up' },
};

/** Reads the answer's body, as far as is decent, and makes an error of it. Never throws. */
export async function refusalError(response: HttpResponse, refusal: Refusal): Promise<NydusError> {
  const { status } = response;
  const request = `${refusal.method} ${redactUrl(response.url)}`;
  const { codes, message } = await readErrors(response, refusal);
  const reason = message === '' ? '' : `: ${refusal.redactor.text(message)}`;
  const known = codes.map((code) => KNOWN[code]).find((entry) => entry !== undefined);
  const label = [status, ...codes].join(' ');
  if (
    status === 401 ||
    (status === 403 && (codes.length === 0 || codes.includes('DENIED') || codes.includes('UNAUTHORIZED')))
  ) {
    const text = refusal.hasCredential
      ? 'access was denied with the stored credentials'
      : 'access was denied without a login';
    return new AuthError(`${refusal.what}: ${text} (${label})${reason}`, {
      hint: refusal.hasCredential
        ? `check that this user may do that; the credentials come from ${refusal.credentials}`
        : `run: ${loginCommand(refusal.host)} (looked in ${refusal.credentials}); the repository may also not exist`,
    });
  }
  const retryable = RETRYABLE.has(status);
  return new RegistryError(
    `${refusal.what}: ${known?.text ?? plainText(status, refusal.host)} (${label})${reason}`,
    {
      status,
      registryCodes: codes,
      request,
      retryable,
      hint: known?.hint,
      retryAfterMs: parseRetryAfter(response.headers['retry-after'], Date.now()),
    },
  );
}

function plainText(status: number, host: string): string {
  if (status === 404) return 'not found';
  if (status === 413) return `${host} refuses content of this size`;
  if (status === 429) return `${host} asks for fewer requests`;
  if (status >= 500) return `${host} has a fault of its own`;
  return `${host} refused`;
}

async function readErrors(
  response: HttpResponse,
  refusal: Refusal,
): Promise<{ readonly codes: readonly string[]; readonly message: string }> {
  if (refusal.method === 'HEAD') {
    await response.discard();
    return { codes: [], message: '' };
  }
  try {
    const text = (await collect(response.body, BODY_LIMIT, 'error body')).toString('utf8');
    const result = v.safeParse(errorsSchema, JSON.parse(text));
    if (!result.success) return { codes: [], message: '' };
    const { errors } = result.output;
    const codes = [
      ...new Set(errors.map((error) => error.code).filter((code) => /^[A-Z_]{2,40}$/.test(code))),
    ];
    const message = errors.map((error) => error.message).find((said) => said !== '') ?? '';
    return { codes, message: oneLine(message) };
  } catch {
    // Not JSON (a proxy's HTML page, nothing at all), too long, or cut: the status says what there is to say.
    return { codes: [], message: '' };
  }
}

function oneLine(text: string): string {
  const line = text.replace(/[\x00-\x1f\x7f-\x9f]+/g, ' ').trim();
  return line.length > MESSAGE_LENGTH ? `${line.slice(0, MESSAGE_LENGTH)}…` : line;
}
