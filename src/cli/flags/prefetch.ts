/** The flags that say what clients load first. */
import type { Flag } from './flags.js';

const GROUP = 'Prefetching:';
const NAMES = ['prefetch-dir', 'prefetch-patterns', 'prefetch-file'] as const;
const others = (name: string): readonly string[] => NAMES.filter((other) => other !== name);

export const PREFETCH_FLAGS: readonly Flag[] = [
  {
    name: 'prefetch-file',
    type: 'string',
    value: 'file',
    overrules: others('prefetch-file'),
    group: GROUP,
    help: 'what clients load first, in order: a list of paths or globs, a log of strace or fatrace, or a list of another tool; - reads standard input',
  },
  {
    name: 'prefetch-dir',
    type: 'string',
    value: 'directory',
    env: 'PREFETCH_DIR',
    overrules: others('prefetch-dir'),
    group: GROUP,
    help: 'one directory of the image that clients load first; default: /, all of the image',
  },
  {
    name: 'prefetch-patterns',
    type: 'boolean',
    env: 'PREFETCH_PATTERNS',
    overrules: others('prefetch-patterns'),
    group: GROUP,
    help: 'read paths that clients load first from standard input, as upstream does: one a line, no globs, no links',
  },
];
