/** What `acceld` and `accelctl` share: upstream's log, its version line, and its exit codes. */
import { VERSION } from '../../convert/version.js';
import { type Log, openLog } from '../../service/log.js';
import type { CliContext } from '../context.js';
import { printLine, printLines } from '../text/print.js';
import { type GoFlags, parseGoFlags } from './go-flags.js';

const ASKS_FOR_HELP = ['help', 'h'] as const;

/** Runs a program of upstream. A failure is one line in the log, and exit code 1. */
export async function runTool(
  context: CliContext,
  usage: readonly string[],
  run: (log: Log) => Promise<'done' | 'usage'>,
): Promise<number> {
  const log = openLog('text', (line) => {
    printLine(context.stderr, line);
  });
  log.info(`Version: ${VERSION}`);
  try {
    if ((await run(log)) === 'usage') await printLines(context.stdout, usage);
    return 0;
  } catch (error) {
    log.fatal(error instanceof Error ? error.message : String(error));
    return 1;
  }
}

/** Undefined when help is asked for. Throws UsageError. */
export function flagsOrHelp(
  argv: readonly string[],
  texts: readonly string[],
  switches: readonly string[] = [],
): GoFlags | undefined {
  const flags = parseGoFlags(argv, texts, [...switches, ...ASKS_FOR_HELP]);
  return ASKS_FOR_HELP.some((name) => flags.on.has(name)) ? undefined : flags;
}
