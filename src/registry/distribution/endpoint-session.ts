/** One endpoint during a run: its exact URL, our authorization there, and the 401 that asks for a login. */
import { AuthError, RegistryError } from '../../errors.js';
import { SharedWork } from '../../io/abort.js';
import type { ReplayableContent } from '../../io/streams.js';
import type { CallOptions } from '../../reporter.js';
import { Authenticator } from '../auth/authenticator.js';
import { parseChallenges } from '../auth/challenge.js';
import { anonymous, type CredentialStore } from '../auth/credentials.js';
import type { Endpoint } from './endpoints.js';
import { mayBeClearText } from '../http/connection-failure.js';
import { isLoopback, probeLoopback } from '../http/hosts.js';
import type { Headers, HttpResponse, Method, Transport } from '../http/transport.js';

export interface EndpointRequest extends CallOptions {
  readonly method: Method;
  /** Absolute, or a path that begins with `/v2/`. */
  readonly url: URL | string;
  readonly headers?: Headers | undefined;
  readonly body?: ReplayableContent | undefined;
  readonly scopes: readonly string[];
}

export interface SessionOptions {
  readonly transport: Transport;
  readonly credentials: CredentialStore;
  readonly repository: string;
  readonly plainHttp: boolean;
  /** A host whose identity need not be proven may speak plain HTTP if it does not speak TLS. */
  readonly insecure: boolean;
  /** Asks for an identity token too, as a login does that is to be stored. */
  readonly offline?: boolean | undefined;
}

/** Attempts of one request: a second 401 after a login is final. */
const AUTH_ROUNDS = 2;

export class EndpointSession {
  readonly endpoint: Endpoint;
  readonly #options: SessionOptions;
  readonly #auth: Authenticator;
  /** By origin: tokens for registries to which this one leads. */
  readonly #strangers = new Map<string, Authenticator>();
  #root: SharedWork<URL> | undefined;

