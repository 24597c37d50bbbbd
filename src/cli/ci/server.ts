/** The CI server that a run belongs to, as its variables say or as `--ci` does. */
import { type Environment, given } from '../../io/variables.js';
import type { CliContext } from '../context.js';
import type { FlagValues } from '../flags/flags.js';

export const CI_CHOICES = ['auto', 'github', 'gitlab', 'none'] as const;

export type CiServer = 'github' | 'gitlab';

/** Undefined outside of the servers that are known, and where the user wants nothing of it. Without values, the variables alone decide. */
export function ciServer(flags: FlagValues | undefined, env: Environment): CiServer | undefined {
  const choice = CI_CHOICES.find((one) => one === flags?.text('ci')) ?? 'auto';
  if (choice === 'none') return undefined;
  if (choice !== 'auto') return choice;
  if (given(env, 'GITHUB_ACTIONS') === 'true') return 'github';
  return given(env, 'GITLAB_CI') === 'true' ? 'gitlab' : undefined;
}

/**
 * The server that reads standard error, and so takes commands there: not where a person watches a terminal, in a log file or beside JSON.
 * Some servers give their jobs a terminal, and then `CI` says whose it is.
 */
export function ciLog(
  flags: FlagValues | undefined,
  { env, terminal }: Pick<CliContext, 'env' | 'terminal'>,
): CiServer | undefined {
  const isWatched = terminal !== undefined && given(env, 'CI') === undefined;
  const isRead = !isWatched && flags?.text('log-file') === undefined;
  const isForPrograms = flags?.isOn('json') === true || flags?.text('progress') === 'json';
  return isRead && !isForPrograms ? ciServer(flags, env) : undefined;
}
