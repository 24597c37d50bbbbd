/**
 * The one reader of environment variables: a variable that is empty counts as not set, everywhere, since shells and CI
 * systems cannot always unset what they do not want.
 */
import { homedir } from 'node:os';

export type Environment = Readonly<Record<string, string | undefined>>;

/** The value of the first of these variables that is set and not empty. */
export function given(env: Environment, ...names: readonly string[]): string | undefined {
  for (const name of names) {
    const value = env[name];
    if (value !== undefined && value !== '') return value;
  }
  return undefined;
}

/** Undefined where there is no HOME and the user has no entry in passwd, as for the random users of OpenShift. */
export function homeFolder(env: Environment): string | undefined {
  const home = given(env, 'HOME');
  if (home !== undefined) return home;
  try {
    return homedir() || undefined;
  } catch {
    return undefined;
  }
}

/** A folder for files that other programs of this user keep; undefined where nothing says where that would be. */
export function configFolder(env: Environment): string | undefined {
  const home = homeFolder(env);
  return given(env, 'XDG_CONFIG_HOME') ?? (home === undefined ? undefined : `${home}/.config`);
}
