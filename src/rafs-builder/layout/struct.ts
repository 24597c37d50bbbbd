/**
 * Binary structures as tables. A table has the offsets of the specification, and reader, writer, dump and documentation
 * are derived from it. Loading a table fails unless its fields touch, do not overlap and add up to the stated size, so
 * a wrong offset cannot survive the first import. All integers are little-endian.
 */
import { FormatError, InternalError } from '../../errors.js';

/**
 * Reads, writes and shows a field. Its members are methods and not function properties, so that a FieldType<number> is
 * a FieldType<unknown>.
 */
export interface FieldType<T> {
  /** The name of the type in the documentation: `u32`, `64 bytes`. */
  readonly label: string;
  readonly size: number;
  /** True for bytes that are written as zero and are not part of the value. */
  readonly reserved: boolean;
  /** Undefined when a double cannot hold the value. */
  read(buffer: Buffer, offset: number): T | undefined;
  fits(value: T): boolean;
  write(buffer: Buffer, offset: number, value: T): void;
  /** Formats the field for people; works for any bytes. */
  show(buffer: Buffer, offset: number): string;
}

export interface Field<T> {
  readonly offset: number;
  readonly type: FieldType<T>;
  /** One line without full stop. */
  readonly meaning: string;
}

type Fields = Readonly<Record<string, Field<unknown>>>;
type ValueOf<F> = F extends Field<infer T> ? T : never;
/** Values of the fields by name, without reserved fields (their type is `undefined`). */
type Values<F extends Fields> = {
  readonly [K in keyof F as ValueOf<F[K]> extends undefined ? never : K]: ValueOf<F[K]>;
};

const hex = (value: number | bigint): string => `0x${value.toString(16)}`;
const isUnsigned = (value: number, limit: number): boolean =>
  Number.isInteger(value) && value >= 0 && value <= limit;
const TWO_32 = 2 ** 32;

function unsigned(label: string, size: 1 | 2 | 4): FieldType<number> {
  const limit = 2 ** (8 * size) - 1;
  return {
    label,
    size,
    reserved: false,
    read: (buffer, offset) =>
      size === 1
        ? buffer.readUInt8(offset)
        : size === 2
          ? buffer.readUInt16LE(offset)
          : buffer.readUInt32LE(offset),
    fits: (value) => isUnsigned(value, limit),
    write: (buffer, offset, value) =>
      size === 1
        ? buffer.writeUInt8(value, offset)
        : size === 2
          ? buffer.writeUInt16LE(value, offset)
          : buffer.writeUInt32LE(value, offset),
    show: (buffer, offset) => {
      const value = buffer.readUIntLE(offset, size);
      return `${value} (${hex(value)})`;
    },
  };
}

export const u8 = unsigned('u8', 1);
export const u16 = unsigned('u16', 2);
export const u32 = unsigned('u32', 4);

function wide(label: string, signed: boolean): FieldType<number> {
  return {
    label,
    size: 8,
    reserved: false,
    read: (buffer, offset) => {
      const high = signed ? buffer.readInt32LE(offset + 4) : buffer.readUInt32LE(offset + 4);
      const value = high * TWO_32 + buffer.readUInt32LE(offset);
      return Number.isSafeInteger(value) ? value : undefined;
    },
    fits: (value) => Number.isSafeInteger(value) && (signed || value >= 0),
    write: (buffer, offset, value) => {
      const high = Math.floor(value / TWO_32); // `floor` and not truncation, so that negative values become two's complement
      buffer.writeUInt32LE(value - high * TWO_32, offset);
      if (high < 0) buffer.writeInt32LE(high, offset + 4);
      else buffer.writeUInt32LE(high, offset + 4);
    },
    show: (buffer, offset) => {
      const value = buffer.readBigUInt64LE(offset);
      return `${signed ? buffer.readBigInt64LE(offset) : value} (${hex(value)})`;
    },
  };
}

/** A 64-bit integer as a `number`; reading a value beyond 2^53 − 1 fails. */
export const u64 = wide('u64', false);
export const i64 = wide('i64', true);

/** Raw bytes. Reading returns a view of the buffer, not a copy. */
export function bytes(size: number): FieldType<Uint8Array> {
  return {
    label: `${size} bytes`,
    size,
    reserved: false,
    read: (buffer, offset) => buffer.subarray(offset, offset + size),
    fits: (value) => value.length === size,
    write: (buffer, offset, value) => {
      buffer.set(value, offset);
    },
    show: (buffer, offset) => buffer.toString('hex', offset, offset + size),
  };
}

/** Text of one byte a character, padded with NUL; it may use every byte. */
export function text(size: number): FieldType<string> {
  const read = (buffer: Buffer, offset: number): string => {
    const raw = buffer.toString('latin1', offset, offset + size);
    const end = raw.search(/\0*$/);
    return raw.slice(0, end);
  };
  return {
    label: `${size} chars`,
    size,
    reserved: false,
    read,
    fits: (value) => value.length <= size,
    write: (buffer, offset, value) => {
      buffer.write(value, offset, 'latin1');
    },
    show: (buffer, offset) => JSON.stringify(read(buffer, offset)),
  };
}

/** Bytes without meaning. They are written as zero, and the judge reports others. */
export function reserved(size: number): FieldType<undefined> {
  return {
    label: size === 1 ? 'u8' : `${size} bytes`,
    size,
    reserved: true,
    read: () => undefined,
    fits: () => true,
    write: () => undefined,
    show: (buffer, offset) => {
      const raw = buffer.subarray(offset, offset + size);
      return raw.every((byte) => byte === 0) ? 'zero' : `not zero: ${raw.toString('hex')}`;
    },
  };
}

