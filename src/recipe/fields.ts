/**
 * How a field of a header, or the value of a pax record, is made of what the tree says. A field that the tree cannot give is constant
 * among the entries of one form, or stands in the recipe with each entry.
 */
import type { ByteReader } from './bytes.js';
import type { Facts, NumberName } from './facts.js';

export type NameOf = 'path' | 'link';

export type FieldForm =
  /** A constant. */
  | readonly ['=', string]
  /** Bytes that the recipe has for each entry. */
  | readonly ['?']
  /** Octal digits, at least so many, with this before and that behind them. */
  | readonly ['octal', NumberName, pad: string, digits: number, tail: string]
  /** GNU's base-256. */
  | readonly ['base256', NumberName]
  | readonly ['decimal', NumberName]
  /** The time in decimals, with so many digits behind the point; -1: as many as it has. */
  | readonly ['time', digits: number]
  /** A name between two constants. */
  | readonly ['name', NameOf, before: string, after: string]
  /** A name with a constant before its last component. */
  | readonly ['inserted', NameOf, before: string, middle: string, after: string]
  /** A name of which the header has the first bytes in its prefix; the recipe says how many. */
  | readonly ['split', before: string, after: string]
  /** Those first bytes. */
  | readonly ['prefix']
  /** The value of an extended attribute. */
  | readonly ['xattr', name: string]
  /** The header's checksum. */
  | readonly ['sum', pad: string, digits: number, tail: string];

/** What a field is made of. Text has one character a byte. */
export interface Making {
  readonly facts: Facts;
  readonly args: ByteReader;
  /** Bytes of the body behind an extension header. */
  readonly body: number;
  /** The first part of a name that is split. */
  prefix: string;
}

/** The text of a field; `width` is that of its place in a header. A checksum is blank, as it counts in itself. */
export function textOf(form: FieldForm, making: Making, width: number): string {
  const { facts } = making;
  switch (form[0]) {
    case '=':
      return form[1];
    case '?':
      return making.args.string().toString('latin1');
    case 'octal':
      return octal(numberOf(form[1], making), form[2], form[3], form[4]);
    case 'base256':
      return base256(numberOf(form[1], making), width);
    case 'decimal':
      return String(numberOf(form[1], making));
    case 'time':
      return time(facts, form[1]);
    case 'name':
      return form[2] + facts[form[1]] + form[3];
    case 'inserted': {
      const [directory, base] = lastComponent(facts[form[1]]);
      return form[2] + directory + form[3] + base + form[4];
    }
    case 'split': {
      const whole = form[1] + facts.path + form[2];
      const cut = making.args.number();
      making.prefix = whole.slice(0, cut);
      return whole.slice(cut + 1);
    }
    case 'prefix':
      return making.prefix;
    case 'xattr':
      return Buffer.from(facts.xattrs.get(form[1]) ?? []).toString('latin1');
    case 'sum':
      return '        ';
  }
}

export function octal(value: number, pad: string, digits: number, tail: string): string {
  return value.toString(8).padStart(digits, pad) + tail;
}

export function base256(value: number, width: number): string {
  const bytes = Buffer.alloc(width);
  let rest = BigInt(value);
  for (let at = width - 1; at >= 0; at--) {
    bytes[at] = Number(rest & 0xffn);
    rest >>= 8n;
  }
  bytes[0] = (bytes[0] ?? 0) | 0x80;
  return bytes.toString('latin1');
}

/** Nanoseconds count forward, also before 1970: second -5 and half of one is -4.5. */
export function time({ numbers: { mtime }, nanoseconds }: Facts, digits: number): string {
  const isBefore = mtime < 0 && nanoseconds > 0;
  const whole = isBefore ? -(mtime + 1) : mtime;
  const all = String(isBefore ? 1e9 - nanoseconds : nanoseconds).padStart(9, '0');
  const fraction = digits < 0 ? all.replace(/0+$/, '') : all.slice(0, digits);
  return `${isBefore ? '-' : ''}${whole}${fraction === '' ? '' : `.${fraction}`}`;
}

/** Splits a path before its last slash. */
export function lastComponent(path: string): readonly [directory: string, base: string] {
  const slash = path.lastIndexOf('/');
  return slash < 0 ? ['', path] : [path.slice(0, slash), path.slice(slash + 1)];
}

function numberOf(name: NumberName, { facts, body }: Making): number {
  return name === 'body' ? body : facts.numbers[name];
}
