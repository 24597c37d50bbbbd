/** Refusals as the API answers them. */

export const CODES = {
  ERR_ILLEGAL_PARAMETER: { status: 400, text: 'The request cannot be read; the message names the member.' },
  ERR_UNAUTHORIZED: { status: 401, text: 'The secret or token is missing or wrong.' },
  ERR_FORBIDDEN: {
    status: 403,
    text: 'The registry is not configured, the token may only read, or the address may not ask.',
  },
  ERR_NOT_FOUND: { status: 404, text: 'There is no such task, receiver or sweep.' },
  ERR_INVALID_ENDPOINT: { status: 404, text: 'There is no such path, or not with this method.' },
  ERR_CONFLICT: { status: 409, text: 'The state of the task does not allow it.' },
  ERR_TOO_LARGE: { status: 413, text: 'The body is larger than `server.body_limit`.' },
  ERR_BUSY: { status: 429, text: 'Too many requests or listeners.' },
  ERR_CONVERT_FAILED: { status: 500, text: 'The conversion that was waited for has failed.' },
  ERR_INTERNAL: {
    status: 500,
    text: "The service could not do that; its log says more. Upstream's endpoints answer it, too, where the queue is full or away.",
  },
  ERR_UNHEALTHY: { status: 500, text: 'The queue does not answer.' },
  ERR_UNAVAILABLE: { status: 503, text: 'The queue is full or away; `Retry-After` says when to ask again.' },
} as const satisfies Readonly<Record<string, { readonly status: number; readonly text: string }>>;

export type ApiCode = keyof typeof CODES;

export class ApiError extends Error {
  override readonly name = 'ApiError';
  readonly code: ApiCode;

  constructor(code: ApiCode, message: string) {
    super(message);
    this.code = code;
  }
}
