/** `--flatten`: of the layers only that is stored which a container sees. */
import type { FormatOptions } from '../../convert/format.js';
import { UsageError } from '../../errors.js';
import type { Flag, FlagValues } from './flags.js';

const NAME = 'flatten';
const WAYS = ['layers', 'one', 'none'] as const satisfies readonly FormatOptions['flatten'][];

export const FLATTEN_FLAG: Flag = {
  name: NAME,
  type: 'string',
  value: 'blobs',
  bare: 'layers',
  choices: WAYS,
  group: 'Result:',
  help: 'store only what a container sees: nothing that an upper layer deletes or replaces. layers: a blob for each layer, when nothing is given; one: a single blob; none: all of every layer',
};

/** Flags whose blobs are made of one layer, whatever lies above it; and what to do instead. */
const CONFLICTS = {
  'build-cache': 'a build cache holds blobs of whole layers',
  'build-cache-tag': 'a build cache holds blobs of whole layers',
  'cache-dir': 'a cache holds blobs of whole layers',
  'oci-ref': 'its chunks stay in the layers of the source, all of them',
} as const;

/** Undefined without the flag. Throws UsageError, also for flags that it does not go together with. */
export function flattenOf(flags: FlagValues): FormatOptions['flatten'] | undefined {
  const flatten = flags.oneOf(NAME, WAYS);
  if (flatten === undefined || flatten === 'none') return flatten;
  for (const [name, reason] of Object.entries(CONFLICTS)) {
    if (!flags.isOn(name) && flags.text(name) === undefined) continue;
    throw new UsageError(`--${NAME} conflicts with --${name}: ${reason}`, {
      hint: `leave out one of --${NAME} and --${name}`,
    });
  }
  return flatten;
}
