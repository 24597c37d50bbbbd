/** The flags of the program. Apart from the commands' own, whose defaults live in modules that `--help` need not load. */
import type { Flag } from './flags.js';

export const OUTPUT = 'Output:';

/** Taken before and after the command. */
export const GLOBAL_FLAGS: readonly Flag[] = [
  {
    name: 'debug',
    short: 'D',
    type: 'boolean',
    env: 'DEBUG_LOG_LEVEL',
    group: OUTPUT,
    help: 'show causes and stacks of errors',
  },
  { name: 'verbose', type: 'boolean', group: OUTPUT, help: 'show causes of errors' },
  {
    name: 'log-level',
    short: 'l',
    type: 'string',
    value: 'level',
    default: 'info',
    env: 'LOG_LEVEL',
    group: OUTPUT,
    help: 'panic, fatal, error, warn, info, debug or trace',
  },
  {
    name: 'log-file',
    type: 'string',
    value: 'path',
    env: 'LOG_FILE',
    group: OUTPUT,
    help: 'append progress and messages to a file instead of showing them',
  },
];
