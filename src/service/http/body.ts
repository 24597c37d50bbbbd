/** Bodies of requests. They arrive as bytes, since signatures are over these, and are parsed where they are used. */
import type { FastifyRequest } from 'fastify';
import type { ApiError } from './errors.js';

/** Levels of nesting: a deep document would exhaust the stack of whoever walks it. */
const MAX_DEPTH = 64;

/** The bytes of a body; empty for none. */
export function bodyBytes({ body }: FastifyRequest): Buffer {
  return Buffer.isBuffer(body) ? body : Buffer.alloc(0);
}

export function mediaType({ headers }: FastifyRequest): string {
  return (headers['content-type'] ?? '').split(';', 1)[0]?.trim().toLowerCase() ?? '';
}

/** Undefined for a request without a body. Throws what `illegal` makes for another type, and for what is no JSON. */
export function jsonBody(request: FastifyRequest, type: string, illegal: () => ApiError): unknown {
  const bytes = bodyBytes(request);
  if (bytes.length === 0) return undefined;
  if (mediaType(request) !== type) throw illegal();
  return parseJson(bytes, illegal);
}

export function parseJson(bytes: Buffer, illegal: () => ApiError): unknown {
  let depth = 0;
  let isText = false;
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at];
    if (isText) {
      if (byte === BACKSLASH) at++;
      else if (byte === QUOTE) isText = false;
    } else if (byte === QUOTE) isText = true;
    else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) {
      if (++depth > MAX_DEPTH) throw illegal();
    } else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) depth--;
  }
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    throw illegal();
  }
}

const [QUOTE, BACKSLASH, OPEN_BRACE, CLOSE_BRACE, OPEN_BRACKET, CLOSE_BRACKET] = Buffer.from('"\\{}[]');
