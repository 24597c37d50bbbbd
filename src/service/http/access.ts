/** Who may do what: tokens of the API, the header that each registry's own requests bear, and this machine. */
import type { FastifyRequest } from 'fastify';
import { bearerToken, isSecret } from '../../io/secrets.js';
import type { ServiceConfig } from '../config/config.js';
import { ApiError } from './errors.js';
import type { ApiParts } from './parts.js';

export type Scope = 'read' | 'write';

/** True if the header bears a token of the scope; a token that may write may read. */
export function hasToken(config: ServiceConfig, header: string | undefined, scope: Scope): boolean {
  const own = scopeOf(config, bearerToken(header));
  return own !== undefined && (own === 'write' || scope === 'read');
}

/** What a token may do; undefined for none, and for one that is not configured. Every token is compared. */
export function scopeOf({ settings }: ServiceConfig, token: string | undefined): Scope | undefined {
  if (token === undefined || token === '') return undefined;
  let found: Scope | undefined;
  for (const { value, scope } of settings.api.tokens)
    if (value !== '' && isSecret(token, value))
      found = found === 'write' || scope === 'write' ? 'write' : 'read';
  return found;
}

/** Throws ApiError unless a request about these registries may be made: with a token, or the header of each that has one. */
export function demandHosts(
  { config, isSocket }: Pick<ApiParts, 'config' | 'isSocket'>,
  header: string | undefined,
  registries: Iterable<string>,
): void {
  const now = config();
  if (isSocket || hasToken(now, header, 'write')) return;
  for (const name of registries) {
    const wanted = now.hosts.byName.get(name)?.settings.webhook.auth_header ?? '';
    if (wanted !== '' && !isSecret(header ?? '', wanted)) throw unauthorized();
  }
}

/**
 * Throws ApiError unless a request of v2 may be made: with a token of the scope, over a Unix socket, or, where no token is configured,
 * from this machine.
 */
export function demandScope(
  request: FastifyRequest,
  { config, isSocket }: Pick<ApiParts, 'config' | 'isSocket'>,
  scope: Scope,
): void {
  if (isSocket) return;
  const now = config();
  if (now.settings.api.tokens.length === 0) {
    if (isOfThisMachine(request)) return;
    throw new ApiError(
      'ERR_FORBIDDEN',
      'without api.tokens, this is for a Unix socket and this machine alone',
    );
  }
  const own = scopeOf(now, bearerToken(request.headers.authorization));
  if (own === undefined) throw unauthorized();
  if (own === 'read' && scope === 'write') throw new ApiError('ERR_FORBIDDEN', 'the token may only read');
}

/** A proxy on this machine sets one of these, and then the client may be anywhere. */
const FORWARDED = ['forwarded', 'x-forwarded-for', 'x-forwarded-host', 'x-real-ip', 'via'] as const;
const LOOPBACK_ADDRESS = /^(?:::ffff:)?127\.\d+\.\d+\.\d+$|^::1$/;
const LOOPBACK_NAME = /^(?:localhost|127\.\d+\.\d+\.\d+|\[::1\])(?::\d+)?$/i;

/**
 * True for a program of this machine. A web page that a browser of this machine shows is none: it may have a name that points here, or
 * send a form here, so both the name and the origin count.
 */
export function isOfThisMachine(request: FastifyRequest): boolean {
  const { headers } = request;
  return (
    LOOPBACK_ADDRESS.test(request.ip) &&
    LOOPBACK_NAME.test(headers.host ?? '') &&
    FORWARDED.every((name) => headers[name] === undefined) &&
    isOwnOrigin(request)
  );
}

/** False for what a page of another origin has made a browser send. */
export function isOwnOrigin({ headers }: FastifyRequest): boolean {
  const { host, origin } = headers;
  const site = headers['sec-fetch-site'];
  if (site !== undefined && site !== 'same-origin' && site !== 'none') return false;
  return origin === undefined || origin === `http://${host ?? ''}` || origin === `https://${host ?? ''}`;
}

/** One text, whether the secret is missing or wrong. */
export function unauthorized(): ApiError {
  return new ApiError('ERR_UNAUTHORIZED', 'invalid auth config');
}
