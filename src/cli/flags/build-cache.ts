/** The flags of `cache`, which looks after a build cache. */
import { UsageError } from '../../errors.js';
import type { Flag, FlagValues } from './flags.js';
import { OUTPUT } from './global.js';
import { ONE_REGISTRY_FLAGS, TRUST_FLAGS } from './registry.js';

const PRUNING = 'With prune:';

export const CACHE_COMMAND_FLAGS: readonly Flag[] = [
  {
    name: 'max-records',
    type: 'string',
    value: 'n',
    group: PRUNING,
    help: 'keep this many records of each platform, those used last; default: all',
  },
  {
    name: 'unkeyed',
    type: 'boolean',
    group: PRUNING,
    help: "remove records without a key, such as those of upstream's tool",
  },
  {
    name: 'dry-run',
    type: 'boolean',
    group: PRUNING,
    help: 'say what would be removed, and remove nothing',
  },
  { name: 'json', type: 'boolean', group: OUTPUT, help: 'print the answer as JSON' },
  ...ONE_REGISTRY_FLAGS,
  ...TRUST_FLAGS,
];

/** Throws UsageError. */
export function keptRecords(flags: FlagValues): number | undefined {
  const count = flags.number('max-records');
  if (count !== undefined && count < 0)
    throw new UsageError(`--max-records should be 0 or more, not ${count}`);
  return count;
}
