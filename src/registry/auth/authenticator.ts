/**
 * Authorizes requests to one registry: Basic, and Bearer tokens by scope. Distribution spec (docs/spec/auth), RFC 9110 11.
 * Credentials go to the registry itself (Basic) or to the realm that it names (Bearer), and in clear text only where the
 * transport allows that.
 */
import { AuthError, RegistryError } from '../../errors.js';
import { SharedWork } from '../../io/abort.js';
import { contentOf } from '../../io/streams.js';
import type { CallOptions } from '../../reporter.js';
import { isLoopback } from '../http/hosts.js';
import type { HttpRequest, HttpResponse, Transport } from '../http/transport.js';
import { ANSWERS, meaningOf } from '../answers.js';
import { type Challenge, parseChallenges } from './challenge.js';
import type { Credential, CredentialStore } from './credentials.js';
import { readGrant } from './token.js';

export interface AuthenticatorOptions {
  readonly transport: Transport;
  readonly credentials: CredentialStore;
  /** Host, with port, as the user wrote it: the key of stored credentials. */
  readonly host: string;
  readonly repository: string;
  /** Asks token servers for an identity token too, which can be stored in place of the password. */
  readonly offline?: boolean | undefined;
  readonly now?: (() => number) | undefined;
}

type Method =
  | { readonly kind: 'basic' }
  | {
      readonly kind: 'bearer';
      readonly realm: URL;
      readonly service: string | undefined;
      /** True when the realm may have the password that is stored for the registry. */
      readonly isTrusted: boolean;
    };

/** A token in use. */
interface Token {
  readonly value: string;
  readonly expiresAtMs: number;
}

/** A token is renewed this share of its lifetime early, so that it does not expire on its way. */
const RENEW_EARLY = 0.1;
const CLIENT_ID = 'nydusify';
/** Parameters of a request for a token that say who asks, and for what. */
const OURS = ['scope', 'account', 'client_id', 'grant_type', 'access_type'];

export class Authenticator {
  readonly #options: AuthenticatorOptions;
  readonly #now: () => number;
  /** Unknown until the registry has asked once. */
  #method: Method | undefined;
  #credential: SharedWork<Credential | undefined> | undefined;
  /** By the scopes asked for, which are ours: those that a challenge names would choose what a token allows. All requests that wait for the same scopes share one fetch. */
  readonly #tokens = new Map<string, SharedWork<Token>>();
  /** The token server gave it for our password, and it replaces the password from then on. */
  #refreshToken: string | undefined;

  constructor(options: AuthenticatorOptions) {
    this.#options = options;
    this.#now = options.now ?? Date.now;
  }

  /** The `authorization` header for a request that needs these scopes; undefined until the registry has asked for one. */
  async header(scopes: readonly string[], call: CallOptions = {}): Promise<string | undefined> {
    switch (this.#method?.kind) {
      case undefined:
        return undefined;
      case 'basic':
        return this.#basic(await this.#load(call));
      case 'bearer':
        return `Bearer ${(await this.#token(this.#method, scopes, call)).value}`;
    }
  }

  /**
   * Takes in the challenge of a 401. True when another attempt makes sense, because `header` now gives something else than `used`,
   * which was sent. `answeredBy` completes a realm that is no whole URL. Throws AuthError when the token server refuses.
   */
  async challenged(
    header: string | undefined,
    scopes: readonly string[],
    used: string | undefined,
    call: CallOptions = {},
    answeredBy?: URL,
  ): Promise<boolean> {
    const challenges = parseChallenges(header ?? '');
    const bearer = challenges.find((challenge) => challenge.scheme === 'bearer');
    if (bearer !== undefined) {
      this.#method = this.#bearerMethod(bearer, answeredBy);
      const key = scopeKey(scopes);
      // Another request may have renewed the token, even while this one waits: drop only the token that was refused.
      const held = this.#tokens.get(key);
      const token = await held?.wait(call.signal).catch(() => undefined);
      if (token !== undefined && `Bearer ${token.value}` === used && this.#tokens.get(key) === held)
        this.#tokens.delete(key);
      return (await this.header(scopes, call)) !== used;
    }
    if (challenges.some((challenge) => challenge.scheme === 'basic')) {
      this.#method = { kind: 'basic' };
      const basic = this.#basic(await this.#load(call));
      return basic !== undefined && basic !== used;
    }
    return false;
  }

  /** True once the registry has asked for a login. */
  get hasMethod(): boolean {
    return this.#method !== undefined;
  }

  /** The identity token that the token server gave for the password, if it gave one. */
  get identityToken(): string | undefined {
    return this.#refreshToken;
  }

  /** True when a credential is stored for this registry, for hints. */
  async hasCredential(call: CallOptions = {}): Promise<boolean> {
    return (await this.#load(call)) !== undefined;
  }

  async #load({ signal }: CallOptions): Promise<Credential | undefined> {
    if (this.#credential === undefined || this.#credential.isStopped)
      this.#credential = new SharedWork((stop) => this.#ask(stop));
    return this.#credential.wait(signal);
  }

  async #ask(signal: AbortSignal): Promise<Credential | undefined> {
    const { credentials, host, repository, transport } = this.#options;
    const credential = await credentials.get(host, repository, { signal });
    const { redactor } = transport;
    redactor.add(credential?.password);
    redactor.add(credential?.identityToken);
    redactor.add(credential?.registryToken);
    redactor.add(basicValue(credential));
    return credential;
  }

  #basic(credential: Credential | undefined): string | undefined {
    const value = basicValue(credential);
    return value === undefined ? undefined : `Basic ${value}`;
  }

