/**
 * One registry with its mirrors: chooses the host of a request, retries, turns refusals into errors, reports warnings. The meaning
 * of requests is the matter of manifests.ts, download.ts, referrers.ts and the uploads.
 */
import { AuthError, RegistryError, UsageError } from '../../errors.js';
import { DEFAULT_RETRY, retry, type RetryOptions, type RetryPolicy } from '../../io/retry.js';
import type { ReplayableContent } from '../../io/streams.js';
import { type Reference, registryHost } from '../../oci/reference.js';
import type { CallOptions, Reporter } from '../../reporter.js';
import type { CredentialStore } from '../auth/credentials.js';
import { type Answers, isAccepted, mayPass } from '../answers.js';
import { EndpointSession } from './endpoint-session.js';
import { type Endpoint, endpointsOf } from './endpoints.js';
import { oneLine, type Refusal, refusalError } from './error-body.js';
import type { Capability } from './host-entry.js';
import type { SettingsByRegistry } from './registry-settings.js';
import { Redactor } from '../http/redact.js';
import {
  type Headers,
  type HttpResponse,
  type Method,
  Transport,
  type TransportOptions,
} from '../http/transport.js';
import type { HostTls } from '../http/trust.js';

export interface ClientOptions extends TransportOptions {
  readonly credentials: CredentialStore;
  readonly retry?: RetryPolicy | undefined;
  /** Bytes: blobs are pushed in chunks of this size; 0, the default, sends them whole. */
  readonly chunkSize?: number | undefined;
  /** Content that the registry says it has is read and digested before it is believed to be there. */
  readonly verifyPresent?: boolean | undefined;
  /** Folder, or several as in `PATH`, with a folder for each registry that holds a `hosts.toml` or certificates. */
  readonly hostsDir?: string | undefined;
  /** Settings of registries that have no folder there. */
  readonly registries?: SettingsByRegistry | undefined;
}

export interface ApiRequest extends CallOptions {
  readonly method: Method;
  /** Absolute, or a path below the registry's root. */
  readonly url: URL | string;
  readonly headers?: Headers | undefined;
  readonly body?: ReplayableContent | undefined;
  /** The meanings of statuses. Those that the caller handles are returned; every other one is thrown as an error. */
  readonly answers: Answers;
  /** The purpose of the request, as the beginning of a message: `cannot push to …`. */
  readonly what: string;
  readonly scopes: readonly string[];
  /** Makes one attempt alone, for a step of a longer operation that is retried as a whole. */
  readonly once?: boolean | undefined;
  readonly explain?: Refusal['explain'];
}

export class RegistryClient implements AsyncDisposable {
  /** Host and port of the registry itself. */
  readonly host: string;
  readonly #transport: Transport;
  readonly #options: ClientOptions;
  readonly #reference: Reference;
  readonly #access: 'pull' | 'pull,push';
  #found: Promise<readonly Endpoint[]> | undefined;
  #sessions: Promise<readonly EndpointSession[]> | undefined;
  /** Mirrors that could not be reached or gave wrong content; this run asks them no more. */
  readonly #down = new Set<EndpointSession>();
  /** By path: the mirror that answered last. */
  readonly #givenBy = new Map<string, EndpointSession>();
  #distrusted = 0;

  constructor(reference: Reference, access: 'pull' | 'pull,push', options: ClientOptions) {
    this.host = registryHost(reference);
    this.#options = options;
    this.#reference = reference;
    this.#access = access;
    this.#transport = new Transport({ ...options, tlsByHost: (host) => this.#tlsOf(host) }, new Redactor());
  }

  get retryPolicy(): RetryPolicy {
    return this.#options.retry ?? DEFAULT_RETRY;
  }

