/**
 * One registry host: its address, who we are to it, retries, and refusals as errors. What the requests mean is for
 * manifests.ts, download.ts and upload.ts.
 */
import { AuthError, RegistryError } from '../errors.js';
import { DEFAULT_RETRY, retry, type RetryOptions, type RetryPolicy } from '../io/retry.js';
import { type ReplayableContent } from '../io/streams.js';
import { type Reference, registryHost } from '../oci/reference.js';
import { type CallOptions } from '../reporter.js';
import { Authenticator } from './auth.js';
import { type CredentialStore } from './credentials.js';
import { type Refusal, refusalError } from './error-body.js';
import { isLoopback, probeLoopback, type Scheme } from './hosts.js';
import { Redactor } from './redact.js';
import {
  type Headers,
  type HttpResponse,
  type Method,
  Transport,
  type TransportOptions,
} from './transport.js';

export interface ClientOptions extends TransportOptions {
  readonly credentials: CredentialStore;
  readonly retry?: RetryPolicy | undefined;
  /** Bytes: blobs are pushed in chunks of this size; 0, the default, sends them whole. */
  readonly chunkSize?: number | undefined;
}

export interface ApiRequest extends CallOptions {
  readonly method: Method;
  /** Absolute, or a path below the registry's root. */
  readonly url: URL | string;
  readonly headers?: Headers | undefined;
  readonly body?: ReplayableContent | undefined;
  /** Statuses that are answers; every other one is thrown as an error. */
  readonly accept: readonly number[];
  /** What is being tried, for messages: `cannot push to …`. */
  readonly what: string;
  readonly scopes: readonly string[];
  /** No second attempt after a failure; for steps that only make sense as a part of a longer whole, which retries as one. */
  readonly once?: boolean | undefined;
  readonly explain?: Refusal['explain'];
}

/** 401, token, 401 again: then the answer is no. */
const AUTH_ROUNDS = 2;

export class RegistryClient implements AsyncDisposable {
  /** Host and port that serve the API. */
  readonly host: string;
  readonly #transport: Transport;
  readonly #auth: Authenticator;
  readonly #options: ClientOptions;
  #base: Promise<URL> | undefined;

  constructor(reference: Reference, options: ClientOptions) {
    this.host = registryHost(reference);
    this.#options = options;
    this.#transport = new Transport(options, new Redactor());
    this.#auth = new Authenticator({
      transport: this.#transport,
      credentials: options.credentials,
      host: this.host,
      repository: reference.repository,
    });
  }

  get retryPolicy(): RetryPolicy {
    return this.#options.retry ?? DEFAULT_RETRY;
  }

  /** Retries what may pass, unless `once`. Throws RegistryError, AuthError, InterruptedError. */
  async request(request: ApiRequest): Promise<HttpResponse> {
    if (request.once === true) return this.#attempt(request);
    return this.retry(request.what, () => this.#attempt(request), request);
  }

  /** Runs `attempt` again after failures that may pass. */
  async retry<T>(
    what: string,
    attempt: (n: number) => Promise<T>,
    call: CallOptions & Pick<RetryOptions, 'progressed'>,
  ): Promise<T> {
    return retry(what, attempt, {
      ...call,
      policy: this.retryPolicy,
      judge: (error) =>
        error instanceof RegistryError && error.retryable
          ? { again: true, afterMs: error.retryAfterMs }
          : { again: false },
    });
  }

  /**
   * An upload's `Location`, made absolute. Registries behind a proxy that ends TLS often say `http:` for themselves; that is
   * put right. Any other way from HTTPS down to HTTP is refused.
   */
  resolveLocation(response: HttpResponse, what: string): URL {
    const location = response.headers['location'];
    if (location === undefined)
      throw new RegistryError(`${what}: the answer has no Location`, { status: response.status });
    let url: URL;
    try {
      url = new URL(location, response.url);
    } catch (cause) {
      throw new RegistryError(`${what}: the answer's Location is no URL`, { cause });
    }
    if (
      url.protocol === 'http:' &&
      response.url.protocol === 'https:' &&
      !this.#transport.allowsPlainHttp(url.host)
    ) {
      if (url.hostname !== response.url.hostname) {
        throw new RegistryError(
          `${what}: the upload is sent on to plain HTTP at ${url.host}, which is refused`,
          {
            hint: 'if that is meant, add --plain-http',
          },
        );
      }
      url.protocol = 'https:';
      url.port = response.url.port;
    }
    return url;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#transport[Symbol.asyncDispose]();
  }

  async #attempt(request: ApiRequest): Promise<HttpResponse> {
    const base = await this.#baseUrl(request.signal);
    const url = new URL(request.url, base);
    // An upload may continue on another host, which is told nothing about us.
    const trusted = url.origin === base.origin;
    for (let round = 0; ; round++) {
      const authorization = trusted ? await this.#auth.header(request.scopes, request) : undefined;
      const response = await this.#transport.send({
        method: request.method,
        url,
        headers: { ...request.headers, ...(authorization === undefined ? {} : { authorization }) },
        body: request.body,
        signal: request.signal,
      });
      const asked = response.status === 401 && trusted && response.url.origin === base.origin;
      if (asked && round < AUTH_ROUNDS) {
        const again = await this.#auth.challenged(
          response.headers['www-authenticate'],
          request.scopes,
          authorization,
          request,
        );
        if (again) {
          await response.discard();
          continue;
        }
      }
      if (request.accept.includes(response.status)) return response;
      throw await refusalError(response, {
        what: request.what,
        host: this.host,
        method: request.method,
        redactor: this.#transport.redactor,
        explain: request.explain,
        credentials: this.#options.credentials.description,
        hasCredential:
          response.status === 401 || response.status === 403 ? await this.#hasCredential() : false,
      });
    }
  }

  async #hasCredential(): Promise<boolean> {
    try {
      return await this.#auth.hasCredential();
    } catch (error) {
      if (error instanceof AuthError) return false;
      throw error;
    }
  }

  /** Decided once; forgotten when it failed, so that the next attempt asks again. */
  async #baseUrl(signal: AbortSignal | undefined): Promise<URL> {
    this.#base ??= this.#scheme(signal).then((scheme) => new URL(`${scheme}//${this.host}/`));
    const asked = this.#base;
    try {
      return await asked;
    } catch (error) {
      if (this.#base === asked) this.#base = undefined;
      throw error;
    }
  }

  async #scheme(signal: AbortSignal | undefined): Promise<Scheme> {
    if (this.#options.plainHttp === true) return 'http:';
    return isLoopback(this.host) ? probeLoopback(this.host, signal) : 'https:';
  }
}
