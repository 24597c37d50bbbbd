/** SQLite by whatever this Node has: its own module since Node 22, else the package `libsql`, whose interface is nearly the same. */
import { createRequire } from 'node:module';
import { LocalIoError } from '../../../errors.js';
import { errorCode } from '../../../io/system-error.js';

export type SqlValue = string | number | null;
/** A text that was asked for as bytes: a buffer of `libsql`, or an array of Node. */
export type Bytes = ArrayBuffer | Uint8Array;
export type Row = Readonly<Record<string, SqlValue | Bytes>>;

export function isBytes(value: unknown): value is Bytes {
  return value instanceof ArrayBuffer || value instanceof Uint8Array;
}

/** Empty for no value. Bytes that are no text become signs that say so. */
export function textOf(value: Row[string] | undefined): string {
  return isBytes(value) ? new TextDecoder().decode(value) : String(value ?? '');
}

export interface Statement {
  run(...values: readonly SqlValue[]): { readonly changes: number | bigint };
  get(...values: readonly SqlValue[]): Row | undefined;
  all(...values: readonly SqlValue[]): readonly Row[];
}

/** The part that both have. */
export interface Database {
  exec(sql: string): void;
  prepare(sql: string): Statement;
  close(): void;
}

type Constructor = new (path: string) => Database;

export type Engine = 'libsql' | 'node';

/** Opens the file with `libsql` if that is installed, else with Node's own module. Throws LocalIoError where neither is there. */
export function openDatabase(path: string, engine?: Engine): Database {
  const Constructor =
    (engine === 'node' ? undefined : libsql()) ?? (engine === 'libsql' ? undefined : ownSqlite());
  if (Constructor !== undefined) return new Constructor(path);
  throw new LocalIoError('the queue needs SQLite, which this Node does not have', {
    hint: `run it with Node 24, or install the package libsql beside this one: npm install libsql@${LIBSQL_VERSION}`,
  });
}

/** The version that this package is tested with; package.json names it, too. */
export const LIBSQL_VERSION = '0.5.29';

/** Undefined before Node 22.13, whose module is hidden behind a flag or not there. */
export function ownSqlite(): Constructor | undefined {
  // The typings of Node 20 know no such module.
  const module = process.getBuiltinModule('node:sqlite') as
    { readonly DatabaseSync: Constructor } | undefined;
  return module?.DatabaseSync;
}

function libsql(): Constructor | undefined {
  try {
    return createRequire(import.meta.url)('libsql') as Constructor;
  } catch (error) {
    if (errorCode(error) === 'MODULE_NOT_FOUND') return undefined;
    throw error;
  }
}