  #bearerMethod(challenge: Challenge, answeredBy: URL | undefined): Method {
    const { host, transport } = this.#options;
    const { realm, service } = challenge.parameters;
    let url: URL;
    try {
      // An empty realm is no URL, whatever it might be completed to.
      url = new URL(realm ?? '', (realm ?? '') === '' ? undefined : answeredBy);
    } catch (cause) {
      throw new RegistryError(`registry ${host} asks for a token from "${realm ?? ''}", which is no URL`, {
        cause,
      });
    }
    // What the realm has in its query would be asked for beside what we ask for, and its user would be taken for ours.
    for (const name of OURS) url.searchParams.delete(name);
    url.username = '';
    url.password = '';
    // Loopback is no exception for a registry elsewhere, which must not reach what listens on this machine.
    const inClearText = transport.allowsPlainHttp(url.host) && transport.allowsPlainHttp(host);
    if (url.protocol !== 'https:' && !(url.protocol === 'http:' && inClearText)) {
      throw new AuthError(`registry ${host} asks for credentials to be sent in clear text to ${url.host}`, {
        hint: 'its operator must name a realm with https://',
        side: transport.side,
      });
    }
    // Anybody on the way can name a realm in clear text. A certificate shows that the host itself has named it.
    const isTrusted =
      answeredBy?.protocol === 'https:' ||
      url.hostname.toLowerCase() === new URL(`http://${host}`).hostname ||
      (isLoopback(url.host) && isLoopback(host)) ||
      transport.hosts.has(url.host);
    return { kind: 'bearer', realm: url, service, isTrusted };
  }

  async #token(
    method: Extract<Method, { kind: 'bearer' }>,
    scopes: readonly string[],
    call: CallOptions,
  ): Promise<Token> {
    const key = scopeKey(scopes);
    const held = this.#running(key);
    if (held !== undefined) {
      const token = await held.wait(call.signal);
      if (this.#now() < token.expiresAtMs) return token;
      if (this.#tokens.get(key) === held) this.#tokens.delete(key);
    }
    // Look up again, without waiting in between, because another request may have asked already.
    const asked =
      this.#running(key) ?? new SharedWork((signal) => this.#fetch(method, scopes, { ...call, signal }));
    this.#tokens.set(key, asked);
    try {
      return await asked.wait(call.signal);
    } catch (error) {
      if (this.#tokens.get(key) === asked) this.#tokens.delete(key);
      throw error;
    }
  }

  /** The token that is held or being fetched. A fetch whose callers have all gone does not count. */
  #running(key: string): SharedWork<Token> | undefined {
    const held = this.#tokens.get(key);
    return held?.isStopped === true ? undefined : held;
  }

  async #fetch(
    method: Extract<Method, { kind: 'bearer' }>,
    scopes: readonly string[],
    call: CallOptions,
  ): Promise<Token> {
    const credential = await this.#load(call);
    const startedMs = this.#now();
    if (credential?.registryToken !== undefined)
      return { value: credential.registryToken, expiresAtMs: Infinity };
    if (credential !== undefined && !method.isTrusted) {
      const { host, transport } = this.#options;
      throw new AuthError(
        `registry ${host} asks, in clear text, for its password to be sent to another host, ${method.realm.host}`,
        { remedy: { kind: 'allow-host', host: method.realm.hostname }, side: transport.side },
      );
    }
    const renewed = await this.#renew(method, scopes, credential, startedMs, call);
    if (renewed !== undefined) return renewed;
    let response: HttpResponse;
    if (credential?.identityToken !== undefined) {
      response = await this.#post(method, scopes, refreshGrant(credential.identityToken), call);
    } else {
      response = await this.#get(method, scopes, credential, call);
      const { username, password } = credential ?? {};
      if (
        meaningOf(ANSWERS.token, response.status) === 'otherForm' &&
        username !== undefined &&
        password !== undefined
      ) {
        await response.discard();
        response = await this.#post(method, scopes, { grant_type: 'password', username, password }, call);
      }
    }
    return this.#read(response, credential, startedMs);
  }

  /** Uses the refresh token of an earlier answer. Undefined when there is none, or the server takes it no longer. */
  async #renew(
    method: Extract<Method, { kind: 'bearer' }>,
    scopes: readonly string[],
    credential: Credential | undefined,
    startedMs: number,
    call: CallOptions,
  ): Promise<Token | undefined> {
    if (this.#refreshToken === undefined) return undefined;
    const response = await this.#post(method, scopes, refreshGrant(this.#refreshToken), call);
    if (meaningOf(ANSWERS.token, response.status) === 'granted')
      return this.#read(response, credential, startedMs);
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
    if (this.#options.offline === true) {
      url.searchParams.set('offline_token', 'true');
      url.searchParams.set('client_id', CLIENT_ID);
    }
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
    const isSecret = request.body !== undefined || request.headers['authorization'] !== undefined;
    return this.#options.transport.send({ ...request, sameOriginOnly: isSecret });
  }

  async #read(response: HttpResponse, credential: Credential | undefined, startedMs: number): Promise<Token> {
    const { host, credentials, transport } = this.#options;
    const { side } = transport;
    const { description } = credentials;
    const hasCredential = credential !== undefined;
    const grant = await readGrant(response, { host, description, hasCredential, side });
    transport.redactor.add(grant.token);
    transport.redactor.add(grant.refreshToken);
    // A stored identity token stays in use, because the token that it is exchanged for would be lost with this run.
    if (grant.refreshToken !== undefined && credential?.identityToken === undefined)
      this.#refreshToken = grant.refreshToken;
    // The lifetime counts from before the request, so that clocks need not agree: `issued_at` is the server's clock.
    return { value: grant.token, expiresAtMs: startedMs + grant.lifetimeMs * (1 - RENEW_EARLY) };
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
