/** The images of a command are given as words or by flags; both at once only if they agree. */
import { UsageError } from '../../errors.js';
import type { FlagValues } from './flags.js';

/** A word wins over the configuration file, and over the environment, of which a note is given. Throws UsageError when the command line itself gives two images. */
export function imageWord(
  flags: FlagValues,
  name: 'source' | 'target' | 'base',
  word: string | undefined,
  notes: string[],
): string | undefined {
  const flag = word !== undefined && flags.isFromFile(name) ? undefined : flags.text(name);
  if (word === undefined || flag === undefined || word === flag) return word ?? flag;
  const variable = flags.variableOf(name);
  if (variable === undefined)
    throw new UsageError(`the ${name} is given twice: "${word}" and --${name} "${flag}"`);
  notes.push(`the ${name} is "${word}", and not "${flag}" of $${variable}`);
  return word;
}