  /** False when no mirror can be configured. */
  get mayHaveMirrors(): boolean {
    const { hostsDir, registries = {} } = this.#options;
    return hostsDir !== undefined || Object.hasOwn(registries, this.#reference.registry);
  }

  /** The number of mirrors left out because of their content. */
  get distrusted(): number {
    return this.#distrusted;
  }

  /**
   * Reports that the last answer for `path` was of no use, for the reason `why`. True when a mirror had given it: that mirror is left
   * out from now on, so that another host answers the next request.
   */
  distrust(path: string, why: string, call: CallOptions): boolean {
    const mirror = this.#givenBy.get(path);
    if (mirror === undefined) return false;
    this.#givenBy.delete(path);
    if (!this.#down.has(mirror)) {
      this.#distrusted++;
      this.#leaveOut(mirror, why, call);
    }
    return true;
  }

  /** Retries failures that may pass, unless `once`. Throws RegistryError, AuthError, and the signal's reason once it has fired. */
  async request(request: ApiRequest): Promise<HttpResponse> {
    return this.#request(request, (status) => isAccepted(request.answers, status));
  }

  /**
   * Makes a request that the run can do without, as its `answers` say. Undefined when it is refused, and so does not help. Throws what
   * `request` throws when there is no answer at all.
   */
  async optional(request: ApiRequest): Promise<HttpResponse | undefined> {
    const { answers } = request;
    const settles = (status: number, headers: Headers): boolean =>
      isAccepted(answers, status) ||
      answers.optional === 'at once' ||
      !mayPass(answers, status, headers['retry-after']);
    try {
      const response = await this.#request(request, settles);
      if (isAccepted(answers, response.status)) return response;
      await response.discard();
      return undefined;
    } catch (error) {
      // Time after time an answer that may pass.
      if (error instanceof RegistryError && error.status !== undefined && request.once !== true)
        return undefined;
      throw error;
    }
  }

  /** Runs `attempt` again after failures that may pass. */
  async retry<T>(
    what: string,
    attempt: (n: number) => Promise<T>,
    call: CallOptions & Pick<RetryOptions, 'progressed'> & Pick<RetryPolicy, 'limitMs'>,
  ): Promise<T> {
    const { limitMs = this.retryPolicy.limitMs } = call;
    return retry(what, attempt, {
      ...call,
      policy: { ...this.retryPolicy, limitMs },
      judge: (error) =>
        error instanceof RegistryError && error.retryable
          ? { again: true, afterMs: error.retryAfterMs }
          : { again: false },
    });
  }

  /**
   * Makes the `Location` of an upload absolute. Registries behind a proxy that ends TLS often say `http:` for themselves, which is
   * corrected. Any other step from HTTPS down to HTTP is refused.
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
    if (url.protocol !== 'http:' && url.protocol !== 'https:')
      throw new RegistryError(`${what}: the upload is sent on to ${url.protocol}, which is refused`);
    if (
      url.protocol === 'http:' &&
      response.url.protocol === 'https:' &&
      !this.#transport.allowsPlainHttp(url.host)
    ) {
      if (url.hostname !== response.url.hostname) {
        throw new RegistryError(
          `${what}: the upload is sent on to plain HTTP at ${url.host}, which is refused`,
          { hint: 'its operator must send uploads on to https://', side: this.#transport.side },
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

  async #request(request: ApiRequest, settles: Settles): Promise<HttpResponse> {
    if (request.once === true) return this.#attempt(request, settles);
    return this.retry(request.what, () => this.#attempt(request, settles), request);
  }

  /** Asks the endpoints in order until one of them has an answer; only the refusal of the last one is final. */
  async #attempt(request: ApiRequest, settles: Settles): Promise<HttpResponse> {
    const sessions = await this.#sessionsFor(request);
    for (const mirror of sessions.slice(0, -1)) {
      if (this.#down.has(mirror)) continue;
      const response = await this.#fromMirror(mirror, request);
      if (response !== undefined) return response;
    }
    const last = sessions.at(-1);
    if (last === undefined) {
      throw new UsageError(
        `hosts.toml names no host that may ${capabilityFor(request, this.#access)} images of ${this.#reference.registry}`,
        {
          hint: 'a host is given that by capabilities = ["pull", "resolve", "push"]',
        },
      );
    }
    if (typeof request.url === 'string') this.#givenBy.delete(request.url);
    const response = await last.send(request);
    this.#warn(response, last, request);
    if (settles(response.status, response.headers)) return response;
    throw await refusalError(response, {
      what: request.what,
      host: last.endpoint.host,
      method: request.method,
      redactor: this.#transport.redactor,
      explain: request.explain,
      credentials: this.#options.credentials.description,
      hasCredential: response.status === 401 || response.status === 403 ? await last.hasCredential() : false,
      side: this.#transport.side,
      answers: request.answers,
      isElsewhere: response.url.origin !== (await last.origin()),
    });
  }

  /** Undefined when the mirror does not have the content, or is of no use. */
  async #fromMirror(mirror: EndpointSession, request: ApiRequest): Promise<HttpResponse | undefined> {
    try {
      const response = await mirror.send(request);
      if (response.status < 400 && isAccepted(request.answers, response.status)) {
        if (typeof request.url === 'string') this.#givenBy.set(request.url, mirror);
        return response;
      }
      await response.discard();
    } catch (error) {
      if (!(error instanceof RegistryError || error instanceof AuthError)) throw error;
      this.#leaveOut(mirror, error.message, request);
    }
    return undefined;
  }

