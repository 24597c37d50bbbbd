/** The flags of `optimize`, after upstream's. */
import { endsFlags } from './ends.js';
import type { Flag } from './flags.js';

const IMAGES = 'Images:';
const CHOICE = 'What is optimised:';

/** Upstream's one way. */
export const POLICIES = ['separated-blob-with-prefetch-files'] as const;

export const OPTIMIZE_FLAGS: readonly Flag[] = [
  {
    name: 'source',
    type: 'string',
    value: 'image',
    env: 'SOURCE',
    group: IMAGES,
    help: 'Nydus image, or an index that holds one',
  },
  {
    name: 'target',
    type: 'string',
    value: 'image',
    env: 'TARGET',
    group: IMAGES,
    help: 'where the result goes; it may be the source',
  },
  {
    name: 'prefetch-files',
    alias: 'prefetch-file',
    type: 'string',
    value: 'file',
    env: 'PREFETCH_FILES',
    group: CHOICE,
    help: 'what clients load first, in order: a list of paths or globs, a log of strace or fatrace, or a list of another tool; - reads standard input',
  },
  {
    name: 'policy',
    type: 'string',
    value: 'how',
    choices: POLICIES,
    env: 'OPTIMIZE_POLICY',
    group: CHOICE,
    help: 'a blob of its own for these files, which is the only way',
  },
  {
    name: 'all-platforms',
    type: 'boolean',
    overrules: ['platform'],
    group: CHOICE,
    help: 'every Nydus image of an index, which is the default',
  },
  {
    name: 'platform',
    type: 'string',
    value: 'list',
    overrules: ['all-platforms'],
    group: CHOICE,
    help: 'only the Nydus images for os/arch[/variant], or for a comma list of them; all others stay as they are',
  },
  ...endsFlags('where the blobs of the source are; the result has them in its registry: oss, s3 or localfs'),
];
