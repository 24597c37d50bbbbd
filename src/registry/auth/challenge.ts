/**
 * Who we are, to one registry: challenges, Basic, and Bearer tokens by scope. Distribution spec (docs/spec/auth), RFC 9110 11.
 * Credentials leave for the registry itself (Basic) or for the realm that it names (Bearer), never in clear text unless that
 * host may be spoken to so.
 */
import * as v from 'valibot';
import { AuthError, RegistryError } from '../../errors.js';
import { collect, contentOf } from '../../io/streams.js';
import type { CallOptions } from '../../reporter.js';
import { type Credential, type CredentialStore, loginHost } from './credentials.js';
import { redactUrl } from '../http/redact.js';
import type { HttpRequest, HttpResponse, Transport } from '../http/transport.js';

export interface Challenge {
  /** In lower case: `basic`, `bearer`. */
  readonly scheme: string;
  readonly parameters: Readonly<Record<string, string>>;
}

const TOKEN = /[!#$%&'*+.^_`|~0-9A-Za-z-]+/.source;
const PARAMETER = new RegExp(`\\s*(${TOKEN})\\s*=\\s*(?:"((?:[^"\\\\]|\\\\.)*)"|([^\\s,"]+))\\s*,?`, 'y');
const SCHEME = new RegExp(`[\\s,]*(${TOKEN})(?=\\s|,|$)`, 'y');

/** `WWW-Authenticate`, RFC 9110 11.6.1: several challenges in one header, parameters quoted or not. Stops at what it cannot read. */
export function parseChallenges(header: string): Challenge[] {
  const challenges: Challenge[] = [];
  let at = 0;
  for (;;) {
    SCHEME.lastIndex = at;
    const scheme = SCHEME.exec(header)?.[1];
    if (scheme === undefined) return challenges;
    at = SCHEME.lastIndex;
    const parameters: Record<string, string> = {};
    for (;;) {
      PARAMETER.lastIndex = at;
      const match = PARAMETER.exec(header);
      if (match === null) break;
      const [, name = '', quoted, plain = ''] = match;
      parameters[name.toLowerCase()] = quoted === undefined ? plain : quoted.replace(/\\(.)/g, '$1');
      at = PARAMETER.lastIndex;
    }
    challenges.push({ scheme: scheme.toLowerCase(), parameters });
  }
}

/** `repository:NAME:pull` and the like. */
export function repositoryScope(repository: string, access: 'pull' | 'pull,push' | 'delete'): string {
  return `repository:${repository}:${access}`;
}

export interface AuthenticatorOptions {
  readonly transport: Transport;
  readonly credentials: CredentialStore;
  /** Host, with port, as the user wrote it: what credentials are stored under. */
  readonly host: string;
  readonly repository: string;
  readonly now?: (() => number) | undefined;
}

type Method =
  | { readonly kind: 'basic' }
  | { readonly kind: 'bearer'; readonly realm: URL; readonly service: string | undefined };

interface Token {
  readonly value: string;
  readonly expiresAtMs: number;
}

/** Token servers that name no lifetime mean this; distribution, docs/spec/auth/token.md. */
const DEFAULT_LIFETIME_S = 60;
/** Renewed this share of its life early, so that none runs out on its way. */
const RENEW_EARLY = 0.1;
const TOKEN_LIMIT = 1024 * 1024;
const CLIENT_ID = 'nydusify';

const tokenSchema = v.looseObject({
  token: v.nullish(v.string()),
  access_token: v.nullish(v.string()),
  expires_in: v.nullish(v.union([v.number(), v.pipe(v.string(), v.transform(Number))])),
  refresh_token: v.nullish(v.string()),
});

export class Authenticator {
  readonly #options: AuthenticatorOptions;
  readonly #now: () => number;
  /** Unknown until the registry has asked once. */
  #method: Method | undefined;
  #credential: Promise<Credential | undefined> | undefined;
  /** By the scopes asked for. One fetch serves everybody who waits for the same scopes. */
  readonly #tokens = new Map<string, Promise<Token>>();
  /** Scopes that the registry itself named when we asked for those of the key. */
  readonly #named = new Map<string, string>();
  /** Given by the token server for our password, and used instead of it from then on. */
  #refreshToken: string | undefined;

  constructor(options: AuthenticatorOptions) {
    this.#options = options;
    this.#now = options.now ?? Date.now;
  }

  /** The `authorization` header for a request that needs these scopes; undefined while none has been asked for. */
  async header(scopes: readonly string[], call: CallOptions = {}): Promise<string | undefined> {
    switch (this.#method?.kind) {
      case undefined:
        return undefined;
      case 'basic':
        return this.#basic(await this.#load());
      case 'bearer':
        return `Bearer ${(await this.#token(this.#method, scopes, call)).value}`;
    }
  }

  /**
   * Takes in the challenge of a 401. True when another try makes sense: then `header` gives another answer than `used`, which
   * was sent. Throws AuthError when the token server refuses.
   */
  async challenged(
    header: string | undefined,
    scopes: readonly string[],
    used: string | undefined,
    call: CallOptions = {},
  ): Promise<boolean> {
    const challenges = parseChallenges(header ?? '');
    const bearer = challenges.find((challenge) => challenge.scheme === 'bearer');
    if (bearer !== undefined) {
      this.#method = this.#bearerMethod(bearer);
      const key = scopeKey(scopes);
      const named = bearer.parameters['scope'];
      if (named !== undefined) this.#named.set(key, named);
      // Others may have renewed the token since, even while this waits: only the one that was refused is dropped.
      const held = this.#tokens.get(key);
      const token = await held?.catch(() => undefined);
      if (token !== undefined && `Bearer ${token.value}` === used && this.#tokens.get(key) === held)
        this.#tokens.delete(key);
      return (await this.header(scopes, call)) !== used;
    }
    if (challenges.some((challenge) => challenge.scheme === 'basic')) {
      this.#method = { kind: 'basic' };
      const basic = this.#basic(await this.#load());
      return basic !== undefined && basic !== used;
    }
    return false;
  }

  /** For hints: whether anything is stored for this registry. */
  async hasCredential(): Promise<boolean> {
    return (await this.#load()) !== undefined;
  }

  #load(): Promise<Credential | undefined> {
    this.#credential ??= this.#options.credentials
      .get(this.#options.host, this.#options.repository)
      .then((credential) => {
        const { redactor } = this.#options.transport;
        redactor.add(credential?.password);
        redactor.add(credential?.identityToken);
        redactor.add(credential?.registryToken);
        redactor.add(basicValue(credential));
        return credential;
      });
    return this.#credential;
  }

  #basic(credential: Credential | undefined): string | undefined {
    const value = basicValue(credential);
    return value === undefined ? undefined : `Basic ${value}`;
  }

  #bearerMethod(challenge: Challenge): Method {
    const { host, transport } = this.#options;
    const { realm, service } = challenge.parameters;
    let url: URL;
    try {
      url = new URL(realm ?? '');
    } catch (cause) {
      throw new RegistryError(`registry ${host} asks for a token from "${realm ?? ''}", which is no URL`, {
        cause,
      });
    }
    // A registry elsewhere has no business with what listens on this machine: for it, loopback is no exception.
    const inClearText = transport.allowsPlainHttp(url.host) && transport.allowsPlainHttp(host);
    if (url.protocol !== 'https:' && !(url.protocol === 'http:' && inClearText)) {
      throw new AuthError(`registry ${host} asks for credentials to be sent in clear text to ${url.host}`, {
        remedy: { kind: 'plain-http' },
        side: transport.side,
      });
    }
    return { kind: 'bearer', realm: url, service };
  }

  async #token(
    method: Extract<Method, { kind: 'bearer' }>,
    scopes: readonly string[],
    call: CallOptions,
  ): Promise<Token> {
    const key = scopeKey(scopes);
    const held = this.#tokens.get(key);
    if (held !== undefined) {
      const token = await held;
      if (this.#now() < token.expiresAtMs) return token;
      if (this.#tokens.get(key) === held) this.#tokens.delete(key);
    }
    // Looked up again, without waiting in between: whoever woke first has already asked.
    const asked = this.#tokens.get(key) ?? this.#fetch(method, this.#allScopes(key, scopes), call);
    this.#tokens.set(key, asked);
    try {
      return await asked;
    } catch (error) {
      if (this.#tokens.get(key) === asked) this.#tokens.delete(key);
      throw error;
    }
  }

  #allScopes(key: string, scopes: readonly string[]): string[] {
    const named = this.#named.get(key)?.split(' ') ?? [];
    return [...new Set([...scopes, ...named.filter((scope) => scope !== '')])];
  }

  async #fetch(
    method: Extract<Method, { kind: 'bearer' }>,
    scopes: readonly string[],
    call: CallOptions,
  ): Promise<Token> {
    const credential = await this.#load();
    const startedMs = this.#now();
    if (credential?.registryToken !== undefined)
      return { value: credential.registryToken, expiresAtMs: Infinity };
    const renewed = await this.#renew(method, scopes, credential, startedMs, call);
    if (renewed !== undefined) return renewed;
    let response: HttpResponse;
    if (credential?.identityToken !== undefined) {
      response = await this.#post(method, scopes, refreshGrant(credential.identityToken), call);
    } else {
      response = await this.#get(method, scopes, credential, call);
      const { username, password } = credential ?? {};
      if (
        (response.status === 404 || response.status === 405) &&
        username !== undefined &&
        password !== undefined
      ) {
        await response.discard();
        response = await this.#post(method, scopes, { grant_type: 'password', username, password }, call);
      }
    }
    return this.#read(response, credential, startedMs);
  }

  /** By the refresh token that an earlier answer brought; undefined when there is none, or it is no longer taken. */
  async #renew(
    method: Extract<Method, { kind: 'bearer' }>,
    scopes: readonly string[],
    credential: Credential | undefined,
    startedMs: number,
    call: CallOptions,
  ): Promise<Token | undefined> {
    if (this.#refreshToken === undefined) return undefined;
    const response = await this.#post(method, scopes, refreshGrant(this.#refreshToken), call);
    if (response.status === 200) return this.#read(response, credential, startedMs);
    await response.discard();
    this.#refreshToken = undefined;
    return undefined;
  }

  async #get(
    method: Extract<Method, { kind: 'bearer' }>,
    scopes: readonly string[],
    credential: Credential | undefined,
    call: CallOptions,
  ): Promise<HttpResponse> {
    const url = new URL(method.realm);
    if (method.service !== undefined) url.searchParams.set('service', method.service);
    for (const scope of scopes) url.searchParams.append('scope', scope);
    const basic = this.#basic(credential);
    return this.#send({
      method: 'GET',
      url,
      headers: basic === undefined ? {} : { authorization: basic },
      signal: call.signal,
    });
  }

  /** RFC 6749; distribution, docs/spec/auth/oauth.md. */
  async #post(
    method: Extract<Method, { kind: 'bearer' }>,
    scopes: readonly string[],
    grant: Readonly<Record<string, string>>,
    call: CallOptions,
  ): Promise<HttpResponse> {
    const form = new URLSearchParams({
      ...grant,
      client_id: CLIENT_ID,
      access_type: 'offline',
      scope: scopes.join(' '),
    });
    if (method.service !== undefined) form.set('service', method.service);
    return this.#send({
      method: 'POST',
      url: method.realm,
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: contentOf(Buffer.from(form.toString())),
      signal: call.signal,
    });
  }

  async #send(request: HttpRequest): Promise<HttpResponse> {
    return this.#options.transport.send({ ...request, sameOriginOnly: true });
  }

  async #read(response: HttpResponse, credential: Credential | undefined, startedMs: number): Promise<Token> {
    const { host, credentials, transport } = this.#options;
    const { side } = transport;
    const server = redactUrl(new URL(response.url.pathname, response.url));
    if (
      response.status >= 400 &&
      response.status < 500 &&
      response.status !== 408 &&
      response.status !== 429
    ) {
      await response.discard();
      throw credential === undefined
        ? new AuthError(
            `registry ${host} gives no anonymous access (token server answered ${response.status})`,
            {
              remedy: {
                kind: 'login',
                host: loginHost(host),
                searched: credentials.description,
                stored: false,
              },
              side,
            },
          )
        : new AuthError(
            `registry ${host} refused the stored credentials (token server answered ${response.status})`,
            {
              remedy: {
                kind: 'login',
                host: loginHost(host),
                searched: credentials.description,
                stored: true,
              },
              side,
            },
          );
    }
    if (response.status !== 200) {
      await response.discard();
      throw new RegistryError(`token server ${server} answered ${response.status}`, {
        status: response.status,
        retryable: true,
      });
    }
    const bytes = await collect(response.body, TOKEN_LIMIT, `answer of token server ${server}`);
    let json: unknown;
    try {
      json = JSON.parse(bytes.toString('utf8'));
    } catch {
      throw new RegistryError(`token server ${server} gave an answer that is not JSON`); // and may hold a secret: not shown
    }
    const result = v.safeParse(tokenSchema, json);
    const value = result.success ? (result.output.token ?? result.output.access_token ?? '') : '';
    if (!result.success || value === '')
      throw new RegistryError(`token server ${server} gave an answer without a token`);
    transport.redactor.add(value);
    const refreshToken = result.output.refresh_token ?? undefined;
    transport.redactor.add(refreshToken);
    // An identity token that is stored stays in use: what it is exchanged for would be lost with this run.
    if (refreshToken !== undefined && credential?.identityToken === undefined)
      this.#refreshToken = refreshToken;
    const seconds = result.output.expires_in ?? DEFAULT_LIFETIME_S;
    const lifetimeMs = (seconds > 0 ? seconds : DEFAULT_LIFETIME_S) * 1000;
    // Counted from before the question, so that clocks need not agree: `issued_at` is the server's clock.
    return { value, expiresAtMs: startedMs + lifetimeMs * (1 - RENEW_EARLY) };
  }
}

function refreshGrant(token: string): Readonly<Record<string, string>> {
  return { grant_type: 'refresh_token', refresh_token: token };
}

function basicValue(credential: Credential | undefined): string | undefined {
  if (credential?.username === undefined || credential.password === undefined) return undefined;
  return Buffer.from(`${credential.username}:${credential.password}`).toString('base64');
}

function scopeKey(scopes: readonly string[]): string {
  return [...scopes].sort().join(' ');
}
