/** Turns the environment into options, so that the library below need not read it. */
import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { VERSION } from '../../convert/version.js';
import type { Budget } from '../../limits.js';
import type { OpenOptions } from '../../registry/open.js';
import type { TrustOptions } from '../../registry/http/trust.js';
import { localIoError } from '../../io/system-error.js';
import { configFolder, type Environment, given } from '../../io/variables.js';
import type { CredentialStore } from '../../registry/auth/credentials.js';
import type { RegistryFlags } from './registry.js';

/**
 * The lower-case variable wins, as it does in curl and Go. A web server that runs programs by CGI puts a request's header `Proxy:` into
 * HTTP_PROXY, so there that name counts for nothing.
 */
function proxies(env: Environment): {
  readonly http?: string | undefined;
  readonly https?: string | undefined;
  readonly all?: string | undefined;
  readonly no?: string | undefined;
} {
  const either = (name: string): string | undefined => given(env, name.toLowerCase(), name);
  return {
    http: given(env, 'REQUEST_METHOD') === undefined ? either('HTTP_PROXY') : given(env, 'http_proxy'),
    https: either('HTTPS_PROXY'),
    all: either('ALL_PROXY'),
    no: either('NO_PROXY'),
  };
}

/** The PEM bundles of common systems, in the order in which Go's crypto/x509 looks for them. */
const SYSTEM_AUTHORITIES: readonly string[] = [
  '/etc/ssl/certs/ca-certificates.crt',
  '/etc/pki/tls/certs/ca-bundle.crt',
  '/etc/ssl/ca-bundle.pem',
  '/etc/pki/tls/cacert.pem',
  '/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem',
  '/etc/ssl/cert.pem',
];

/** The authorities to trust. As in Go and OpenSSL, `SSL_CERT_FILE` and `SSL_CERT_DIR` replace the usual ones. */
function trust(env: Environment, ca: readonly string[]): TrustOptions {
  const config = configFolder(env);
  const file = given(env, 'SSL_CERT_FILE');
  const folders =
    given(env, 'SSL_CERT_DIR')
      ?.split(delimiter)
      .filter((folder) => folder !== '') ?? [];
  const extra = given(env, 'NODE_EXTRA_CA_CERTS');
  return {
    ca: [...ca, ...(extra === undefined ? [] : [extra])],
    roots: file === undefined && folders.length === 0 ? undefined : { file, folders },
    systemFiles: SYSTEM_AUTHORITIES,
    certDirs: [
      ...(config === undefined ? [] : [join(config, 'docker', 'certs.d')]),
      '/etc/docker/certs.d',
      ...(config === undefined ? [] : [join(config, 'containers', 'certs.d')]),
      '/etc/containers/certs.d',
    ],
  };
}

export interface RunSettings {
  readonly retry?: { readonly attempts: number; readonly delayMs: number } | undefined;
  readonly workDir?: string | undefined;
  readonly budget?: Budget | undefined;
  readonly transfer?: Pick<OpenOptions, 'rate' | 'connections' | 'chunkSize'> | undefined;
}

/** By the file that is asked for. Source and target share a store, since a file that a shell has made a pipe can be read once. */
const stores = new WeakMap<Environment, Map<string | undefined, CredentialStore>>();

/** It loads the code for credentials, which `--help` need not wait for. Throws LocalIoError when the file is not there. */
async function credentials(env: Environment, authFile: string | undefined): Promise<CredentialStore> {
  const known = stores.get(env) ?? new Map<string | undefined, CredentialStore>();
  stores.set(env, known);
  const [{ dockerCredentials }, { credentialPaths }] = await Promise.all([
    import('../../registry/auth/credentials.js'),
    import('../../registry/auth/docker-config.js'),
  ]);
  if (authFile !== undefined) await demandFile(authFile);
  const paths = authFile === undefined ? credentialPaths(env) : [authFile];
  const store = known.get(authFile) ?? dockerCredentials({ paths, env });
  known.set(authFile, store);
  return store;
}

/** A registry that asks for no login would hide that the file is missing. */
async function demandFile(path: string): Promise<void> {
  try {
    await access(path, constants.R_OK);
  } catch (cause) {
    throw localIoError(`cannot read ${path}`, cause, {
      hint: 'nydusify login --authfile FILE makes such a file',
    });
  }
}

/** Options for opening a source or a target. Throws LocalIoError. */
export async function openOptions(
  env: Environment,
  flags: RegistryFlags,
  { retry, workDir, budget, transfer }: RunSettings = {},
): Promise<OpenOptions> {
  const { insecure, plainHttp, ca = [], hostsDir, authFile, allowedHosts, registries } = flags;
  return {
    ...transfer,
    credentials: await credentials(env, authFile),
    insecure,
    plainHttp,
    hostsDir,
    allowedHosts,
    registries,
    proxies: proxies(env),
    trust: trust(env, ca),
    userAgent: `nydusify-ts/${VERSION}`,
    workDir,
    budget,
    retry:
      retry === undefined
        ? undefined
        : { attempts: retry.attempts, baseMs: retry.delayMs, capMs: retry.delayMs, fixed: true },
  };
}
