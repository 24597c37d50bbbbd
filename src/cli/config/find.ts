/** Finds the configuration file. It is read only if there is one, since its parser takes time to load. */
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { UsageError } from '../../errors.js';
import { isOurs } from '../../io/folder.js';
import { configFolder, type Environment } from '../../io/variables.js';

const NAME = 'nydusify.toml';
/** The usual word for "no file", where a file is expected. */
const NO_FILE = '/dev/null';
const OTHERS_WRITE = 0o002;

export interface FoundConfig {
  /** Undefined where there is none. */
  readonly path: string | undefined;
  /** Said to the user: a file was there, and is passed over. */
  readonly warning?: string;
}

/** `named` is the file of `--config`, which must be there when it is read. */
export function findConfig(named: string | undefined, env: Environment): FoundConfig {
  if (named !== undefined) return { path: named === NO_FILE ? undefined : named };
  const path = defaultPath(env);
  const found = path === undefined ? undefined : statSync(path, { throwIfNoEntry: false });
  if (path === undefined || found === undefined) return { path: undefined };
  // No flag names this file, and in a home folder that others may write to, or that was kept over `sudo`, it may be another user's.
  if ((isOurs(found) || found.uid === 0) && (found.mode & OTHERS_WRITE) === 0) return { path };
  return {
    path: undefined,
    warning: `${path} is not read, since another user can have written it; --config ${path} reads it all the same`,
  };
}

/** Undefined where there is no home folder. */
export function defaultPath(env: Environment): string | undefined {
  const folder = configFolder(env);
  return folder === undefined ? undefined : join(folder, 'nydusify', NAME);
}

/** Throws UsageError: a profile without a file is one that is not there. */
export function demandFile(profile: string | undefined, env: Environment): void {
  if (profile === undefined) return;
  throw new UsageError(`there is no profile "${profile}", since there is no configuration file`, {
    hint: `name one with --config, or write ${defaultPath(env) ?? NAME}`,
  });
}
