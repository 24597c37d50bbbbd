/**
 * One HTTP exchange after another: connections, TLS, proxies, timeouts, redirects, redaction, the debug log. It knows nothing of
 * registries but this: what is secret does not follow a redirect to another origin, and nothing goes from HTTPS down to HTTP.
 */
import { type Readable } from 'node:stream';
import { debuglog } from 'node:util';
import { Agent, type Dispatcher, EnvHttpProxyAgent, request as send } from 'undici';
import { InterruptedError, NydusError, RegistryError } from '../errors.js';
import { interrupted } from '../io/retry.js';
import { errorCode, systemReason } from '../io/scratch.js';
import { type ByteStream, type ReplayableContent } from '../io/streams.js';
import { isLoopback } from './hosts.js';
import { type Redactor, redactUrl } from './redact.js';

const debug = debuglog('nydus:registry');

export type Method = 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
/** Names in lower case. */
export type Headers = Readonly<Record<string, string>>;

/** Where the user wants traffic to go through; values as in the environment variables of these names. */
export interface Proxies {
  readonly http?: string | undefined;
  readonly https?: string | undefined;
  readonly no?: string | undefined;
}

export type Side = 'source' | 'target';

export interface TransportOptions {
  /** For hints: the flags are `--source-insecure` and `--target-insecure`. */
  readonly side: Side;
  /** Do not verify certificates. */
  readonly insecure?: boolean | undefined;
  /** Plain HTTP is fine for every host of this side. */
  readonly plainHttp?: boolean | undefined;
  readonly proxies?: Proxies | undefined;
  readonly userAgent?: string | undefined;
  /** Milliseconds without a sign of life before an exchange is given up. */
  readonly timeouts?: Partial<Timeouts> | undefined;
}

export interface Timeouts {
  readonly connectMs: number;
  /** From the last byte sent to the answer's headers: a registry may work long on a blob that it has just received. */
  readonly headersMs: number;
  /** Between two pieces of a body. */
  readonly idleMs: number;
}

const DEFAULT_TIMEOUTS: Timeouts = { connectMs: 30_000, headersMs: 300_000, idleMs: 120_000 };

export interface HttpRequest {
  readonly method: Method;
  readonly url: URL;
  readonly headers: Headers;
  readonly body?: ReplayableContent | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Redirects to other origins are refused: for requests whose body is secret. */
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
/** What may be told to any origin. All else, above all `authorization` and `cookie`, stays with the origin it was meant for. */
const HEADERS_FOR_ANY_ORIGIN = new Set(['accept', 'content-length', 'content-type', 'range', 'user-agent']);
/** More than any one conversion needs; enough for a stuck server not to be asked twice. */
const CONNECTIONS_PER_ORIGIN = 16;

export class Transport implements AsyncDisposable {
  readonly redactor: Redactor;
  readonly #options: TransportOptions;
  readonly #direct: Agent;
  readonly #proxied: Dispatcher | undefined;

