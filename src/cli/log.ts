/** `--debug`, `--verbose`, `--log-level` and `--log-file`: how much is printed, and where. */
import type { ErrorDetail } from './text/errors.js';
import type { Flag, FlagValues } from './flags/flags.js';

export interface LogSettings extends ErrorDetail {
  /** Only warnings and errors. */
  readonly quiet: boolean;
  readonly file: string | undefined;
  readonly notes: readonly string[];
}

/** Loudest last. */
const LEVELS = ['panic', 'fatal', 'error', 'warn', 'warning', 'info', 'debug', 'trace'] as const;

export function logSettings(flags: FlagValues): LogSettings {
  const text = (flags.text('log-level') ?? 'info').toLowerCase();
  const known = LEVELS.find((level) => level === text);
  const notes = known === undefined ? [`log level "${text}" is not known; info is used`] : [];
  const rank = LEVELS.indexOf(known ?? 'info');
  // `--debug` wins, and does not close the log file as it does upstream.
  const debug = flags.isOn('debug') || rank >= LEVELS.indexOf('debug');
  return {
    debug,
    verbose: debug || flags.isOn('verbose'),
    quiet: !debug && rank < LEVELS.indexOf('info'),
    file: flags.text('log-file'),
    notes,
  };
}

/** Guesses the wanted detail from raw arguments, for errors that arise before these are parsed. */
export function detailOf(argv: readonly string[], flags: readonly Flag[]): ErrorDetail {
  const has = (name: string): boolean => {
    const flag = flags.find((candidate) => candidate.name === name);
    return argv.includes(`--${name}`) || (flag?.short !== undefined && argv.includes(`-${flag.short}`));
  };
  const level = argv.findLast(
    (token, i) => ['--log-level', '-l'].includes(argv[i - 1] ?? '') && token !== '',
  );
  const debug = has('debug') || level === 'debug' || level === 'trace';
  return { debug, verbose: debug || has('verbose') };
}
