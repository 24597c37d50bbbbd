/**
 * A script of faults, each for certain requests. As the `intercept` of a registry or a token server, it answers in its place, or
 * lets it answer and spoils the answer on the way.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { changeBody, type HeldAnswer, holdAnswer, type Line } from './held-answer.js';

/** Every kind of fault, with its effect. */
export const FAULTS = {
  reset: 'the connection is reset before the request is looked at',
  'lost-answer': 'the request is carried out, then the connection is reset before the answer',
  half: 'the connection is reset after half of the body, of the request if it has one, else of the answer',
  '500': '500 with an error body',
  '503': '503 with Retry-After',
  '429': '429 with an error body',
  '401': '401 that calls the token expired',
  stall: 'half of the answer, then silence; silence at once where the answer has no body',
  'wrong-digest':
    'one bit of the body is turned over, of the request if it has one, else of the answer; without any body, the digest in the header is another',
  truncated: 'an answer with half of its body and a fitting length; without a body, half of its headers',
  'html-200': '200 with an HTML page, as a captive portal has it',
  'html-502': '502 with an HTML page, as a proxy has it',
  redirect: '307 to another origin that holds the same content',
} as const;

export type Fault = keyof typeof FAULTS;

/** A bare answer: a status, and nothing else. */
export type StatusFault = `status-${number}`;

export interface FaultRule {
  readonly fault: Fault | StatusFault;
  readonly method?: string | undefined;
  /** Matched against path and query; without it every path matches. */
  readonly path?: RegExp | undefined;
  /** A further condition. */
  readonly when?: ((request: IncomingMessage) => boolean) | undefined;
  /** The number of the first matching request that is struck, from 1, which is the default. */
  readonly at?: number | undefined;
  /** How many requests are struck; 1 by default. */
  readonly times?: number | undefined;
}

export interface FaultOptions {
  /** For `redirect`: scheme, host and port of the other origin. */
  readonly otherOrigin?: string | undefined;
  /** For `401`: the `WWW-Authenticate` header. */
  readonly challenge?: string | undefined;
  /** For `503`, in seconds. */
  readonly retryAfterS?: number | undefined;
}

export interface FaultScript {
  /** The registry's `intercept`. True when it has answered. */
  readonly intercept: (request: IncomingMessage, response: ServerResponse) => boolean;
  /** The number of requests that were struck. */
  readonly struck: () => number;
}

/** The first rule that matches a request counts it; the others do not. */
export function faultScript(rules: readonly FaultRule[], options: FaultOptions = {}): FaultScript {
  const seen = rules.map(() => 0);
  let struck = 0;
  return {
    struck: () => struck,
    intercept: (request, response) => {
      const number = rules.findIndex((rule) => fits(rule, request));
      const rule = rules[number];
      if (rule === undefined) return false;
      const count = (seen[number] ?? 0) + 1;
      seen[number] = count;
      const { at = 1, times = 1, fault } = rule;
      if (count < at || count >= at + times) return false;
      struck++;
      return strike(fault, request, response, options);
    },
  };
}

function fits({ method, path, when }: FaultRule, request: IncomingMessage): boolean {
  return (
    (method === undefined || method === request.method) &&
    (path === undefined || path.test(request.url ?? '')) &&
    (when === undefined || when(request))
  );
}

