/**
 * Reads credentials where Docker keeps them: `auths`, `credHelpers` and `credsStore` of its configuration. A host matches only
 * itself, port included: a looser match would give the password of `registry.example` to `evil-registry.example`.
 */
import { AuthError } from '../../errors.js';
import type { CallOptions } from '../../reporter.js';
import { type DockerConfig, type LoginEntry, readConfig } from './config-json.js';
import { askHelper } from './credential-helper.js';
import { credentialPaths, environment } from './docker-config.js';
import { loginHost, normalKey, storedKey } from './hosts-of-logins.js';

export interface Credential {
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  /** OAuth2 refresh token, as `docker login` stores it for some registries. */
  readonly identityToken?: string | undefined;
  /** Bearer token, used as it is. */
  readonly registryToken?: string | undefined;
}

export interface CredentialStore {
  /** The credential stored for exactly this host; undefined when there is none. `repository` picks among podman's longer keys. */
  get(host: string, repository?: string, call?: Pick<CallOptions, 'signal'>): Promise<Credential | undefined>;
  /** The places searched, for hints, for example `/home/me/.docker/config.json`. */
  readonly description: string;
}

/** No credentials for any host. */
export const anonymous: CredentialStore = {
  get: () => Promise.resolve(undefined),
  description: 'no credentials',
};

export interface DockerCredentialsOptions {
  /** Configuration files in order of preference; absent ones are skipped. Docker's and podman's own by default. */
  readonly paths?: readonly string[] | undefined;
  /** The environment of credential helpers, whose `PATH` also finds them; that of this process by default. */
  readonly env?: Readonly<Record<string, string | undefined>> | undefined;
  /** Milliseconds that a helper may take. */
  readonly helperTimeoutMs?: number | undefined;
}

/** A helper may open a dialogue that no user sees, which must not hang the run. */
export const HELPER_TIMEOUT_MS = 30_000;

interface Settings {
  /** The places of the configurations, for hints. */
  readonly searched: string;
  /** Asks a credential helper, by its name, for a key. */
  readonly ask: (
    helper: string,
    key: string,
    signal: AbortSignal | undefined,
  ) => Promise<Credential | undefined>;
}

/** Reads the files once, when the first registry asks for a login, and throws their errors then. */
export function dockerCredentials(given: DockerCredentialsOptions = {}): CredentialStore {
  const env = given.env ?? environment();
  const paths = given.paths ?? credentialPaths(env);
  const searched = paths.join(', ');
  const helperOptions = { env, timeoutMs: given.helperTimeoutMs ?? HELPER_TIMEOUT_MS, searched };
  const load = async (): Promise<readonly DockerConfig[]> => {
    const loaded: DockerConfig[] = [];
    for (const path of paths) {
      const config = await readConfig(path);
      if (config !== undefined) loaded.push(config);
    }
    return loaded;
  };
  return {
    ...credentialsIn(load, {
      searched,
      ask: (helper, key, signal) => askHelper(helper, key, { ...helperOptions, signal }),
    }),
    description: paths.length === 0 ? 'no configuration' : searched,
  };
}

/** Looks in configurations, which are loaded once; the first one with a credential for a host counts. */
export function credentialsIn(
  load: () => Promise<readonly DockerConfig[]>,
  settings: Settings,
): Pick<CredentialStore, 'get'> {
  let configs: Promise<readonly DockerConfig[]> | undefined;
  return {
    get: async (host, repository, { signal } = {}) => {
      configs ??= load();
      let failed: AuthError | undefined;
      for (const config of await configs) {
        try {
          const credential = await lookUp(config, host, repository, settings, signal);
          if (credential !== undefined) return credential;
        } catch (error) {
          if (!(error instanceof AuthError)) throw error;
          failed ??= error;
        }
      }
      if (failed !== undefined) throw failed;
      return undefined;
    },
  };
}

async function lookUp(
  config: DockerConfig,
  host: string,
  repository: string | undefined,
  { searched, ask }: Settings,
  signal: AbortSignal | undefined,
): Promise<Credential | undefined> {
  const helper = helperOf(config, host);
  let failed: AuthError | undefined;
  if (helper !== undefined) {
    try {
      const credential = await ask(helper, storedKey(host), signal);
      if (credential !== undefined) return credential;
    } catch (error) {
      if (!(error instanceof AuthError)) throw error;
      failed = error;
    }
  }
  const entry = entryFor(config.auths ?? {}, host, repository);
  const stored = entry === undefined || entry === null ? undefined : fromEntry(entry, host, searched);
  // A configuration that is shared among machines names helpers that not all of them have.
  if (stored === undefined && failed !== undefined) throw failed;
  return stored;
}

/** The helper that has the logins of this host. */
export function helperOf(config: DockerConfig, host: string): string | undefined {
  const helper = entryFor(config.credHelpers ?? {}, host, undefined) ?? config.credsStore;
  return present(helper) ? helper : undefined;
}

/** The value whose key is this host, or `host/part/of/the/repository`, the longest of them first. */
function entryFor<T>(
  entries: Readonly<Record<string, T>>,
  host: string,
  repository: string | undefined,
): T | undefined {
  const byKey = new Map(Object.entries(entries).map(([key, value]) => [normalKey(key), value]));
  const wanted = loginHost(host);
  const parts = repository === undefined ? [] : repository.split('/');
  for (let count = parts.length; count >= 0; count--) {
    const value = byKey.get([wanted, ...parts.slice(0, count)].join('/'));
    if (value !== undefined) return value;
  }
  return undefined;
}

function fromEntry(entry: LoginEntry, host: string, searched: string): Credential | undefined {
  if (present(entry.registrytoken)) return { registryToken: entry.registrytoken };
  if (present(entry.identitytoken)) return { identityToken: entry.identitytoken, ...userOf(entry.auth) };
  if (present(entry.auth)) {
    const user = userOf(entry.auth);
    if (user === undefined) {
      throw new AuthError(`the credentials stored for ${host} are not "user:secret" in base64`, {
        remedy: { kind: 'login', host: loginHost(host), searched, stored: true },
      });
    }
    return user;
  }
  if (present(entry.username) && present(entry.password))
    return { username: entry.username, password: entry.password };
  return undefined;
}

/** The first colon separates user and secret; the secret may contain more colons. */
function userOf(auth: string | null | undefined): { username: string; password: string } | undefined {
  if (!present(auth)) return undefined;
  const text = Buffer.from(auth, 'base64').toString('utf8').replace(/\0+$/, '');
  const colon = text.indexOf(':');
  return colon <= 0 ? undefined : { username: text.slice(0, colon), password: text.slice(colon + 1) };
}

function present(text: string | null | undefined): text is string {
  return text !== null && text !== undefined && text !== '';
}
