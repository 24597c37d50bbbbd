/** The kinds of scalars of the configuration. */
import { leaf, MASK, type Shape } from './shape.js';

interface About<T> {
  readonly help: string;
  readonly preset: T;
}

export function text(about: About<string>): Shape<string> {
  return leaf({ type: 'text', parse: (given) => given, ...about });
}

/** A text that nothing shows. */
export function secret(about: About<string>): Shape<string> {
  return leaf({
    type: 'secret',
    parse: (given) => given,
    show: (value) => (value === '' ? '' : MASK),
    ...about,
  });
}

export function choice<T extends string>(words: readonly T[], { help, preset }: About<NoInfer<T>>): Shape<T> {
  return leaf<T>({
    type: words.join(' or '),
    parse: (given) => {
      const word = words.find((one) => one === given);
      if (word === undefined) throw new Error(`should be ${words.join(' or ')}, not "${given}"`);
      return word;
    },
    help,
    preset,
  });
}

const TRUE: ReadonlySet<string> = new Set(['true', 'yes', 'on', 'y']);
const FALSE: ReadonlySet<string> = new Set(['false', 'no', 'off', 'n']);

/** The booleans of YAML 1.1, in any case. */
export function bool(about: About<boolean>): Shape<boolean> {
  return leaf({
    type: 'boolean',
    parse: (given) => {
      const word = given.toLowerCase();
      if (TRUE.has(word)) return true;
      if (FALSE.has(word)) return false;
      throw new Error(`should be true or false, not "${given}"`);
    },
    ...about,
  });
}

export function whole({
  min,
  max = Number.MAX_SAFE_INTEGER,
  ...about
}: About<number> & {
  readonly min: number;
  readonly max?: number;
  readonly presetText?: string;
}): Shape<number> {
  return leaf({
    type: 'whole number',
    parse: (given) => {
      const value = wholeNumber(given);
      if (value === undefined) throw new Error(`should be a whole number, not "${given}"`);
      if (value < min || value > max)
        throw new Error(
          `should be ${max === Number.MAX_SAFE_INTEGER ? `${min} or more` : `from ${min} to ${max}`}, not ${given}`,
        );
      return value;
    },
    ...about,
  });
}

const INTEGER = /^[+-]?(?:[0-9]+|0x[0-9a-f]+|0o[0-7]+|0b[01]+)$/i;
const DECIMAL = /^[+-]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:e[+-]?[0-9]+)?$/i;

/**
 * Go's forms of a number: `200`, `0x10`, `0o17` or `017`, `0b1`, with `_` between digits, and decimals such as `1e3` or `2.0`. Go cuts off
 * what a decimal has beyond a whole number, which nobody means: that is none here.
 */
export function wholeNumber(given: string): number | undefined {
  const plain = given.replaceAll('_', '');
  if (!INTEGER.test(plain) && !DECIMAL.test(plain)) return undefined;
  const sign = plain.startsWith('-') ? -1 : 1;
  const digits = plain.replace(/^[+-]/, '');
  const value = sign * Number(/^0[0-7]+$/.test(digits) ? `0o${digits}` : digits);
  return Number.isSafeInteger(value) ? value : undefined;
}

const UNITS = ['', 'k', 'm', 'g', 't', 'p'];

/** Bytes of a size: `1000MB` counts in thousands, `1GiB` in 1024s, a number alone in bytes; case and blanks do not matter. */
export function parseSize(given: string): number {
  const [, digits, unit = '', binary] = /^([0-9]+(?:\.[0-9]+)?)([kmgtp]?)(i?)b?$/.exec(
    given.toLowerCase().replaceAll(/\s/g, ''),
  ) ?? [undefined, undefined];
  if (digits === undefined) throw new Error(`should be a size such as 10GB or 1GiB, not "${given}"`);
  const base = binary === 'i' ? 1024 : 1000;
  return Math.floor(Number(digits) * base ** UNITS.indexOf(unit));
}

export function size(about: About<number> & { readonly presetText: string }): Shape<number> {
  return leaf({ type: 'size', parse: parseSize, ...about });
}

const SECONDS: Readonly<Record<string, number>> = { ms: 0.001, s: 1, m: 60, h: 3600 };

/** Milliseconds of Go's form of a duration, such as `1h30m` or `30s`. */
function parseDuration(given: string): number {
  const parts = [...given.matchAll(/([0-9]+(?:\.[0-9]+)?)(ms|[smh])/g)];
  if (parts.length === 0 || parts.map(([part]) => part).join('') !== given)
    throw new Error(`should be a duration such as 30s or 1h, not "${given}"`);
  return parts.reduce((sum, [, digits, unit = 's']) => sum + Number(digits) * (SECONDS[unit] ?? 1) * 1000, 0);
}

export function duration(about: About<number> & { readonly presetText: string }): Shape<number> {
  return leaf({ type: 'duration', parse: parseDuration, show: (ms) => `${ms / 1000}s`, ...about });
}
