/** Who may read: on loopback requests for this machine by its own names, and anyone with the token where there is one. */
import type { IncomingMessage } from 'node:http';
import { bearerToken, isSecret } from '../io/secrets.js';
import { isLoopback } from '../registry/http/hosts.js';
import { Refusal } from './refusal.js';

export interface AccessRules {
  /** Undefined: every request is answered. */
  readonly token: string | undefined;
  /** True if the server listens for this machine alone. */
  readonly isLoopback: boolean;
}

const CHALLENGE = 'Basic realm="nydusify", charset="UTF-8"';

/** Throws Refusal for a request that may not be answered. */
export function demandAccess({ headers }: IncomingMessage, rules: AccessRules): void {
  // A page of another site whose name was made to lead here names that site; browsers let no page choose this header.
  if (rules.isLoopback && !isLoopback(headers.host ?? ''))
    throw new Refusal(421, 'this server answers to localhost and 127.0.0.1 alone');
  if (rules.token === undefined) return;
  const given = bearerToken(headers.authorization) ?? basicPassword(headers.authorization);
  if (given === undefined || !isSecret(given, rules.token))
    throw new Refusal(
      401,
      'the token of this server is asked for, as a bearer or as the password of any user',
      {
        'www-authenticate': CHALLENGE,
      },
    );
}

function basicPassword(header: string | undefined): string | undefined {
  const encoded = /^Basic +([A-Za-z0-9+/=]+)$/i.exec(header ?? '')?.[1];
  if (encoded === undefined) return undefined;
  const text = Buffer.from(encoded, 'base64').toString('utf8');
  const colon = text.indexOf(':');
  return colon === -1 ? undefined : text.slice(colon + 1);
}
