/**
 * Where registry passwords lie by default. This is the library's one look at the environment, so that a program that gives no
 * credentials finds the same logins as `docker pull` does; a program that gives them never gets here.
 */
import { join } from 'node:path';
import { configFolder, type Environment, given, homeFolder } from '../../io/variables.js';

/**
 * The file that a variable names, Docker's configuration, then podman's. The first file that knows a host wins, and the first of all
 * is the one that logins are stored in.
 */
export function credentialPaths(env: Environment, uid = process.getuid?.()): readonly string[] {
  const home = homeFolder(env);
  const docker = given(env, 'DOCKER_CONFIG') ?? (home === undefined ? undefined : join(home, '.docker'));
  const runtime = given(env, 'XDG_RUNTIME_DIR');
  // Without a session there is no such variable, and podman has a folder for each user.
  const podman = runtime ?? (uid === undefined ? undefined : `/run/containers/${uid}`);
  const config = configFolder(env);
  return [
    given(env, 'REGISTRY_AUTH_FILE'),
    docker === undefined ? undefined : join(docker, 'config.json'),
    podman === undefined
      ? undefined
      : join(podman, ...(runtime === undefined ? [] : ['containers']), 'auth.json'),
    config === undefined ? undefined : join(config, 'containers', 'auth.json'),
  ].filter((path) => path !== undefined);
}

export function environment(): Environment {
  return process.env;
}