/** True when the request is answered, or will never be. */
function strike(
  fault: Fault | StatusFault,
  request: IncomingMessage,
  response: ServerResponse,
  { otherOrigin, challenge = 'Bearer error="invalid_token"', retryAfterS = 1 }: FaultOptions,
): boolean {
  switch (fault) {
    case 'reset':
      request.socket.resetAndDestroy();
      return true;
    case '500':
      return refuse(request, response, 500, 'UNKNOWN', {});
    case '503':
      return refuse(request, response, 503, 'UNAVAILABLE', { 'retry-after': String(retryAfterS) });
    case '429':
      return refuse(request, response, 429, 'TOOMANYREQUESTS', {});
    case '401':
      return refuse(request, response, 401, 'UNAUTHORIZED', { 'www-authenticate': challenge });
    case 'html-200':
      return page(request, response, 200);
    case 'html-502':
      return page(request, response, 502);
    case 'redirect':
      request.resume();
      response.writeHead(307, { location: `${otherOrigin ?? ''}${request.url ?? ''}`, 'content-length': 0 });
      response.end();
      return true;
    case 'lost-answer':
      holdAnswer(response, (_, line) => {
        line.reset();
      });
      return false;
    case 'half':
      if (hasBody(request)) changeBody(request, (body) => halfOf(body, request));
      else holdAnswer(response, sendHalf);
      return false;
    case 'stall':
      if (hasBody(request)) {
        request.resume();
        return true;
      }
      holdAnswer(response, (answer, line) => {
        if (answer.body.length > 0) line.sendPart(answer, firstHalf(answer.body), 'wait');
      });
      return false;
    case 'wrong-digest':
      if (hasBody(request)) changeBody(request, flippedOnce);
      else holdAnswer(response, spoil);
      return false;
    case 'truncated':
      holdAnswer(response, shorten);
      return false;
    default:
      request.resume();
      response.writeHead(Number(fault.slice('status-'.length)), { 'content-length': 0 }).end();
      return true;
  }
}

function hasBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
}

function refuse(
  request: IncomingMessage,
  response: ServerResponse,
  status: number,
  code: string,
  headers: Readonly<Record<string, string>>,
): boolean {
  const body = JSON.stringify({ errors: [{ code, message: 'a fault that was asked for' }] });
  return instead(request, response, status, { 'content-type': 'application/json', ...headers }, body);
}

function page(request: IncomingMessage, response: ServerResponse, status: number): boolean {
  const body = '<!DOCTYPE html><html><body><h1>Please sign in to this network</h1></body></html>';
  return instead(request, response, status, { 'content-type': 'text/html; charset=utf-8' }, body);
}

function instead(
  request: IncomingMessage,
  response: ServerResponse,
  status: number,
  headers: Readonly<Record<string, string>>,
  body: string,
): boolean {
  request.resume();
  response.writeHead(status, { ...headers, 'content-length': Buffer.byteLength(body) });
  response.end(request.method === 'HEAD' ? undefined : body);
  return true;
}

function firstHalf(bytes: Buffer): Buffer {
  return bytes.subarray(0, Math.ceil(bytes.length / 2));
}

/** Lets half of the announced body through, then resets the connection. */
async function* halfOf(
  body: AsyncIterable<Uint8Array>,
  request: IncomingMessage,
): AsyncGenerator<Uint8Array> {
  let room = Math.floor(Number(request.headers['content-length'] ?? 2) / 2);
  for await (const bytes of body) {
    yield bytes.subarray(0, room);
    room -= bytes.length;
    if (room <= 0) break;
  }
  request.socket.resetAndDestroy();
}

async function* flippedOnce(body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let done = false;
  for await (const bytes of body) {
    yield done || bytes.length === 0 ? bytes : flipped(bytes);
    done ||= bytes.length > 0;
  }
}

/** This bit turns digits into digits and letters into letters, so that JSON stays JSON. */
function flipped(bytes: Uint8Array): Buffer {
  const copy = Buffer.from(bytes);
  const middle = Math.floor(copy.length / 2);
  copy[middle] = (copy[middle] ?? 0) ^ 1;
  return copy;
}

function sendHalf(answer: HeldAnswer, line: Line): void {
  line.sendPart(answer, firstHalf(answer.body), 'reset');
}

function spoil(answer: HeldAnswer, line: Line): void {
  const named = answer.headers['docker-content-digest'];
  const headers =
    answer.body.length > 0 || typeof named !== 'string'
      ? answer.headers
      : { ...answer.headers, 'docker-content-digest': `sha256:${'0'.repeat(64)}` };
  line.send({ ...answer, headers, body: answer.body.length > 0 ? flipped(answer.body) : answer.body });
}

function shorten(answer: HeldAnswer, line: Line): void {
  if (answer.body.length > 0) {
    const body = firstHalf(answer.body);
    line.send({ ...answer, body, headers: { ...answer.headers, 'content-length': body.length } });
    return;
  }
  const entries = Object.entries(answer.headers);
  line.send({ ...answer, headers: Object.fromEntries(entries.slice(Math.ceil(entries.length / 2))) });
}
