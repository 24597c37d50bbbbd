/**
 * Where registry passwords lie by default. This is the library's one look at the environment, so that a program that gives no
 * credentials finds the same logins as `docker pull` does; a program that gives them never gets here.
 */
import { homedir } from 'node:os';
import { join } from 'node:path';

type Environment = Readonly<Record<string, string | undefined>>;

/** Docker's configuration, then podman's. The first file that knows a host wins. */
export function credentialPaths(env: Environment): readonly string[] {
  const home = env['HOME'] ?? homedir();
  const runtime = env['XDG_RUNTIME_DIR'];
  return [
    join(env['DOCKER_CONFIG'] ?? join(home, '.docker'), 'config.json'),
    ...(env['REGISTRY_AUTH_FILE'] === undefined ? [] : [env['REGISTRY_AUTH_FILE']]),
    ...(runtime === undefined ? [] : [join(runtime, 'containers', 'auth.json')]),
    join(env['XDG_CONFIG_HOME'] ?? join(home, '.config'), 'containers', 'auth.json'),
  ];
}

export function environment(): Environment {
  return process.env;
}
