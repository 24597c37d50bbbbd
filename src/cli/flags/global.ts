/** The flags of the program. Apart from the commands' own, whose defaults live in modules that `--help` need not load. */
import { alternatives } from './choices.js';
import type { Flag } from './flags.js';

export const OUTPUT = 'Output:';
/** Loudest last. */
export const LOG_LEVELS = ['panic', 'fatal', 'error', 'warn', 'info', 'debug', 'trace'] as const;

const CONFIGURATION = 'Configuration:';

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
    choices: LOG_LEVELS,
    default: 'info',
    env: 'LOG_LEVEL',
    group: OUTPUT,
    overrules: ['debug', 'verbose'],
    help: alternatives(LOG_LEVELS),
  },
  {
    name: 'quiet',
    short: 'q',
    type: 'boolean',
    group: OUTPUT,
    help: 'show results and errors alone; a log file gets the rest all the same',
  },
  {
    name: 'log-file',
    type: 'string',
    value: 'file',
    env: 'LOG_FILE',
    group: OUTPUT,
    help: 'append progress and messages to a file instead of showing them',
  },
  {
    name: 'ci',
    type: 'string',
    value: 'server',
    default: 'auto',
    group: OUTPUT,
    help: 'what to tell a CI server: github (annotations in the log, values in $GITHUB_OUTPUT), gitlab (sections of the log), none; auto: as its variables say',
  },
  {
    name: 'config',
    type: 'string',
    value: 'file',
    group: CONFIGURATION,
    help: 'defaults for flags, in TOML; default: nydusify/nydusify.toml in $XDG_CONFIG_HOME or ~/.config; /dev/null: none',
  },
  {
    name: 'profile',
    type: 'string',
    value: 'name',
    group: CONFIGURATION,
    help: 'use the defaults of [profile.NAME] in that file first',
  },
  {
    name: 'print-config',
    type: 'boolean',
    group: CONFIGURATION,
    help: 'print the value of each flag of the command and where it comes from, and do nothing',
  },
];
