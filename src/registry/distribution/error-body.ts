/** Turns a registry's refusal into one sentence and, where something can be done about it, a hint or a remedy. */
import * as v from 'valibot';
import { AuthError, type NydusError, RegistryError } from '../../errors.js';
import { MAX_RETRY_AFTER_MS, parseRetryAfter } from '../../io/retry.js';
import { collect } from '../../io/streams.js';
import { type Answers, mayPass } from '../answers.js';
import { loginHost } from '../auth/hosts-of-logins.js';
import type { Remedy, Side } from '../../remedy.js';
import { redactUrl, type Redactor } from '../http/redact.js';
import type { HttpResponse, Method } from '../http/transport.js';

export interface Refusal {
  /** The purpose of the request: `cannot read the manifest of registry/repo:tag`. */
  readonly what: string;
  readonly host: string;
  readonly method: Method;
  readonly redactor: Redactor;
  readonly side: Side;
  /** The meanings of the statuses of this request. */
  readonly answers: Answers;
  /** Where the credential store looked, for remedies. */
  readonly credentials: string;
  readonly hasCredential: boolean;
  /** True when the answer came from another origin, to which the registry redirected us, and which got no credentials. */
  readonly isElsewhere: boolean;
  /** Explains the refusal of this request in particular; undefined when there is nothing to add. */
  readonly explain?: ((said: Said) => Known | undefined) | undefined;
}

/** The content of a refusal. */
export interface Said {
  readonly status: number;
  readonly codes: readonly string[];
  /** One line; empty when there was none. */
  readonly message: string;
}

const BODY_LIMIT = 64 * 1024;
const MESSAGE_LENGTH = 200;

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

/** Forms of errors that some registries and most proxies have. */
const otherErrorSchema = v.union([
  v.pipe(
    v.looseObject({ message: v.string() }),
    v.transform(({ message }) => message),
  ),
  v.pipe(
    v.looseObject({ error: v.string() }),
    v.transform(({ error }) => error),
  ),
  v.pipe(
    v.looseObject({ error: v.looseObject({ message: v.string() }) }),
    v.transform(({ error }) => error.message),
  ),
]);

export interface Known {
  /** The refusal may pass. */
  readonly mayPass?: boolean;
  readonly text?: string;
  readonly hint?: string;
  readonly remedy?: Remedy;
}

const QUOTA: Known = {
  text: 'the space that the registry grants is used up',
  hint: 'remove old images there, or ask for a larger quota',
};
/** An exceeded quota is 403 or 412 at Harbor, 403 at GitLab, 400 at Quay, and a code of its own at others. */
const SPEAKS_OF_QUOTA = /\bquota\b|storage (?:limit|resource)|configured upper limit|insufficient storage/i;

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
  QUOTA_EXCEEDED: QUOTA,
};

/** Reads the answer's body, up to a limit, and makes an error of it. Never throws. */
export async function refusalError(response: HttpResponse, refusal: Refusal): Promise<NydusError> {
  const { status } = response;
  const { side } = refusal;
  const request = `${refusal.method} ${redactUrl(response.url)}`;
  const { codes, message } = await readErrors(response, refusal);
  const reason = message === '' ? '' : `: ${refusal.redactor.text(message)}`;
  const label = [status, ...codes].join(' ');
  const explained = refusal.explain?.({ status, codes, message });
  const retryAfter = response.headers['retry-after'];
  const passes =
    mayPass(refusal.answers, status, retryAfter) ||
    codes.includes('TOOMANYREQUESTS') ||
    explained?.mayPass === true;
  const isQuota = status === 507 || (status < 500 && SPEAKS_OF_QUOTA.test(message));
  if (!isQuota && !passes && explained === undefined && isDenial(status, codes)) {
    if (refusal.isElsewhere) {
      // URLs of that origin carry a permission that expires, and the registry can issue another one.
      return new RegistryError(
        `${refusal.what}: ${response.url.host}, where the registry leads, denies access (${label})${reason}`,
        { status, registryCodes: codes, request, side, retryable: true },
      );
    }
    const text = refusal.hasCredential
      ? 'access was denied with the stored credentials'
      : 'access was denied without a login';
    return new AuthError(`${refusal.what}: ${text} (${label})${reason}`, {
      hint: refusal.hasCredential
        ? `check that this user may do that; the credentials come from ${refusal.credentials}`
        : 'the repository may also not exist',
      remedy: refusal.hasCredential
        ? undefined
        : { kind: 'login', host: loginHost(refusal.host), searched: refusal.credentials, stored: false },
      side,
    });
  }
  const byCode = codes
    .map((code) => (Object.hasOwn(KNOWN, code) ? KNOWN[code] : undefined))
    .find((entry) => entry !== undefined);
  const known: Known = { ...byCode, ...(isQuota ? QUOTA : {}), ...explained };
  const retryAfterMs = parseRetryAfter(retryAfter, Date.now());
  const late = retryAfterMs !== undefined && retryAfterMs > MAX_RETRY_AFTER_MS;
  return new RegistryError(
    `${refusal.what}: ${known.text ?? plainText(status, refusal.host)} (${label})${reason}`,
    {
      status,
      registryCodes: codes,
      request,
      retryable: passes && !isQuota,
      hint: late
        ? `it asks to be left alone for ${Math.ceil(retryAfterMs / 1000)} s: run it again then`
        : known.hint,
      remedy: late ? undefined : known.remedy,
      side,
      retryAfterMs,
    },
  );
}

function isDenial(status: number, codes: readonly string[]): boolean {
  return (
    status === 401 ||
    (status === 403 && (codes.length === 0 || codes.includes('DENIED') || codes.includes('UNAUTHORIZED')))
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
  let text: string;
  try {
    text = (await collect(response.body, BODY_LIMIT, 'error body')).toString('utf8');
  } catch {
    return { codes: [], message: '' }; // too long, or cut: the status has to do
  }
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return { codes: [], message: oneLine(plainMessage(text)) };
  }
  const result = v.safeParse(errorsSchema, json);
  if (!result.success) {
    const other = v.safeParse(otherErrorSchema, json);
    return { codes: [], message: other.success ? oneLine(other.output) : '' };
  }
  const { errors } = result.output;
  const codes = [...new Set(errors.map((error) => error.code).filter((code) => /^[A-Z_]{2,40}$/.test(code)))];
  const message = errors.map((error) => error.message).find((said) => said !== '') ?? '';
  return { codes, message: oneLine(message) };
}

/** The title of a proxy's page, or a short text that is no page. */
function plainMessage(text: string): string {
  const title = /<title[^>]*>([^<]*)<\/title>/i.exec(text)?.[1];
  if (title !== undefined) return title;
  return /<[a-z!]/i.test(text) || text.length > MESSAGE_LENGTH ? '' : text;
}

export function oneLine(text: string): string {
  const line = text.replace(/[\x00-\x1f\x7f-\x9f]+/g, ' ').trim();
  return line.length > MESSAGE_LENGTH ? `${line.slice(0, MESSAGE_LENGTH)}…` : line;
}
