/** Flags as Go's programs read them: they stand before the first word, with one dash or two, with `=` or a blank. */
import { UsageError } from '../../errors.js';

export interface GoFlags {
  readonly text: ReadonlyMap<string, string>;
  readonly on: ReadonlySet<string>;
  readonly words: readonly string[];
}

const TRUE: ReadonlySet<string> = new Set(['1', 't', 'T', 'TRUE', 'true', 'True']);
const FALSE: ReadonlySet<string> = new Set(['0', 'f', 'F', 'FALSE', 'false', 'False']);

/** `texts` take a value, `switches` take none. Throws UsageError with Go's sentences. */
export function parseGoFlags(
  argv: readonly string[],
  texts: readonly string[],
  switches: readonly string[],
): GoFlags {
  const text = new Map<string, string>();
  const on = new Set<string>();
  let at = 0;
  for (; at < argv.length; at++) {
    const word = argv[at] ?? '';
    if (word === '--') {
      at++;
      break;
    }
    const [, name, value] = /^--?([A-Za-z][\w-]*)(?:=([^]*))?$/.exec(word) ?? [];
    if (name === undefined) break;
    if (texts.includes(name)) {
      const given = value ?? argv[++at];
      if (given === undefined) throw new UsageError(`flag needs an argument: -${name}`);
      text.set(name, given);
    } else if (switches.includes(name)) {
      if (value === undefined || TRUE.has(value)) on.add(name);
      else if (FALSE.has(value)) on.delete(name);
      else throw new UsageError(`invalid boolean value "${value}" for -${name}: parse error`);
    } else throw new UsageError(`flag provided but not defined: -${name}`);
  }
  return { text, on, words: argv.slice(at) };
}
