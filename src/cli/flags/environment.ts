/** The environment as options: the library below reads none of it. */
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import { VERSION } from '../../convert/version.js';
import type { OpenOptions } from '../../registry/open.js';
import type { TrustOptions } from '../../registry/http/trust.js';
import type { CliContext } from '../context.js';
import type { RegistryFlags } from './registry.js';

type Environment = CliContext['env'];

/** Where registry passwords may lie, the first file that knows a host wins: Docker's configuration, then podman's. */
function credentialPaths(env: Environment): readonly string[] {
  const home = env['HOME'] ?? homedir();
  const runtime = env['XDG_RUNTIME_DIR'];
  return [
    join(env['DOCKER_CONFIG'] ?? join(home, '.docker'), 'config.json'),
    ...(env['REGISTRY_AUTH_FILE'] === undefined ? [] : [env['REGISTRY_AUTH_FILE']]),
    ...(runtime === undefined ? [] : [join(runtime, 'containers', 'auth.json')]),
    join(env['XDG_CONFIG_HOME'] ?? join(home, '.config'), 'containers', 'auth.json'),
  ];
}

/** Lower case wins, as curl and Go have it. */
function proxies(env: Environment): {
  readonly http?: string | undefined;
  readonly https?: string | undefined;
  readonly all?: string | undefined;
  readonly no?: string | undefined;
} {
  const either = (name: string): string | undefined => env[name.toLowerCase()] ?? env[name];
  return {
    http: either('HTTP_PROXY'),
    https: either('HTTPS_PROXY'),
    all: either('ALL_PROXY'),
    no: either('NO_PROXY'),
  };
}

/** PEM bundles of the usual systems, as Go's crypto/x509 looks for them. */
const SYSTEM_AUTHORITIES: readonly string[] = [
  '/etc/ssl/certs/ca-certificates.crt',
  '/etc/pki/tls/certs/ca-bundle.crt',
  '/etc/ssl/ca-bundle.pem',
  '/etc/pki/tls/cacert.pem',
  '/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem',
  '/etc/ssl/cert.pem',
];

/** Whose certificates are believed: `SSL_CERT_FILE` and `SSL_CERT_DIR` take the place of the usual authorities, as with Go and OpenSSL. */
function trust(env: Environment, ca: readonly string[]): TrustOptions {
  const config = env['XDG_CONFIG_HOME'] ?? join(env['HOME'] ?? homedir(), '.config');
  const file = given(env['SSL_CERT_FILE']);
  const folders = given(env['SSL_CERT_DIR'])?.split(delimiter) ?? [];
  const extra = given(env['NODE_EXTRA_CA_CERTS']);
  return {
    ca: [...ca, ...(extra === undefined ? [] : [extra])],
    roots: file === undefined && folders.length === 0 ? undefined : { file, folders },
    systemFiles: SYSTEM_AUTHORITIES,
    certDirs: [
      join(config, 'docker', 'certs.d'),
      '/etc/docker/certs.d',
      join(config, 'containers', 'certs.d'),
      '/etc/containers/certs.d',
    ],
  };
}

function given(value: string | undefined): string | undefined {
  return value === '' ? undefined : value;
}

export interface RunSettings {
  readonly retry?: { readonly attempts: number; readonly delayMs: number } | undefined;
  readonly workDir?: string | undefined;
  readonly transfer?: Pick<OpenOptions, 'rate' | 'connections' | 'chunkSize'> | undefined;
}

/** What opening a source or target takes. Loads the credentials' code, so not for `--help`. */
export async function openOptions(
  env: Environment,
  flags: RegistryFlags,
  { retry, workDir, transfer }: RunSettings = {},
): Promise<OpenOptions> {
  const { dockerCredentials } = await import('../../registry/auth/credentials.js');
  const { insecure, plainHttp, ca = [], hostsDir } = flags;
  return {
    ...transfer,
    credentials: dockerCredentials({ paths: credentialPaths(env), env }),
    insecure,
    plainHttp,
    hostsDir,
    proxies: proxies(env),
    trust: trust(env, ca),
    userAgent: `nydusify-ts/${VERSION}`,
    workDir,
    retry:
      retry === undefined
        ? undefined
        : { attempts: retry.attempts, baseMs: retry.delayMs, capMs: retry.delayMs, fixed: true },
  };
}
