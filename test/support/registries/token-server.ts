/** A token server as registries have one (distribution, docs/spec/auth), and the check of its tokens at the registry. */
import { randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';

export interface TokenServerOptions {
  /** By name; anonymous access gives scopes of `pull` only. */
  readonly users?: Readonly<Record<string, string>>;
  readonly identityTokens?: readonly string[];
  /** Clients that ask for a token to keep get the first of these with their password. */
  readonly offline?: boolean;
  readonly anonymous?: boolean;
  readonly lifetimeS?: number;
  /** Name of the field that carries the token. */
  readonly field?: 'token' | 'access_token';
  /** The GET form of the protocol is answered 404. */
  readonly postOnly?: boolean;
  /** Where clients are sent instead: some take no realm on loopback other than the registry's own. Must lead here. */
  readonly realm?: string;
  /** Sees each request first; true when it has answered it. For faults. */
  readonly intercept?: (request: IncomingMessage, response: ServerResponse) => boolean;
}

interface Issued {
  readonly scopes: readonly string[];
  readonly expiresAtMs: number;
}

export interface TokenServer {
  readonly realm: string;
  readonly url: string;
  readonly requests: readonly {
    readonly method: string;
    readonly scopes: readonly string[];
    readonly user: string;
  }[];
  readonly tokens: ReadonlyMap<string, Issued>;
  /** All tokens that were ever given out. */
  readonly issued: readonly string[];
  /** All tokens are void from now on. */
  revoke(): void;
  /** For a registry's `intercept`: answers 401 unless the request bears a token for what it wants. */
  readonly guard: (request: IncomingMessage, response: ServerResponse) => boolean;
  close(): Promise<void>;
}

const SERVICE = 'test-registry';

export async function startTokenServer(options: TokenServerOptions = {}): Promise<TokenServer> {
  const requests: { method: string; scopes: string[]; user: string }[] = [];
  const tokens = new Map<string, Issued>();
  const issued: string[] = [];

  const issue = (response: ServerResponse, scopes: string[], user: string, refresh?: string): void => {
    const value = randomBytes(24).toString('base64url');
    issued.push(value);
    const lifetimeS = options.lifetimeS ?? 300;
    const granted = user === '' ? scopes.map((scope) => scope.replace(/:pull,push$/, ':pull')) : scopes;
    tokens.set(value, { scopes: granted, expiresAtMs: Date.now() + lifetimeS * 1000 });
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(
      JSON.stringify({ [options.field ?? 'token']: value, expires_in: lifetimeS, refresh_token: refresh }),
    );
  };
  const refuse = (response: ServerResponse, status: number): void => {
    response
      .writeHead(status, { 'content-type': 'application/json' })
      .end('{"errors":[{"code":"UNAUTHORIZED"}]}');
  };

  const server = createServer((request, response) => {
    if (options.intercept?.(request, response) === true) return;
    const url = new URL(request.url ?? '/', 'http://token.invalid');
    if (request.method === 'GET') {
      const scopes = url.searchParams.getAll('scope');
      const basic = /^Basic (.*)$/.exec(request.headers.authorization ?? '')?.[1];
      const [user = '', ...password] = Buffer.from(basic ?? '', 'base64')
        .toString('utf8')
        .split(':');
      requests.push({ method: 'GET', scopes, user });
      const isOffline = options.offline === true && url.searchParams.get('offline_token') === 'true';
      if (options.postOnly === true) refuse(response, 404);
      else if (basic === undefined && options.anonymous === true) issue(response, scopes, '');
      else if (user !== '' && options.users?.[user] === password.join(':'))
        issue(response, scopes, user, isOffline ? options.identityTokens?.[0] : undefined);
      else refuse(response, 401);
      return;
    }
    void text(request).then((body) => {
      const form = new URLSearchParams(body);
      const scopes = (form.get('scope') ?? '').split(' ');
      const user = form.get('username') ?? '';
      requests.push({ method: 'POST', scopes, user });
      const byPassword =
        form.get('grant_type') === 'password' && options.users?.[user] === form.get('password');
      const byToken = options.identityTokens?.includes(form.get('refresh_token') ?? '') === true;
      if (byPassword || byToken) issue(response, scopes, user === '' ? '<token>' : user);
      else refuse(response, 401);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/token`;
  const realm = options.realm ?? url;

  return {
    realm,
    url,
    requests,
    tokens,
    issued,
    revoke: () => {
      tokens.clear();
    },
    guard: (request, response) => {
      const repository =
        /^\/v2\/(.+?)\/(blobs|manifests|tags|referrers)\//.exec(request.url ?? '')?.[1] ?? '';
      const access = request.method === 'GET' || request.method === 'HEAD' ? 'pull' : 'pull,push';
      const from = new URL(request.url ?? '/', 'http://registry.invalid').searchParams.get('from');
      const wanted = [
        ...(repository === '' ? [] : [`repository:${repository}:${access}`]),
        ...(from === null ? [] : [`repository:${from}:pull`]),
      ];
      const held = tokens.get(/^Bearer (.*)$/.exec(request.headers.authorization ?? '')?.[1] ?? '');
      const covered = (scope: string): boolean =>
        held?.scopes.some((have) => have === scope || have === scope.replace(/:pull$/, ':pull,push')) ===
        true;
      if (held !== undefined && held.expiresAtMs > Date.now() && wanted.every(covered)) return false;
      request.resume();
      response.writeHead(401, {
        'content-type': 'application/json',
        'www-authenticate': `Bearer realm="${realm}",service="${SERVICE}",scope="${wanted.join(' ')}"`,
      });
      response.end('{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}');
      return true;
    },
    close: async () => {
      server.closeAllConnections();
      await new Promise<void>((resolve) => {
        server.close(() => {
          resolve();
        });
      });
    },
  };
}
