/** The flags of `mount`, after upstream's. */
import { backendFlags } from './backend.js';
import type { Flag } from './flags.js';
import { LIMIT_FLAGS } from './limits.js';
import { REGISTRY_FLAGS } from './registry.js';

/** Upstream's default. */
export const MOUNT_PATH = './image-fs';

const MOUNT = 'Mount:';

export const MOUNT_FLAGS: readonly Flag[] = [
  {
    name: 'target',
    type: 'string',
    value: 'image',
    env: 'TARGET',
    group: MOUNT,
    help: 'Nydus image to mount',
  },
  {
    name: 'mount-path',
    type: 'string',
    value: 'folder',
    env: 'MOUNT_PATH',
    default: MOUNT_PATH,
    group: MOUNT,
    help: 'where; made if absent, and then removed',
  },
  {
    name: 'platform',
    type: 'string',
    value: 'os/arch',
    group: MOUNT,
    help: 'which image of an index; default: the only one, else the one for this machine',
  },
  {
    name: 'prefetch',
    type: 'boolean',
    env: 'PREFETCH',
    group: MOUNT,
    help: 'let nydusd fetch all files in the background',
  },
  {
    name: 'nydusd',
    type: 'string',
    value: 'program',
    env: 'NYDUSD',
    default: 'nydusd',
    group: MOUNT,
    help: 'the daemon that mounts, by its path or its name in PATH',
  },
  {
    name: 'work-dir',
    type: 'string',
    value: 'folder',
    env: 'WORK_DIR',
    group: MOUNT,
    help: 'keep bootstrap and fetched chunks there for the next mount; default: a temporary folder, removed at the end',
  },
  ...REGISTRY_FLAGS.filter(
    ({ name }) => !['source-insecure', 'limit-rate', 'max-connections'].includes(name),
  ),
  ...backendFlags('', 'where blobs are that the registry does not have: oss, s3 or localfs'),
  ...LIMIT_FLAGS,
];
