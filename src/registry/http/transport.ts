/**
 * HTTP exchanges: connections, TLS, proxies, timeouts, redirects, redaction, the debug log. It knows nothing of registries, but
 * keeps their secrets: none follows a redirect to another origin, and nothing goes from HTTPS down to HTTP.
 */
import type { Readable } from 'node:stream';
import { setImmediate as turn } from 'node:timers/promises';
import { debuglog } from 'node:util';
import { type NydusError, RegistryError } from '../../errors.js';
import type { Side } from '../../remedy.js';
import { DEFAULT_CONNECTIONS } from '../../io/concurrency.js';
import { paced, type RateLimit } from '../../io/rate.js';
import { systemReason } from '../../io/system-error.js';
import type { ByteStream, ReplayableContent } from '../../io/streams.js';
import { connectionFailure, isUnknownAuthority, privateAddress } from './connection-failure.js';
import { type Answer, exchange } from './exchange.js';
import { NamedHosts } from './addresses.js';
import { isLoopback } from './hosts.js';
import { ProxyRefusal } from './http-tunnel.js';
import { lively } from './liveness.js';
import type { Proxies } from './proxies.js';
import { type Redactor, redactUrl } from './redact.js';
import { decoded, proxyCredentials, Routes } from './routes.js';
import { type TlsByHost, Trust, type TrustOptions } from './trust.js';

const debug = debuglog('nydus:registry');

export type Method = 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
/** Names in lower case. */
export type Headers = Readonly<Record<string, string>>;

export interface TransportOptions {
  /** Errors name it. */
  readonly side: Side;
  /** What the servers are, in errors: `registry` by default. */
  readonly peer?: string | undefined;
  /** Do not verify certificates. */
  readonly insecure?: boolean | undefined;
  /** Plain HTTP is fine for every host of this side. */
  readonly plainHttp?: boolean | undefined;
  readonly proxies?: Proxies | undefined;
  /** Whose certificates are believed; those that come with Node by default. */
  readonly trust?: TrustOptions | undefined;
  readonly tlsByHost?: TlsByHost | undefined;
  /** Hosts to which a registry may lead, whatever their addresses are. */
  readonly allowedHosts?: readonly string[] | undefined;
  readonly userAgent?: string | undefined;
  /** Milliseconds without a sign of life before an exchange is given up. */
  readonly timeouts?: Partial<Timeouts> | undefined;
  /** Connections to each host at most; further requests wait for one. */
  readonly connections?: number | undefined;
  /** Bodies go no faster than this, in and out, together with all others that share it. */
  readonly rate?: RateLimit | undefined;
}

export interface Timeouts {
  readonly connectMs: number;
  /** From the start to the answer's headers, for requests that only read. */
  readonly answerMs: number;
  /** From the last byte sent to the answer's headers, for requests that write: a registry may work long on a blob that it has just received. */
  readonly headersMs: number;
  /** Between two pieces of a body. */
  readonly idleMs: number;
}

const DEFAULT_TIMEOUTS: Timeouts = {
  connectMs: 30_000,
  answerMs: 60_000,
  headersMs: 300_000,
  idleMs: 120_000,
};

export interface HttpRequest {
  readonly method: Method;
  readonly url: URL;
  readonly headers: Headers;
  readonly body?: ReplayableContent | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Refuses redirects to other origins, for requests whose body is secret. */
  readonly sameOriginOnly?: boolean | undefined;
}

export interface HttpResponse {
  readonly status: number;
  readonly headers: Headers;
  /** The URL that answered, after redirects; relative locations are relative to it. */
  readonly url: URL;
  /** Read it to its end, break out of it, or `discard` it; the connection is held until then. */
  readonly body: ByteStream;
  discard(): Promise<void>;
}

const MAX_REDIRECTS = 10;
const REDIRECTS = new Set([301, 302, 303, 307, 308]);
/** Headers that may follow a redirect to another origin. All others, above all `authorization` and `cookie`, do not. */
const HEADERS_FOR_ANY_ORIGIN = new Set([
  'accept',
  'content-length',
  'content-range',
  'content-type',
  'range',
  'user-agent',
]);

export class Transport implements AsyncDisposable {
  readonly redactor: Redactor;
  /** The hosts that the user has named. */
  readonly hosts: NamedHosts;
  readonly #options: TransportOptions;
  readonly #timeouts: Timeouts;
  readonly #routes: Routes;
  readonly #inClearText = new Set<string>();