  constructor(endpoint: Endpoint, options: SessionOptions) {
    this.endpoint = endpoint;
    this.#options = options;
    this.#auth = new Authenticator({
      transport: options.transport,
      credentials: options.credentials,
      host: endpoint.host,
      repository: options.repository,
      offline: options.offline,
    });
    for (const value of Object.values(endpoint.headers)) options.transport.redactor.add(value);
    options.transport.hosts.add(endpoint.root?.host ?? endpoint.host);
    if (endpoint.root?.protocol === 'http:') {
      options.transport.allowPlainHttp(endpoint.root.host);
      // Its logins are those of its name, which a program may serve under another address.
      options.transport.allowPlainHttp(endpoint.host);
    }
  }

  /** Any status is an answer. Throws RegistryError, AuthError, and the signal's reason once it has fired. */
  async send(request: EndpointRequest): Promise<HttpResponse> {
    const root = await this.#rootUrl(request);
    const url = this.#urlOf(request.url, root);
    // An upload may continue on another host, which gets no credentials.
    const trusted = url.origin === root.origin;
    for (let round = 0; ; round++) {
      const authorization = trusted ? await this.#auth.header(request.scopes, request) : undefined;
      const response = await this.#options.transport.send({
        method: request.method,
        url,
        headers: {
          ...(trusted ? this.endpoint.headers : {}),
          ...request.headers,
          ...(authorization === undefined ? {} : { authorization }),
        },
        body: request.body,
        signal: request.signal,
      });
      if (response.status !== 401) return response;
      if (response.url.origin !== root.origin) return this.#asStranger(response, request);
      if (!trusted || round >= AUTH_ROUNDS) return response;
      const again = await this.#auth.challenged(
        response.headers['www-authenticate'],
        request.scopes,
        authorization,
        request,
        response.url,
      );
      if (!again) return response;
      await response.discard();
    }
  }

  /**
   * Repeats a request that was led to another registry, which wants a token: with one that its token server gives to anybody. No
   * credentials are involved. Returns `refused`, whose body is unread, when there is no such token.
   */
  async #asStranger(refused: HttpResponse, request: EndpointRequest): Promise<HttpResponse> {
    const { method, headers = {}, signal } = request;
    const { url } = refused;
    const challenge = refused.headers['www-authenticate'];
    const bearer = parseChallenges(challenge ?? '').find(({ scheme }) => scheme === 'bearer');
    if (bearer === undefined || (method !== 'GET' && method !== 'HEAD')) return refused;
    const scopes = (bearer.parameters['scope'] ?? '').split(' ').filter((scope) => scope !== '');
    const auth = this.#strangers.get(url.origin) ?? this.#strangerAt(url);
    let response = refused;
    let used: string | undefined;
    for (let round = 0; round < AUTH_ROUNDS && response.status === 401; round++) {
      try {
        if (!(await auth.challenged(challenge, scopes, used, request, url))) return response;
        used = await auth.header(scopes, request);
      } catch (error) {
        if (error instanceof AuthError || (error instanceof RegistryError && !error.retryable))
          return response;
        throw error;
      }
      if (used === undefined) return response;
      await response.discard();
      response = await this.#options.transport.send({
        method,
        url,
        headers: { ...headers, authorization: used },
        signal,
      });
    }
    return response;
  }

  #strangerAt({ origin, host }: URL): Authenticator {
    const { transport, repository } = this.#options;
    const auth = new Authenticator({ transport, credentials: anonymous, host, repository });
    this.#strangers.set(origin, auth);
    return auth;
  }

  /** The token that can be stored in place of the password; undefined when the registry has none. */
  get identityToken(): string | undefined {
    return this.#auth.identityToken;
  }

  /** True once the registry has asked for a login. */
  get hasAsked(): boolean {
    return this.#auth.hasMethod;
  }

  /** For hints: whether a login is stored for this endpoint. */
  async hasCredential(): Promise<boolean> {
    try {
      return await this.#auth.hasCredential();
    } catch (error) {
      if (error instanceof AuthError) return false;
      throw error;
    }
  }

  /** Undefined before the first request. */
  async origin(): Promise<string | undefined> {
    return (await this.#root?.wait(undefined).catch(() => undefined))?.origin;
  }

  #urlOf(asked: URL | string, root: URL): URL {
    if (asked instanceof URL) return asked;
    const url = new URL(`${root.pathname.replace(/\/$/, '')}${asked.replace(/^\/v2/, '')}`, root);
    if (this.endpoint.namespace !== undefined) url.searchParams.set('ns', this.endpoint.namespace);
    return url;
  }

  /** Decided once, and forgotten after a failure, so that the next attempt decides again. */
  async #rootUrl({ signal, reporter }: CallOptions): Promise<URL> {
    if (this.#root === undefined || this.#root.isStopped)
      this.#root = new SharedWork((stop) => this.#findRoot({ signal: stop, reporter }));
    const asked = this.#root;
    try {
      return await asked.wait(signal);
    } catch (error) {
      if (this.#root === asked) this.#root = undefined;
      throw error;
    }
  }

  async #findRoot(call: FindCall): Promise<URL> {
    const { root, host } = this.endpoint;
    if (root !== undefined) return root;
    if (this.#options.plainHttp) return new URL(`http://${host}/v2`);
    if (isLoopback(host)) return new URL(`${await probeLoopback(host, call.signal)}//${host}/v2`);
    const secure = new URL(`https://${host}/v2`);
    return this.#options.insecure ? this.#orInClearText(secure, call) : secure;
  }

  /**
   * Returns the URL of the host in clear text if it answers there as a registry and not over TLS. What else fails is left to the
   * requests that follow.
   */
  async #orInClearText(secure: URL, { signal, reporter }: FindCall): Promise<URL> {
    const { transport } = this.#options;
    const { host } = this.endpoint;
    const ask = async (root: URL): Promise<HttpResponse> => {
      const limit = AbortSignal.any([signal, AbortSignal.timeout(TLS_ANSWER_MS)]);
      const response = await transport.send({
        method: 'GET',
        url: new URL(`${root.href}/`),
        headers: {},
        signal: limit,
      });
      await response.discard();
      return response;
    };
    try {
      await ask(secure);
      return secure;
    } catch (error) {
      signal.throwIfAborted();
      if (!mayBeClearText(error) && !isTimeout(error)) return secure;
    }
    const plain = new URL(`http://${host}/v2`);
    try {
      const { status, url } = await ask(plain);
      if (url.origin !== plain.origin || !REGISTRY_ANSWERS.has(status)) return secure;
    } catch {
      signal.throwIfAborted();
      return secure;
    }
    transport.allowPlainHttp(host);
    reporter?.emit({
      type: 'warning',
      code: 'PLAIN_HTTP',
      message: `registry ${host} does not speak TLS: credentials and images go to it in clear text, since its identity need not be proven`,
    });
    return plain;
  }
}

interface FindCall {
  readonly signal: AbortSignal;
  readonly reporter: CallOptions['reporter'];
}

/** Go waits for a TLS handshake as long; a server of plain HTTP may take the handshake for a line without end. */
const TLS_ANSWER_MS = 10_000;
/** The answers of a registry to `GET /v2/`. A web server that sends everybody to HTTPS answers otherwise. */
const REGISTRY_ANSWERS: ReadonlySet<number> = new Set([200, 401]);

function isTimeout(error: unknown): boolean {
  return error instanceof DOMException && error.name === 'TimeoutError';
}
