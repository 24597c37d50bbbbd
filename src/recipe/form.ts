/**
 * The form of an entry: how its headers and pax records are made. The entries of a tar have few forms, because one program wrote
 * them, so a recipe lists its forms once and says of each entry which one it has.
 */
import type { ByteReader } from './bytes.js';
import type { Facts } from './facts.js';
import { type FieldForm, type Making, octal, textOf } from './fields.js';

export const BLOCK = 512;

/** The fields of a header block, in order: name and width. */
export const HEADER_FIELDS = [
  ['name', 100],
  ['mode', 8],
  ['uid', 8],
  ['gid', 8],
  ['size', 12],
  ['mtime', 12],
  ['sum', 8],
  ['type', 1],
  ['link', 100],
  ['magic', 8],
  ['user', 32],
  ['group', 32],
  ['major', 8],
  ['minor', 8],
  ['prefix', 155],
  ['rest', 12],
] as const;

export type HeaderForm = readonly FieldForm[];

/** What stands behind an extension header: pax records, or one text, as in a long name. */
export type BodyForm = readonly (readonly [key: string, FieldForm])[] | FieldForm;

/** `none`: the entry has no data; `whole`: the file of the tree; `pieces`: some of its bytes; `stored`: bytes of the recipe. */
export type DataForm = 'none' | 'whole' | 'pieces' | 'stored';

export interface EntryForm {
  /** False: the tree has no such entry, and its facts are those of the root. */
  readonly known: boolean;
  /** Extension headers with their bodies; undefined: the recipe has the bytes. */
  readonly extensions: readonly { readonly header: HeaderForm; readonly body: BodyForm }[] | undefined;
  /** Undefined: the recipe has the bytes. */
  readonly header: HeaderForm | undefined;
  /** True: the recipe has bytes that stand before the data, such as the map of a sparse file. */
  readonly hasMap: boolean;
  readonly data: DataForm;
  /** False: the recipe has the bytes behind the data that fill the block. */
  readonly isPadded: boolean;
}

/** What stands before the data of an entry. */
export function entryBytes(form: EntryForm, facts: Facts, args: ByteReader): Buffer {
  const parts: Buffer[] = [];
  if (form.extensions === undefined) parts.push(args.string());
  else
    for (const { header, body } of form.extensions) {
      // The length of the body stands before it, so its fields are read first.
      const bytes = bodyBytes(body, { facts, args, body: 0, prefix: '' });
      parts.push(
        headerBytes(header, { facts, args, body: bytes.length, prefix: '' }),
        bytes,
        padding(bytes.length),
      );
    }
  if (form.header === undefined) parts.push(args.raw(BLOCK));
  else parts.push(headerBytes(form.header, { facts, args, body: 0, prefix: '' }));
  if (form.hasMap) parts.push(args.string());
  return parts.length === 1 && parts[0] !== undefined ? parts[0] : Buffer.concat(parts);
}

const ZEROS = Buffer.alloc(BLOCK);

/** Zeros up to the end of a block. */
export function padding(size: number): Buffer {
  return ZEROS.subarray(0, (BLOCK - (size % BLOCK)) % BLOCK);
}

function headerBytes(form: HeaderForm, making: Making): Buffer {
  const block = Buffer.alloc(BLOCK);
  let at = 0;
  let sum: readonly [at: number, form: FieldForm] | undefined;
  for (const [i, [, width]] of HEADER_FIELDS.entries()) {
    const field = form[i] ?? (['=', ''] as const);
    block.write(textOf(field, making, width).slice(0, width), at, 'latin1');
    if (field[0] === 'sum') sum = [at, field];
    at += width;
  }
  if (sum?.[1][0] === 'sum') {
    const [place, [, pad, digits, tail]] = sum;
    block.write(octal(checksum(block), pad, digits, tail).slice(0, 8), place, 'latin1');
  }
  return block;
}

/** The sum of all bytes. */
export function checksum(block: Uint8Array): number {
  let sum = 0;
  for (const byte of block) sum += byte;
  return sum;
}

function bodyBytes(form: BodyForm, making: Making): Buffer {
  if (isField(form)) return Buffer.from(textOf(form, making, 0), 'latin1');
  return Buffer.from(form.map(([key, value]) => paxRecord(key, textOf(value, making, 0))).join(''), 'latin1');
}

export function isField(form: BodyForm): form is FieldForm {
  return typeof form[0] === 'string';
}

/** `LENGTH KEY=VALUE\n`, where the length counts itself. */
export function paxRecord(key: string, value: string): string {
  const rest = key.length + value.length + 3;
  let length = rest + String(rest).length;
  if (String(length).length !== String(rest).length) length = rest + String(length).length;
  return `${length} ${key}=${value}\n`;
}
