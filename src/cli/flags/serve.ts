/**
 * The flags of `serve`, which has two forms: the files of an image, and the acceleration service. With the service `--config`, the
 * program's own flag, names another file.
 */
import { LOG_FORMATS } from '../../service/log.js';
import type { Flag } from './flags.js';
import { IMAGE_FLAGS, WORK_DIR } from './look.js';

export const DEFAULT_LISTEN = '127.0.0.1:8000';

const FILES = 'Serving an image (REF):';

export const SERVE_IMAGE_FLAGS: readonly Flag[] = [
  {
    name: 'listen',
    type: 'string',
    value: 'address:port',
    default: DEFAULT_LISTEN,
    group: FILES,
    help: 'where to listen; port 0 takes a free one. Beyond this machine a token is asked for',
  },
  {
    name: 'token-file',
    type: 'string',
    value: 'file',
    group: FILES,
    help: 'ask for the token in this file, on this machine too; default: none here, and a new one, shown once, elsewhere',
  },
  ...IMAGE_FLAGS,
  WORK_DIR,
];

const SERVICE = 'Converting what is pushed (--config FILE):';

export const SERVICE_FLAGS: readonly Flag[] = [
  {
    name: 'check',
    type: 'boolean',
    group: SERVICE,
    help: 'print the configuration as it would hold, without secrets, and start nothing',
  },
  {
    name: 'log-format',
    type: 'string',
    value: 'form',
    choices: LOG_FORMATS,
    default: 'text',
    group: SERVICE,
    help: "text, as upstream's service writes it, or json",
  },
];

export const SERVE_FLAGS: readonly Flag[] = [...SERVE_IMAGE_FLAGS, ...SERVICE_FLAGS];
