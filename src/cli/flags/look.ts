/** The flags of the commands that look inside images, apart from the commands, whose modules `--help` of others need not load. */
import { backendFlags } from './backend.js';
import type { Flag } from './flags.js';
import { OUTPUT } from './global.js';
import { LIMIT_FLAGS } from './limits.js';
import { ONE_REGISTRY_FLAGS, TRUST_FLAGS } from './registry.js';

export const HALVES = ['nydus', 'oci'] as const;

const IMAGE = 'Image:';

/** After the flags of each command. */
const LOOK_FLAGS: readonly Flag[] = [
  {
    name: 'platform',
    type: 'string',
    value: 'os/arch',
    group: IMAGE,
    help: 'which image of an index; default: the only one, else the one for this machine',
  },
  {
    name: 'half',
    type: 'string',
    value: 'nydus|oci',
    choices: HALVES,
    group: IMAGE,
    help: 'which of the two images of a merged index; default: the Nydus one',
  },
  { name: 'json', type: 'boolean', group: OUTPUT, help: 'print the answer as JSON' },
  {
    name: 'stats',
    type: 'boolean',
    group: OUTPUT,
    help: 'print on standard error how many requests and bytes the answer took',
  },
  ...ONE_REGISTRY_FLAGS,
  ...TRUST_FLAGS,
  ...backendFlags('', 'where blobs are that the registry does not have: oss, s3 or localfs'),
  ...LIMIT_FLAGS,
];

const BOOTSTRAP = 'Bootstrap:';

/** The flags that choose and reach an image, without those of an answer. */
export const IMAGE_FLAGS = LOOK_FLAGS.filter(({ group }) => group !== OUTPUT);

export const INSPECT_FLAGS: readonly Flag[] = [
  {
    name: 'layers',
    type: 'boolean',
    group: 'Layers:',
    help: 'say for each layer what nydusify reverse would make: the original (relink), the original layer below a new manifest (exact-layer), the same tar (exact-tar) or one with the same files (rebuild), and why',
  },
  {
    name: 'dump',
    type: 'boolean',
    group: BOOTSTRAP,
    help: 'print every inode, chunk and table, one fact a line',
  },
  {
    name: 'at',
    type: 'string',
    value: 'offset',
    group: BOOTSTRAP,
    help: 'name structure, field and value at this byte of the bootstrap',
  },
  {
    name: 'diff',
    type: 'boolean',
    group: BOOTSTRAP,
    help: 'compare two bootstraps by what they mean; exit 1 when they differ',
  },
  {
    name: 'backend-cleanup',
    type: 'boolean',
    group: 'Storage backend:',
    help: 'list the blobs that none of these images names, and uploads that were not ended; removes nothing',
  },
  ...LOOK_FLAGS,
];

const LISTING = 'Listing:';

export const LS_FLAGS: readonly Flag[] = [
  {
    name: 'long',
    short: 'l',
    type: 'boolean',
    group: LISTING,
    help: 'mode, links, owner, size, time; a line a name',
  },
  { name: 'recursive', short: 'R', type: 'boolean', group: LISTING, help: 'everything below, too' },
  {
    name: 'directory',
    short: 'd',
    type: 'boolean',
    group: LISTING,
    help: 'the path itself, not what is in it',
  },
  ...LOOK_FLAGS,
];

export const CAT_FLAGS: readonly Flag[] = [
  {
    name: 'binary',
    type: 'boolean',
    group: 'Printing:',
    help: 'print a binary file on a terminal, too, escaped',
  },
  ...LOOK_FLAGS.filter(({ name }) => name !== 'json'),
];

export const OWNERS = ['image', 'self'] as const;

const MACHINE = 'Work:';

const MAKING = 'Making files:';

export const WORK_DIR: Flag = {
  name: 'work-dir',
  type: 'string',
  value: 'folder',
  group: MACHINE,
  help: 'for the files of an ordinary image, which must be pulled as a whole; default: the temporary folder of the system ($TMPDIR)',
};

export const EXTRACT_FLAGS: readonly Flag[] = [
  {
    name: 'overwrite',
    type: 'boolean',
    group: MAKING,
    help: 'replace files that have other content; without it they are an error',
  },
  {
    name: 'owner',
    type: 'string',
    value: 'image|self',
    choices: OWNERS,
    group: MAKING,
    help: 'to whom files belong; default: as root the owners of the image, else this user',
  },
  ...LOOK_FLAGS,
  WORK_DIR,
];

export const STAT_FLAGS: readonly Flag[] = [
  {
    name: 'dereference',
    short: 'L',
    type: 'boolean',
    group: 'Path:',
    help: 'of a symbolic link, what it leads to',
  },
  ...LOOK_FLAGS,
];

const DRAWING = 'Drawing:';

export const TREE_FLAGS: readonly Flag[] = [
  {
    name: 'depth',
    alias: 'level',
    short: 'L',
    type: 'string',
    value: 'n',
    group: DRAWING,
    help: 'no deeper than this many levels; default: all',
  },
  { name: 'dirs-only', short: 'd', type: 'boolean', group: DRAWING, help: 'directories only' },
  ...LOOK_FLAGS,
];

const COUNTING = 'Counting:';

export const DU_FLAGS: readonly Flag[] = [
  {
    name: 'depth',
    alias: 'max-depth',
    short: 'd',
    type: 'string',
    value: 'n',
    default: '1',
    group: COUNTING,
    help: 'directories this many levels below PATH',
  },
  { name: 'bytes', short: 'b', type: 'boolean', group: COUNTING, help: 'whole bytes instead of kB and MB' },
  ...LOOK_FLAGS,
];

const COMPARING = 'Comparing:';

export const DIFF_FLAGS: readonly Flag[] = [
  {
    name: 'ignore-times',
    type: 'boolean',
    group: COMPARING,
    help: 'paths whose time of modification alone differs are the same',
  },
  {
    name: 'brief',
    short: 'q',
    type: 'boolean',
    group: COMPARING,
    help: 'only the sums, not every path',
  },
  ...LOOK_FLAGS,
];

export const PREFETCH_COMMAND_FLAGS: readonly Flag[] = LOOK_FLAGS;
