/** `--keep-tar-recipe`: the image gets recipes, by which `reverse` makes the same tars again. */
import { UsageError } from '../../errors.js';
import type { Flag, FlagValues } from './flags.js';

const NAME = 'keep-tar-recipe';

export const TAR_RECIPE_FLAG: Flag = {
  name: NAME,
  type: 'boolean',
  group: 'Result:',
  help: 'keep, in one more small layer, what the blobs lack of the layers (order, headers and padding of their tars, and how gzip was made), so that reverse makes tars with the same diffIDs again, and layers with the same digests where their encoder is known; clients do not read it',
};

/** Flags whose images need no recipe, or cannot have one; and why. */
const CONFLICTS = {
  'oci-ref': 'the original layers stay with the image',
  flatten: 'a flattened image has no layers to make again',
} as const;

/** Throws UsageError for flags that it does not go together with. */
export function keepsTarRecipe(flags: FlagValues): boolean {
  if (!flags.isOn(NAME)) return false;
  for (const [name, reason] of Object.entries(CONFLICTS)) {
    const value = flags.text(name);
    if (!flags.isOn(name) && (value === undefined || value === 'none')) continue;
    throw new UsageError(`--${NAME} conflicts with --${name}: ${reason}`, {
      hint: `leave out one of --${NAME} and --${name}`,
    });
  }
  return true;
}
