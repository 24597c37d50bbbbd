/** The environment as options: the library below reads none of it. */
import { homedir } from 'node:os';
import { join } from 'node:path';
import { VERSION } from '../convert/version.js';
import { type OpenOptions } from '../registry/open.js';
import { type CliContext } from './context.js';

type Environment = CliContext['env'];

/** Where registry passwords may lie, the first file that knows a host wins: Docker's configuration, then podman's. */
export function credentialPaths(env: Environment): readonly string[] {
  const home = env['HOME'] ?? homedir();
  const runtime = env['XDG_RUNTIME_DIR'];
  return [
    join(env['DOCKER_CONFIG'] ?? join(home, '.docker'), 'config.json'),
    ...(env['REGISTRY_AUTH_FILE'] === undefined ? [] : [env['REGISTRY_AUTH_FILE']]),
    ...(runtime === undefined ? [] : [join(runtime, 'containers', 'auth.json')]),
  ];
}

/** Lower case wins, as curl and Go have it. */
export function proxies(env: Environment): {
  readonly http?: string | undefined;
  readonly https?: string | undefined;
  readonly no?: string | undefined;
} {
  const either = (name: string): string | undefined => env[name.toLowerCase()] ?? env[name];
  return { http: either('HTTP_PROXY'), https: either('HTTPS_PROXY'), no: either('NO_PROXY') };
}

export interface RegistryFlags {
  readonly insecure: boolean;
  readonly plainHttp: boolean;
  readonly retry?: { readonly attempts: number; readonly delayMs: number } | undefined;
  readonly workDir?: string | undefined;
}

/** What opening a source or target takes. Loads the credentials' code, so not for `--help`. */
export async function openOptions(env: Environment, flags: RegistryFlags): Promise<OpenOptions> {
  const { dockerCredentials } = await import('../registry/credentials.js');
  const { insecure, plainHttp, retry, workDir } = flags;
  return {
    credentials: dockerCredentials({ paths: credentialPaths(env), env }),
    insecure,
    plainHttp,
    proxies: proxies(env),
    userAgent: `nydusify-ts/${VERSION}`,
    workDir,
    retry:
      retry === undefined
        ? undefined
        : { attempts: retry.attempts, baseMs: retry.delayMs, capMs: retry.delayMs, fixed: true },
  };
}