  constructor(options: TransportOptions, redactor: Redactor) {
    this.#options = options;
    this.redactor = redactor;
    this.#timeouts = { ...DEFAULT_TIMEOUTS, ...options.timeouts };
    this.hosts = new NamedHosts(options.allowedHosts);
    this.#routes = new Routes({
      lookup: this.hosts.lookup,
      trust: new Trust(options.trust ?? {}, options.insecure === true, options.tlsByHost),
      proxies: options.proxies ?? {},
      connectMs: this.#timeouts.connectMs,
      connections: options.connections ?? DEFAULT_CONNECTIONS,
    });
  }

  get side(): Side {
    return this.#options.side;
  }

  /** True when requests to this host may go in clear text. */
  allowsPlainHttp(host: string): boolean {
    return this.#options.plainHttp === true || isLoopback(host) || this.#inClearText.has(host);
  }

  /** Allows clear text to a host that the user has written with `http://`. */
  allowPlainHttp(host: string): void {
    this.#inClearText.add(host);
  }

  /** Any status is an answer. Throws RegistryError when there is none, and the signal's reason once it has fired. */
  async send(request: HttpRequest): Promise<HttpResponse> {
    let { method, url, headers, body } = request;
    for (let hops = 0; ; hops++) {
      const response = await this.#exchange(method, url, headers, body, request.signal);
      const location = response.headers['location'];
      if (!REDIRECTS.has(response.status) || location === undefined) return response;
      await response.discard();
      const next = this.#redirectTarget(location, url, hops);
      if (next.origin !== url.origin) {
        if (request.sameOriginOnly === true) {
          throw new RegistryError(
            `${redactUrl(url)} redirects to another host, ${next.host}, where credentials do not go`,
          );
        }
        headers = Object.fromEntries(
          Object.entries(headers).filter(([name]) => HEADERS_FOR_ANY_ORIGIN.has(name)),
        );
      }
      if (response.status === 303 && method !== 'HEAD') {
        method = 'GET';
        body = undefined;
      }
      url = next;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#routes[Symbol.asyncDispose]();
  }

  #redirectTarget(location: string, from: URL, hops: number): URL {
    const where = redactUrl(from);
    if (hops >= MAX_REDIRECTS) throw new RegistryError(`${where}: more than ${MAX_REDIRECTS} redirects`);
    let next: URL;
    try {
      next = new URL(location, from);
    } catch (cause) {
      throw new RegistryError(`${where}: redirect to something that is no URL`, { cause });
    }
    if (next.protocol !== 'https:' && next.protocol !== 'http:') {
      throw new RegistryError(`${where}: redirect to ${next.protocol} is refused`);
    }
    const inClearText = this.allowsPlainHttp(next.host) && this.allowsPlainHttp(from.host);
    if (from.protocol === 'https:' && next.protocol === 'http:' && !inClearText) {
      throw new RegistryError(`${where}: redirect to plain HTTP at ${next.host} is refused`, {
        hint: 'its operator must redirect to https://',
        side: this.side,
      });
    }
    next.username = '';
    next.password = '';
    return next;
  }

  async #exchange(
    method: Method,
    url: URL,
    headers: Headers,
    body: ReplayableContent | undefined,
    signal: AbortSignal | undefined,
  ): Promise<HttpResponse> {
    const { userAgent, rate, peer = 'registry' } = this.#options;
    const { answerMs, headersMs, idleMs } = this.#timeouts;
    const startMs = performance.now();
    const label = `${method} ${redactUrl(url)}`;
    const log = (outcome: string): void => {
      debug('%s %s %d ms', label, outcome, Math.round(performance.now() - startMs));
    };
    if (!this.hosts.allows(url.host)) throw privateAddress(url, this.side);
    const route = await this.#routes.to(url);
    const { proxy, forward } = route;
    if (proxy !== undefined) {
      this.redactor.add(decoded(proxy.password));
      this.redactor.add(proxyCredentials(proxy));
    }
    const fail = (cause: unknown): NydusError =>
      connectionFailure(cause, {
        label,
        url,
        proxy,
        redactor: this.redactor,
        side: this.side,
        peer,
        signal,
      });
    // A connection whose answer has just been read to its end is free in the next turn of the event loop.
    await turn();
    try {
      const answer = await exchange(url, route, {
        method,
        headers: {
          ...(userAgent === undefined ? {} : { 'user-agent': userAgent }),
          // A body without a known end has no length, and goes in HTTP's own chunks.
          ...(body !== undefined && Number.isFinite(body.size)
            ? { 'content-length': String(body.size) }
            : {}),
          ...headers,
        },
        body: body === undefined || body.size === 0 ? null : nodeBody(paced(body.open(), rate, signal)),
        // By default undici closes a connection after a HEAD, in case a body follows. That is not needed: bytes on a connection that
        // waits for no answer end it anyway.
        reset: false,
        headersTimeout: method === 'GET' || method === 'HEAD' ? answerMs : headersMs,
        bodyTimeout: idleMs,
        ...(signal === undefined ? {} : { signal }),
      });
      if (forward !== undefined && answer.status === 407) {
        await answer.discard(0);
        throw new ProxyRefusal(answer.status);
      }
      return toResponse(answer, url, log, fail, (stream) =>
        paced(lively(stream, idleMs, `${peer} ${url.host}`), rate, signal),
      );
    } catch (cause) {
      log(`failed: ${this.redactor.text(systemReason(cause))}`);
      // The request has not been sent and the body not opened, so that both can be used again.
      if (isUnknownAuthority(cause) && (await this.#routes.widen(url, route)))
        return this.#exchange(method, url, headers, body, signal);
      throw fail(cause);
    }
  }
}

function toResponse(
  answer: Answer,
  url: URL,
  log: (outcome: string) => void,
  fail: (cause: unknown) => NydusError,
  pass: (stream: ByteStream) => ByteStream,
): HttpResponse {
  const { status, body } = answer;
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(answer.headers)) {
    if (value !== undefined)
      headers[name.toLowerCase()] = typeof value === 'string' ? value : value.join(', ');
  }
  return {
    status,
    headers,
    url,
    body: (async function* (): ByteStream {
      let size = 0;
      try {
        for await (const bytes of pass(body)) {
          size += bytes.length;
          yield bytes;
        }
      } catch (cause) {
        throw fail(cause);
      } finally {
        log(`${status} ${size} bytes`);
      }
    })(),
    discard: async () => {
      log(`${status} body not read`);
      // Short bodies are read to keep the connection; long ones are cut off.
      await answer.discard(16 * 1024);
    },
  };
}

function nodeBody(stream: ByteStream): Readable {
  return stream as unknown as Readable; // undici sends any asynchronous iterable; only its types do not say so
}
