/** Who looks at the page, and what forms prove that it was this page that was used. */
import { randomBytes } from 'node:crypto';
import type { FastifyRequest } from 'fastify';
import { isOfThisMachine, type Scope, scopeOf } from '../http/access.js';
import type { ApiParts } from '../http/parts.js';
import { isSecret } from '../../io/secrets.js';

export interface Viewer {
  readonly scope: Scope;
  /** Undefined for those who may look without a login. */
  readonly session: Session | undefined;
  /** True where a token is configured, with which a viewer can log in. */
  readonly canLogIn: boolean;
}

export interface Session {
  readonly id: string;
  /** Every form bears it. */
  readonly csrf: string;
  readonly token: string;
  readonly ends: number;
}

const COOKIE = 'nydusify_session';
const HOURS = 12;
const HOUR_MS = 3_600_000;
/** Beyond, the oldest ends. */
const MAX_SESSIONS = 1000;

export class Sessions {
  readonly #sessions = new Map<string, Session>();

  open(token: string): Session {
    const oldest = this.#sessions.keys().next();
    if (this.#sessions.size >= MAX_SESSIONS && oldest.done !== true) this.#sessions.delete(oldest.value);
    const session = { id: secret(), csrf: secret(), token, ends: Date.now() + HOURS * HOUR_MS };
    this.#sessions.set(session.id, session);
    return session;
  }

  close(id: string): void {
    this.#sessions.delete(id);
  }

  /** The session of a request. Its id is random, so that a look-up tells nothing of others. */
  of(request: FastifyRequest): Session | undefined {
    const session = this.#sessions.get(cookieOf(request.headers.cookie ?? ''));
    if (session === undefined || session.ends > Date.now()) return session;
    this.#sessions.delete(session.id);
    return undefined;
  }
}

function secret(): string {
  return randomBytes(32).toString('base64url');
}

function cookieOf(header: string): string {
  const found = header.split(';').find((one) => one.trim().startsWith(`${COOKIE}=`));
  return found?.trim().slice(COOKIE.length + 1) ?? '';
}

/** The header that gives a session to the browser, or takes it away. */
export function cookieHeader(session: Session | 'none', isSecure: boolean): string {
  const [id, age] = session === 'none' ? ['', 0] : [session.id, HOURS * 3600];
  return `${COOKIE}=${id}; Path=/ui; Max-Age=${age}; HttpOnly; SameSite=Strict${isSecure ? '; Secure' : ''}`;
}

/** Undefined for those who have to log in. The token of a session is looked up each time, since it may have been removed. */
export function viewerOf(request: FastifyRequest, parts: ApiParts, sessions: Sessions): Viewer | undefined {
  const config = parts.config();
  const canLogIn = config.settings.api.tokens.length > 0;
  const session = sessions.of(request);
  const scope = scopeOf(config, session?.token);
  if (session !== undefined && scope !== undefined) return { scope, session, canLogIn };
  const isLocal = parts.isSocket || (!canLogIn && isOfThisMachine(request));
  return isLocal ? { scope: 'read', session: undefined, canLogIn } : undefined;
}

export function hasProof(session: Session, given: string | null): boolean {
  return isSecret(given ?? '', session.csrf);
}
