/** Answers of the distribution API: statuses, headers and error bodies. OCI distribution-spec, "Error Codes". */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { type ContentDigest, isContentDigest } from './content-digest.js';
import type { Storage } from './storage.js';

export interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly storage: Storage;
  readonly url: URL;
}

export type ErrorCode =
  | 'BLOB_UNKNOWN'
  | 'BLOB_UPLOAD_INVALID'
  | 'BLOB_UPLOAD_UNKNOWN'
  | 'DENIED'
  | 'DIGEST_INVALID'
  | 'MANIFEST_BLOB_UNKNOWN'
  | 'MANIFEST_INVALID'
  | 'MANIFEST_UNKNOWN'
  | 'NAME_INVALID'
  | 'NAME_UNKNOWN'
  | 'SIZE_INVALID'
  | 'UNKNOWN'
  | 'UNSUPPORTED';

/** Ends a request with an error body. */
export class Refused extends Error {
  readonly status: number;
  readonly errorCode: ErrorCode;
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    status: number,
    code: ErrorCode,
    message: string,
    headers: Readonly<Record<string, string>> = {},
  ) {
    super(message);
    this.status = status;
    this.errorCode = code;
    this.headers = headers;
  }
}

export function answer(
  response: ServerResponse,
  status: number,
  headers: Readonly<Record<string, string | number>> = {},
): void {
  // 204 and 304 have no body by definition; a length would be wrong there.
  response.writeHead(status, status === 204 ? headers : { 'content-length': 0, ...headers });
  response.end();
}

export function answerJson(
  request: IncomingMessage,
  response: ServerResponse,
  status: number,
  value: unknown,
  headers: Readonly<Record<string, string>> = {},
): void {
  const body = Buffer.from(JSON.stringify(value));
  response.writeHead(status, {
    'content-type': 'application/json',
    'content-length': body.length,
    ...headers,
  });
  response.end(request.method === 'HEAD' ? undefined : body);
}

export function answerRefusal(request: IncomingMessage, response: ServerResponse, refused: Refused): void {
  const { status, errorCode, message, headers } = refused;
  answerJson(request, response, status, { errors: [{ code: errorCode, message }] }, headers);
}

/** Parses `bytes=first-last`, `bytes=first-` or `bytes=-count`, RFC 9110 14.1.2; `'invalid'` when no byte is in it. */
export function parseRange(
  header: string | undefined,
  size: number,
): { start: number; end: number } | 'invalid' | undefined {
  const match = /^bytes=(\d*)-(\d*)$/.exec(header ?? '');
  if (match === null) return undefined; // the whole content is a right answer to several ranges or another unit
  const [, first = '', last = ''] = match;
  if (first === '' && last === '') return undefined;
  const start = first === '' ? Math.max(0, size - Number(last)) : Number(first);
  const end = first === '' || last === '' ? size : Math.min(size, Number(last) + 1);
  return start >= end ? 'invalid' : { start, end };
}

export function digestOf(text: string): ContentDigest {
  if (!isContentDigest(text)) throw new Refused(400, 'DIGEST_INVALID', 'no sha256 or sha512 digest');
  return text;
}

/** Throws Refused, 405, unless the request's method is one of these. */
export function allow(request: IncomingMessage, ...methods: readonly string[]): void {
  if (!methods.includes(request.method ?? '')) {
    throw new Refused(405, 'UNSUPPORTED', `${request.method ?? ''} is not possible here`, {
      allow: methods.join(', '),
    });
  }
}
