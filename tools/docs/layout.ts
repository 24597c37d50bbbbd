/**
 * native/layout: every table of src/rafs-builder/layout as Rust constants, a file for each module of tables. The writer
 * and the judge in the addon take their offsets from it, so a number is written down in TypeScript and nowhere else.
 */
import * as blob from '../../src/rafs-builder/layout/blob.js';
import type { AnyStruct, FlagSet } from '../../src/rafs-builder/layout/struct.js';
import * as v5 from '../../src/rafs-builder/layout/v5.js';
import * as v6 from '../../src/rafs-builder/layout/v6.js';
import { MAX_CHUNKS_PER_BLOB } from '../../src/rafs-builder/model/tree.js';
import * as wire from '../../src/rafs-builder/layout/wire.js';

/** The files of native/layout/src by name. */
export const LAYOUT_FILES: Readonly<Record<string, () => string>> = {
  'v6.rs': () =>
    source('The bootstrap of RAFS v6, an EROFS image.', v6, [
      ...numbers(v6, {
        BLOCK_SIZE: 'usize',
        SLOT_SIZE: 'usize',
        SUPER_OFFSET: 'usize',
        EXTENDED_SUPER_OFFSET: 'usize',
        DEVICE_TABLE_OFFSET: 'usize',
        ROOT_NID: 'u32',
        SUPER_MAGIC: 'u32',
        FEATURE_COMPAT_RAFS_V6: 'u32',
        FEATURE_INCOMPAT: 'u32',
        MAX_BLOBS: 'usize',
        MAX_NAME_LENGTH: 'usize',
        MAX_SYMLINK_LENGTH: 'usize',
        MAX_DEPTH: 'usize',
        LAYOUT_PLAIN: 'u16',
        LAYOUT_INLINE: 'u16',
        LAYOUT_CHUNKS: 'u16',
        CHUNK_FORMAT_INDEXES: 'u32',
        MIN_CHUNK_SIZE: 'u32',
        MAX_CHUNK_SIZE: 'u32',
        MAX_XATTR_NAME_LENGTH: 'usize',
        MAX_UNCOMPRESSED_SIZE: 'u64',
        MAX_COMPRESSED_SIZE: 'u64',
        SUPER_FLAGS_RESERVED: 'u32',
        BLOB_FEATURES_REFUSED: 'u32',
        CIPHER_NONE: 'u32',
        CIPHER_AES_128_XTS: 'u32',
      }),
      '/// Indexes of chunks have 24 bits.',
      `pub const MAX_CHUNKS_PER_BLOB: u32 = ${hex(MAX_CHUNKS_PER_BLOB)};`,
      `/// The id by which a bootstrap names the blob that it is a section of.`,
      `pub const OWN_BLOB_ID: &[u8; 64] = b"${v6.OWN_BLOB_ID}";`,
      '',
      ...numberModule('compressor', 'Numbers of compressors.', v6.COMPRESSORS, 'u32'),
      ...numberModule('digester', 'Numbers of digesters.', v6.DIGESTERS, 'u32'),
      ...typeModule('mode', 'File types in the mode of an inode.', (type) => v6.FILE_TYPES[type].mode, 'u16'),
      ...typeModule(
        'dirent_type',
        'File types in directory entries.',
        (type) => v6.FILE_TYPES[type].dirent,
        'u8',
      ),
      '/// Number, prefix, and whether it is a whole name.',
      `pub const XATTR_PREFIXES: [(u8, &[u8], bool); ${v6.XATTR_PREFIXES.length}] = [`,
      ...v6.XATTR_PREFIXES.map(({ index, prefix, whole }) => `    (${index}, b"${prefix}", ${whole}),`),
      '];',
      '',
    ]),
  'v5.rs': () =>
    source('The bootstrap of RAFS v5; its chunk records are those of v6.', v5, [
      ...numbers(v5, {
        SUPER_SIZE: 'usize',
        SUPER_MAGIC: 'u32',
        VERSION: 'u32',
        ALIGNMENT: 'usize',
        ROOT_INO: 'u64',
        INODE_UNIT: 'usize',
        COUNTED_BLOCK: 'u64',
        NO_DEVICE: 'u32',
      }),
      `/// The only name of an inode with a slash in it.`,
      `pub const ROOT_NAME: &[u8] = b"${v5.ROOT_NAME}";`,
      '',
    ]),
  'blob.rs': () =>
    source('The sections of a RAFS blob, of either version.', blob, [
      ...numbers(blob, { META_MAGIC: 'u32', REGULAR: 'u8' }),
      `/// In the header behind each section.`,
      `pub const GNU_MAGIC: &[u8] = b"${blob.GNU_MAGIC}";`,
      '',
      '/// Names of the sections.',
      'pub mod section {',
      ...Object.entries(blob.SECTIONS).flatMap(([name, text]) => [
        `    /// \`${text}\`.`,
        `    pub const ${shout(name)}: &[u8] = b"${text}";`,
      ]),
      '}',
      '',
    ]),
  'wire.rs': () =>
    source(
      'The packed records of a scanned layer, which cross to TypeScript and from there to the judge.',
      wire,
      [
        ...numberModule('entry_kind', 'Kinds of entries.', wire.ENTRY_KINDS, 'u8'),
        ...numbers(wire, { REPEATED: 'u32' }),
        '',
      ],
    ),
};