  constructor(options: TransportOptions, redactor: Redactor) {
    this.#options = options;
    this.redactor = redactor;
    const timeouts = { ...DEFAULT_TIMEOUTS, ...options.timeouts };
    const agentOptions: Agent.Options = {
      connect: { timeout: timeouts.connectMs, rejectUnauthorized: options.insecure !== true },
      connections: CONNECTIONS_PER_ORIGIN,
      headersTimeout: timeouts.headersMs,
      bodyTimeout: timeouts.idleMs,
      pipelining: 1,
    };
    this.#direct = new Agent(agentOptions);
    const { http, https, no } = options.proxies ?? {};
    if (http !== undefined || https !== undefined) {
      // Empty strings, not undefined: the agent would otherwise look into the environment, which is not ours to read here.
      this.#proxied = new EnvHttpProxyAgent({
        ...agentOptions,
        requestTls: { timeout: timeouts.connectMs, rejectUnauthorized: options.insecure !== true },
        httpProxy: http ?? '',
        httpsProxy: https ?? '',
        noProxy: no ?? '',
      });
    }
  }

  /** True when this host may be spoken to in clear text. */
  allowsPlainHttp(host: string): boolean {
    return this.#options.plainHttp === true || isLoopback(host);
  }

  /** Any status is an answer. Throws RegistryError when there is none, InterruptedError when the signal fires. */
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
    await this.#direct.destroy();
    await this.#proxied?.destroy();
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
    if (from.protocol === 'https:' && next.protocol === 'http:' && !this.allowsPlainHttp(next.host)) {
      throw new RegistryError(`${where}: redirect to plain HTTP at ${next.host} is refused`, {
        hint: 'if that is meant, add --plain-http',
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
    const { userAgent } = this.#options;
    const startMs = performance.now();
    const label = `${method} ${redactUrl(url)}`;
    const log = (outcome: string): void => {
      debug('%s %s %d ms', label, outcome, Math.round(performance.now() - startMs));
    };
    try {
      const response = await send(url, {
        method,
        headers: {
          ...(userAgent === undefined ? {} : { 'user-agent': userAgent }),
          // Of a body without a known end nothing is said; it then goes in HTTP's own chunks.
          ...(body !== undefined && Number.isFinite(body.size)
            ? { 'content-length': String(body.size) }
            : {}),
          ...headers,
        },
        body: body === undefined || body.size === 0 ? null : nodeBody(body),
        dispatcher: isLoopback(url.host) ? this.#direct : (this.#proxied ?? this.#direct),
        ...(signal === undefined ? {} : { signal }),
      });
      return this.#response(response, url, log, label, signal);
    } catch (cause) {
      log(`failed: ${this.redactor.text(systemReason(cause))}`);
      throw this.#failure(cause, label, url, signal);
    }
  }

  #response(
    response: Dispatcher.ResponseData,
    url: URL,
    log: (outcome: string) => void,
    label: string,
    signal: AbortSignal | undefined,
  ): HttpResponse {
    const fail = (cause: unknown): NydusError => this.#failure(cause, label, url, signal);
    const { statusCode, body } = response;
    const headers: Record<string, string> = {};
    for (const [name, value] of Object.entries(response.headers)) {
      if (value !== undefined) headers[name.toLowerCase()] = Array.isArray(value) ? value.join(', ') : value;
    }
    return {
      status: statusCode,
      headers,
      url,
      body: (async function* (): ByteStream {
        let size = 0;
        try {
          for await (const bytes of body as AsyncIterable<Uint8Array>) {
            // a Readable without an encoding yields Buffers
            size += bytes.length;
            yield bytes;
          }
        } catch (cause) {
          throw fail(cause);
        } finally {
          log(`${statusCode} ${size} bytes`);
        }
      })(),
      discard: async () => {
        log(`${statusCode} body not read`);
        // Short bodies are read to keep the connection; long ones are cut off.
        await body.dump({ limit: 16 * 1024 }).catch(() => undefined);
      },
    };
  }

  /** What went wrong below HTTP, as a sentence. Errors of ours, thrown by a request's body, pass as they are. */
  #failure(cause: unknown, label: string, url: URL, signal: AbortSignal | undefined): NydusError {
    if (cause instanceof NydusError) return cause;
    if (signal?.aborted === true) return interrupted(signal);
    if (cause instanceof Error && cause.name === 'AbortError')
      return new InterruptedError('interrupted', { cause });
    const code = errorCode(cause) ?? '';
    const details = { cause, request: label };
    const host = url.host;
    if (
      code === 'EPROTO' ||
      /^ERR_SSL_(WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG|HTTP_REQUEST)/.test(code)
    ) {
      return new RegistryError(`registry ${host} does not speak TLS`, {
        ...details,
        hint: `if it is meant to be reached without encryption, add --plain-http`,
      });
    }
    if (isCertificateError(code)) {
      return new RegistryError(`registry ${host}: its TLS certificate is not trusted (${code})`, {
        ...details,
        hint: `to trust it all the same, add --${this.#options.side}-insecure`,
      });
    }
    const reason = CONNECTION_REASONS[code];
    if (reason !== undefined) {
      return new RegistryError(`registry ${host}: ${reason.text}`, {
        ...details,
        retryable: reason.retryable,
        hint: this.#connectionHint(code, url),
      });
    }
    return new RegistryError(`registry ${host}: ${this.redactor.text(systemReason(cause))}`, details);
  }

  #connectionHint(code: string, url: URL): string | undefined {
    if (code === 'ENOTFOUND') return 'check how the host is spelled';
    if (url.protocol !== 'https:' || (code !== 'ECONNREFUSED' && code !== 'UND_ERR_CONNECT_TIMEOUT'))
      return undefined;
    return `it was tried with HTTPS on port ${url.port === '' ? 443 : url.port}; for a registry without TLS add --plain-http`;
  }
}

const CONNECTION_REASONS: Readonly<Record<string, { readonly text: string; readonly retryable: boolean }>> = {
  ECONNREFUSED: { text: 'connection refused', retryable: true },
  ECONNRESET: { text: 'the connection was reset', retryable: true },
  EPIPE: { text: 'the connection was closed while sending', retryable: true },
  ETIMEDOUT: { text: 'the connection timed out', retryable: true },
  EHOSTUNREACH: { text: 'the host cannot be reached', retryable: true },
  ENETUNREACH: { text: 'the network cannot be reached', retryable: true },
  EAI_AGAIN: { text: 'its name cannot be looked up at the moment', retryable: true },
  ENOTFOUND: { text: 'no host has this name', retryable: false },
  UND_ERR_CONNECT_TIMEOUT: { text: 'the connection timed out', retryable: true },
  UND_ERR_HEADERS_TIMEOUT: { text: 'no answer in time', retryable: true },
  UND_ERR_BODY_TIMEOUT: { text: 'it stopped sending', retryable: true },
  UND_ERR_SOCKET: { text: 'the connection was closed', retryable: true },
  UND_ERR_HEADERS_OVERFLOW: { text: 'its answer has too many headers', retryable: false },
};

/** Codes of OpenSSL's verification, as Node names them. */
function isCertificateError(code: string): boolean {
  return /CERT|SELF_SIGNED|UNABLE_TO_(VERIFY|GET_ISSUER)/.test(code);
}

/** A new read of the content for each attempt. */
function nodeBody(content: ReplayableContent): Readable {
  return content.open() as unknown as Readable; // undici sends any asynchronous iterable as it comes; only its types lag behind
}
