/** Finds programs that a user has installed. */
import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import { delimiter, isAbsolute, join } from 'node:path';
import { type Environment, given } from './variables.js';

/** The folders of programs where there is no `PATH`. */
const DEFAULT_PATH = '/usr/bin:/bin';

/**
 * Finds a program by `PATH`. As in Go, folders that are not absolute do not count, nor does an empty one, which is the working folder:
 * another user may have put a program there. Throws the system's error ENOENT.
 */
export async function findProgram(program: string, env: Environment): Promise<string> {
  for (const folder of (given(env, 'PATH') ?? DEFAULT_PATH).split(delimiter).filter(isAbsolute)) {
    const candidate = join(folder, program);
    const isThere = await access(candidate, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (isThere) return candidate;
  }
  throw Object.assign(new Error(`${program} is not in PATH`), { code: 'ENOENT' });
}
