/** Tries a login at a registry before it is stored: `GET /v2/`, with the challenges that follow. */
import { AuthError, RegistryError } from '../../errors.js';
import { retry } from '../../io/retry.js';
import { registryHost } from '../../oci/reference.js';
import type { CallOptions } from '../../reporter.js';
import { ANSWERS, isAccepted } from '../answers.js';
import type { Credential } from '../auth/credentials.js';
import { Redactor } from '../http/redact.js';
import { Transport } from '../http/transport.js';
import type { ClientOptions } from './client.js';
import { EndpointSession } from './endpoint-session.js';
import { type Endpoint, type EndpointOptions, endpointsOf } from './endpoints.js';
import { refusalError } from './error-body.js';

export interface TriedLogin {
  /** False when the registry did not ask for a login, so that it is as good as unknown. */
  readonly wasAsked: boolean;
  /** The credential to be stored: an identity token in place of the password, if the registry gave one. */
  readonly credential: Credential;
}

/**
 * `registry` is a host with an optional port, as in references. Mirrors are not asked: a login is for the registry itself. Throws
 * AuthError when it refuses, RegistryError when it cannot be asked.
 */
export async function tryLogin(
  registry: string,
  credential: Credential,
  options: Omit<ClientOptions, 'credentials'>,
  call: CallOptions = {},
): Promise<TriedLogin> {
  const endpoint = await endpointOf(registry, options);
  const { host } = endpoint;
  const tlsByHost = (asked: string): Promise<Endpoint['tls']> =>
    Promise.resolve(asked === host.replace(/:443$/, '') ? endpoint.tls : undefined);
  await using transport = new Transport({ ...options, tlsByHost }, new Redactor());
  const { redactor, side } = transport;
  const given = 'the login that was given';
  const session = new EndpointSession(endpoint, {
    transport,
    credentials: {
      description: given,
      get: (asked) => Promise.resolve(asked === host ? credential : undefined),
    },
    repository: '',
    plainHttp: options.plainHttp === true,
    insecure: options.insecure === true,
    offline: true,
  });
  const what = `cannot log in to ${registry}`;
  const answers = ANSWERS.tryLogin;
  try {
    await retry(
      what,
      async () => {
        const response = await session.send({ ...call, method: 'GET', url: '/v2/', scopes: [] });
        if (isAccepted(answers, response.status)) {
          await response.discard();
          return;
        }
        const method = 'GET';
        const refusal = { what, host, method, redactor, side, answers, credentials: given } as const;
        const error = await refusalError(response, { ...refusal, hasCredential: true, isElsewhere: false });
        throw error instanceof AuthError ? refused(registry, credential, error) : error;
      },
      {
        ...call,
        judge: (error) =>
          error instanceof RegistryError && error.retryable
            ? { again: true, afterMs: error.retryAfterMs }
            : { again: false },
      },
    );
  } catch (error) {
    // Refused by the token server. Other errors say more, such as that of a realm that is not to be trusted.
    throw error instanceof AuthError && error.remedy?.kind === 'login'
      ? refused(registry, credential, error)
      : error;
  }
  const { identityToken } = session;
  return {
    wasAsked: session.hasAsked,
    credential: identityToken === undefined ? credential : { username: credential.username, identityToken },
  };
}

/** The registry itself, with its own certificates from `hosts.toml`; `server` in that file may put another host in its place. */
async function endpointOf(registry: string, options: EndpointOptions): Promise<Endpoint> {
  const host = registryHost({ registry });
  const all = await endpointsOf({ registry, repository: '' }, options);
  const itself: Endpoint = {
    host,
    root: undefined,
    capabilities: [],
    headers: {},
    tls: undefined,
    namespace: undefined,
  };
  return all.findLast((endpoint) => endpoint.host === host) ?? itself;
}

/** A refusal, without the advice to log in. */
function refused(registry: string, { identityToken }: Credential, error: AuthError): AuthError {
  const { side } = error;
  const given = identityToken === undefined ? 'user name and password' : 'identity token';
  return new AuthError(`registry ${registry} refused the ${given}; nothing has been stored`, {
    cause: error,
    hint: 'some registries want a token of your account in place of its password',
    side,
  });
}
