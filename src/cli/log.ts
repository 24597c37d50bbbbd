/** `--debug`, `--verbose`, `--log-level` and `--log-file`: how much is printed, and where. */
import { appendFileSync, closeSync } from 'node:fs';
import { systemReason } from '../io/system-error.js';
import type { CliContext, Output } from './context.js';
import { openOutput } from './output-file.js';
import type { ErrorDetail } from './text/errors.js';
import { printMessage } from './text/print.js';
import type { Flag, FlagValues } from './flags/flags.js';
import { LOG_LEVELS } from './flags/global.js';

export interface LogSettings extends ErrorDetail {
  /** Only warnings and errors. */
  readonly quiet: boolean;
  /** Nothing on stderr but errors. */
  readonly silent: boolean;
  readonly file: string | undefined;
  readonly notes: readonly string[];
}

export function logSettings(flags: FlagValues): LogSettings {
  const text = (flags.text('log-level') ?? 'info').toLowerCase();
  const known = LOG_LEVELS.find((level) => level === (text === 'warning' ? 'warn' : text));
  const notes = known === undefined ? [`log level "${text}" is not known; info is used`] : [];
  const rank = LOG_LEVELS.indexOf(known ?? 'info');
  // `--debug` wins, and does not close the log file as it does upstream.
  const debug = flags.isOn('debug') || rank >= LOG_LEVELS.indexOf('debug');
  return {
    debug,
    verbose: debug || flags.isOn('verbose'),
    quiet: !debug && rank < LOG_LEVELS.indexOf('info'),
    silent: flags.isOn('quiet'),
    file: flags.text('log-file'),
    notes,
  };
}

/** A file that notes, warnings and progress are appended to. */
export interface LogFile extends Output, Disposable {}

/** A log file that cannot be opened or written costs the log, not the command. */
export function openLogFile(path: string, context: CliContext): LogFile | undefined {
  try {
    const file = openOutput(path, 'end');
    let broken = false;
    return {
      write: (text) => {
        if (broken) return;
        try {
          appendFileSync(file, text);
        } catch (error) {
          broken = true;
          printMessage(context, `warning: cannot write log file ${path}: ${systemReason(error)}`);
        }
      },
      [Symbol.dispose]: () => {
        closeSync(file);
      },
    };
  } catch (error) {
    printMessage(context, `warning: cannot open log file ${path}: ${systemReason(error)}`);
    return undefined;
  }
}

/** The context of a command that writes to another place, such as a log file, what it would write to stderr. Results stay on stdout. */
export function loggedContext(outer: CliContext, stderr: Output): CliContext {
  const { stdout, writeBytes, env, input, stdoutIsTTY, columns, signal, takeSignals } = outer;
  return {
    stdout,
    ...(writeBytes === undefined ? {} : { writeBytes }),
    stderr,
    stderrIsLog: true,
    env,
    ...(input === undefined ? {} : { input }),
    ...(stdoutIsTTY === undefined ? {} : { stdoutIsTTY }),
    columns,
    signal,
    ...(takeSignals === undefined ? {} : { takeSignals }),
    get exitCode() {
      return outer.exitCode;
    },
    set exitCode(code) {
      outer.exitCode = code;
    },
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