  #leaveOut(mirror: EndpointSession, why: string, { reporter }: CallOptions): void {
    this.#down.add(mirror);
    reporter?.emit({
      type: 'warning',
      code: 'MIRROR',
      message: `mirror ${mirror.endpoint.host} is left out from now on: ${why}`,
    });
  }

  async #sessionsFor(request: ApiRequest): Promise<readonly EndpointSession[]> {
    const all = await this.#allSessions();
    const { url } = request;
    if (url instanceof URL) {
      const origins = await Promise.all(all.map((session) => session.origin()));
      const own = all.find((_, i) => origins[i] === url.origin);
      if (own !== undefined) return [own];
    }
    const capability = capabilityFor(request, this.#access);
    const capable = all.filter(({ endpoint }) => endpoint.capabilities.includes(capability));
    // A push goes to one endpoint, and so does its question what exists there.
    return capability === 'push' || url instanceof URL ? capable.slice(0, 1) : capable;
  }

  async #allSessions(): Promise<readonly EndpointSession[]> {
    this.#sessions ??= this.#endpoints().then((endpoints) =>
      endpoints.map(
        (endpoint) =>
          new EndpointSession(endpoint, {
            transport: this.#transport,
            credentials: this.#options.credentials,
            repository: this.#reference.repository,
            plainHttp: this.#options.plainHttp === true,
            insecure: this.#options.insecure === true,
          }),
      ),
    );
    return this.#sessions;
  }

  #endpoints(): Promise<readonly Endpoint[]> {
    this.#found ??= endpointsOf(this.#reference, this.#options);
    return this.#found;
  }

  async #tlsOf(host: string): Promise<HostTls | undefined> {
    const known = (endpoint: Endpoint): boolean =>
      host === (endpoint.root?.host ?? endpoint.host.replace(/:443$/, ''));
    return (await this.#endpoints()).find(known)?.tls;
  }

  /** Reports the header `Warning: 299 - "text"`, each text once. Distribution-spec, "Warnings". */
  #warn({ headers }: HttpResponse, { endpoint }: EndpointSession, { reporter }: CallOptions): void {
    const header = headers['warning'];
    if (header === undefined || reporter === undefined) return;
    const reported = warnings.get(reporter) ?? new Set();
    warnings.set(reporter, reported);
    for (const [, quoted = ''] of header.matchAll(/(?:^|,)\s*299\s+\S+\s+"((?:[^"\\]|\\.)*)"/g)) {
      const text = this.#transport.redactor.text(oneLine(quoted.replace(/\\(.)/g, '$1')));
      const message = `registry ${endpoint.host} says: ${text}`;
      if (reported.has(message) || reported.size >= MAX_WARNINGS) continue;
      reported.add(message);
      reporter.emit({ type: 'warning', code: 'REGISTRY', message });
    }
  }
}

/** True for answers that are given to the caller. */
type Settles = (status: number, headers: Headers) => boolean;

/** The warnings that each reporter has got: source and target of a run may be the same registry. */
const warnings = new WeakMap<Reporter, Set<string>>();

/** Limits the warnings of a registry that has a new text for each answer. */
const MAX_WARNINGS = 20;

/** The capability that a host needs for a request; containerd, core/remotes/docker/registry.go. */
function capabilityFor({ url }: ApiRequest, access: 'pull' | 'pull,push'): Capability {
  if (access === 'pull,push') return 'push';
  // Only the registry knows what a tag means; content of a digest is the same everywhere.
  const byTag = typeof url === 'string' && /\/manifests\/(?!sha\d+:)/.test(url);
  return byTag ? 'resolve' : 'pull';
}