/** A file: numbers and names as given, then every structure and every set of flags that the module of tables exports. */
function source(about: string, tables: object, constants: readonly string[]): string {
  const exported = Object.entries(tables);
  return [
    `//! ${about}`,
    '//!',
    '//! Written by tools/docs/main.ts from the tables in src/rafs-builder/layout. Do not edit: npm run docs.',
    '',
    'use crate::table::{Field, Table, Type};',
    '',
    ...constants,
    ...exported.flatMap(([name, table]) => (isStruct(table) ? structModule(name, table) : [])),
    ...exported.flatMap(([name, table]) => (isFlagSet(table) ? flagModule(name, table) : [])),
  ].join('\n');
}

function isStruct(table: unknown): table is AnyStruct {
  return typeof table === 'object' && table !== null && 'fields' in table && 'purpose' in table;
}

function isFlagSet(table: unknown): table is FlagSet<string> {
  return typeof table === 'object' && table !== null && 'rows' in table && 'bits' in table;
}

/** Reserved bytes get no constant: nothing reads or writes them. */
function structModule(name: string, { name: title, purpose, size, fields }: AnyStruct): string[] {
  const offsets = fields
    .filter(({ reserved }) => !reserved)
    .flatMap(({ name: field, offset, type, meaning }) => [
      `    /// ${type}: ${meaning}`,
      `    pub const ${fieldName(field)}: usize = ${hex(offset)};`,
    ]);
  return [
    `/// ${purpose}`,
    `pub mod ${snake(name)} {`,
    '    use super::{Field, Table, Type};',
    '',
    '    /// Bytes of the whole structure.',
    `    pub const SIZE: usize = ${size};`,
    ...offsets,
    ...tableOf({ name: title, size, fields }),
    '}',
    '',
  ];
}

/** Names and types of all fields, for a reader that says what is wrong with one. */
function tableOf({ name, size, fields }: Pick<AnyStruct, 'name' | 'size' | 'fields'>): string[] {
  const rows = fields.map(
    (field) =>
      `Field { name: "${field.name}", offset: ${hex(field.offset)}, size: ${field.size}, kind: Type::${typeOf(field)} }`,
  );
  // rustfmt puts a list of one on one line.
  const list =
    rows.length === 1
      ? [`        fields: &[${rows.join('')}],`]
      : ['        fields: &[', ...rows.map((row) => `            ${row},`), '        ],'];
  return [
    '    /// The whole structure.',
    '    pub static TABLE: Table = Table {',
    `        name: "${name}",`,
    `        size: ${size},`,
    ...list,
    '    };',
  ];
}

function typeOf({ reserved, type }: AnyStruct['fields'][number]): string {
  if (reserved) return 'Reserved';
  return type === 'u64' ? 'U64' : type === 'i64' ? 'I64' : 'Plain';
}

/** `SIZE` is that of the whole structure. */
function fieldName(field: string): string {
  return field === 'size' ? 'SIZE_FIELD' : shout(field);
}

function flagModule(name: string, { name: title, rows, known }: FlagSet<string>): string[] {
  const bits = rows.flatMap((row) => [
    `    /// ${row.meaning}`,
    `    pub const ${row.name}: u32 = ${hex(row.value)};`,
  ]);
  return [
    `/// ${title}.`,
    `pub mod ${snake(name)} {`,
    ...bits,
    '    /// All of them.',
    `    pub const KNOWN: u32 = ${hex(known)};`,
    '}',
    '',
  ];
}

/** Constants of a module of tables, by the Rust type that the Rust code wants. */
function numbers<T extends object>(tables: T, types: Readonly<Partial<Record<keyof T, string>>>): string[] {
  const values = new Map<string, unknown>(Object.entries(tables));
  return Object.entries(types).map(
    ([name, type]) => `pub const ${name}: ${String(type)} = ${hex(Number(values.get(name)))};`,
  );
}

function numberModule(
  name: string,
  about: string,
  table: Readonly<Record<string, number>>,
  type: string,
): string[] {
  const rows = Object.entries(table).map(
    ([key, value]) => `    pub const ${shout(key)}: ${type} = ${value};`,
  );
  return [`/// ${about}`, `pub mod ${name} {`, ...rows, '}', ''];
}

type FileType = keyof typeof v6.FILE_TYPES;

function typeModule(name: string, about: string, number: (type: FileType) => number, type: string): string[] {
  const types = Object.keys(v6.FILE_TYPES) as FileType[]; // its own keys
  const rows = types.map((key) => `    pub const ${shout(key)}: ${type} = ${hex(number(key))};`);
  return [`/// ${about}`, `pub mod ${name} {`, ...rows, '}', ''];
}

/** Long literals grouped as rustc's lints demand. */
function hex(value: number): string {
  const digits = value.toString(16).toUpperCase();
  const groups =
    digits.length <= 4
      ? [digits]
      : (digits.padStart(Math.ceil(digits.length / 4) * 4, '0').match(/.{4}/g) ?? []);
  return `0x${groups.join('_')}`;
}

function snake(name: string): string {
  return name.replace(/([a-z0-9])([A-Z])/g, '$1_$2').toLowerCase();
}

function shout(name: string): string {
  return snake(name).toUpperCase();
}