export function at<T>(offset: number, type: FieldType<T>, meaning: string): Field<T> {
  return { offset, type, meaning };
}

export interface FieldInfo {
  readonly name: string;
  readonly offset: number;
  readonly size: number;
  readonly type: string;
  /** True for bytes without meaning. */
  readonly reserved: boolean;
  readonly meaning: string;
}

/** The part of a table that does not depend on its fields; dumps and documentation need no more. */
export interface AnyStruct {
  readonly name: string;
  /** One sentence for the documentation: the place of the structure and its purpose. */
  readonly purpose: string;
  readonly size: number;
  readonly fields: readonly FieldInfo[];
  /** Formats a field of the structure at `base` for people. */
  show(buffer: Buffer, base: number, field: string): string;
}

export interface Struct<F extends Fields> extends AnyStruct {
  /** The offset of each field, for code that reads one field of thousands of structures. */
  readonly offset: { readonly [K in keyof F]: number };
  /** Throws FormatError when the structure leaves the buffer, or a 64-bit value is too big for a double. */
  read(buffer: Buffer, base: number): Values<F>;
  /** Leaves reserved bytes unchanged (buffers start zeroed). Throws InternalError for values that do not fit. */
  write(buffer: Buffer, base: number, values: Values<F>): void;
  /** Makes the error for a field of the structure at `base`. */
  fault(field: keyof F & string, base: number, reason: string): FormatError;
}

export type StructOf<S> = S extends Struct<infer F> ? Values<F> : never;

/** Throws InternalError, at load, when the table is not exact. */
export function struct<const F extends Fields>(
  name: string,
  size: number,
  purpose: string,
  fields: F,
): Struct<F> {
  let end = 0;
  const list = Object.entries(fields).map(([key, field]) => ({
    key,
    offset: field.offset,
    type: field.type,
    meaning: field.meaning,
  }));
  for (const field of list) {
    if (field.offset !== end) {
      throw new InternalError(
        `table ${name}: ${field.key} is at ${field.offset}, but the field before it ends at ${end}`,
      );
    }
    end += field.type.size;
  }
  if (end !== size) throw new InternalError(`table ${name}: the fields end at ${end}, not at ${size}`);

  const infos = list.map((f) => ({
    name: f.key,
    offset: f.offset,
    size: f.type.size,
    type: f.type.label,
    reserved: f.type.reserved,
    meaning: f.meaning,
  }));
  const valued = list.filter((f) => !f.type.reserved);
  const fault = (field: string, base: number, reason: string): FormatError =>
    new FormatError(`${name}.${field} at offset ${base + (fields[field]?.offset ?? 0)}: ${reason}`, {
      offset: base + (fields[field]?.offset ?? 0),
    });

  const offsets = Object.fromEntries(list.map((f) => [f.key, f.offset]));
  return {
    name,
    purpose,
    size,
    fields: infos,
    offset: offsets as { readonly [K in keyof F]: number }, // the keys of `fields`
    fault,
    read(buffer, base) {
      if (!(base >= 0 && base + size <= buffer.length)) {
        throw new FormatError(
          `${name} at offset ${base}: it ends past the ${buffer.length} bytes that there are`,
          { offset: base },
        );
      }
      const values: Record<string, unknown> = {};
      for (const field of valued) {
        const value = field.type.read(buffer, base + field.offset);
        if (value === undefined)
          throw fault(field.key, base, `${field.type.show(buffer, base + field.offset)} is out of range`);
        values[field.key] = value;
      }
      return values as Values<F>; // every unreserved field has a value from its own type's reader
    },
    write(buffer, base, values) {
      const given: Readonly<Record<string, unknown>> = values;
      for (const field of valued) {
        const value = given[field.key];
        if (!field.type.fits(value)) {
          throw new InternalError(`${name}.${field.key}: ${String(value)} does not fit ${field.type.label}`);
        }
        field.type.write(buffer, base + field.offset, value);
      }
    },
    show(buffer, base, fieldName) {
      const field = fields[fieldName];
      return field === undefined ? '' : field.type.show(buffer, base + field.offset);
    },
  };
}

export interface FlagInfo<K extends string = string> {
  readonly name: K;
  readonly value: number;
  readonly meaning: string;
}

/** Named bits and their meanings. */
export interface FlagSet<K extends string> {
  readonly name: string;
  readonly rows: readonly FlagInfo<K>[];
  readonly bits: Readonly<Record<K, number>>;
  /** All bits that have a name. */
  readonly known: number;
  readonly has: (value: number, flag: K) => boolean;
  /** Formats bits as `ALIGNED|HAS_TOC`; bits without a name in hexadecimal. */
  readonly show: (value: number) => string;
}

export function flags<const T extends Readonly<Record<string, readonly [value: number, meaning: string]>>>(
  name: string,
  table: T,
): FlagSet<keyof T & string> {
  const rows = Object.entries(table).map(([flag, [value, meaning]]) => ({ name: flag, value, meaning }));
  const known = rows.reduce((sum, row) => (sum | row.value) >>> 0, 0);
  const bits = Object.fromEntries(rows.map((row) => [row.name, row.value])) as Record<
    keyof T & string,
    number
  >; // keys of the same table
  return {
    name,
    rows,
    bits,
    known,
    has: (value, flag) => (value & bits[flag]) !== 0,
    show: (value) => {
      const names = rows.filter((row) => (value & row.value) !== 0).map((row) => row.name);
      const rest = (value & ~known) >>> 0;
      return [...names, ...(rest === 0 ? [] : [hex(rest)])].join('|') || '0';
    },
  };
}

/** Rounds `value` up to the next multiple of `unit`. */
export function roundUp(value: number, unit: number): number {
  return Math.ceil(value / unit) * unit;
}
