/** native/layout: what the addon's writer and its judge need of the layout tables, as constants. */
import { blobMetaHeader, chunkMeta, META_MAGIC } from '../../src/rafs-builder/blob/meta.js';
import type { AnyStruct, FlagInfo } from '../../src/rafs-builder/layout/struct.js';
import { GNU_MAGIC, REGULAR, tarHeader } from '../../src/rafs-builder/blob/section-header.js';
import { SECTIONS, tocEntry, tocFlags } from '../../src/rafs-builder/blob/toc.js';
import * as v6 from '../../src/rafs-builder/layout/v6.js';

const STRUCTS: readonly AnyStruct[] = [
  v6.superBlock,
  v6.extendedSuperBlock,
  v6.deviceSlot,
  v6.blobEntry,
  v6.prefetchEntry,
  v6.inodeExtended,
  v6.inodeCompact,
  v6.xattrHeader,
  v6.xattrEntry,
  v6.chunkIndexEntry,
  v6.dirent,
  v6.chunkInfo,
  chunkMeta,
  blobMetaHeader,
  tarHeader,
  tocEntry,
];

const FLAGS = [v6.superFlags, v6.blobFeatures, v6.chunkFlags, tocFlags];

/** Numbers without a table of their own, by Rust type. */
const NUMBERS: readonly (readonly [name: string, type: string, value: number])[] = [
  ['BLOCK_SIZE', 'usize', v6.BLOCK_SIZE],
  ['SLOT_SIZE', 'usize', v6.SLOT_SIZE],
  ['SUPER_OFFSET', 'usize', v6.SUPER_OFFSET],
  ['EXTENDED_SUPER_OFFSET', 'usize', v6.EXTENDED_SUPER_OFFSET],
  ['DEVICE_TABLE_OFFSET', 'usize', v6.DEVICE_TABLE_OFFSET],
  ['ROOT_NID', 'u32', v6.ROOT_NID],
  ['SUPER_MAGIC', 'u32', v6.SUPER_MAGIC],
  ['FEATURE_COMPAT_RAFS_V6', 'u32', v6.FEATURE_COMPAT_RAFS_V6],
  ['FEATURE_INCOMPAT', 'u32', v6.FEATURE_INCOMPAT],
  ['MAX_BLOBS', 'usize', v6.MAX_BLOBS],
  ['MAX_NAME_LENGTH', 'usize', v6.MAX_NAME_LENGTH],
  ['MAX_SYMLINK_LENGTH', 'usize', v6.MAX_SYMLINK_LENGTH],
  ['MAX_DEPTH', 'usize', v6.MAX_DEPTH],
  ['LAYOUT_PLAIN', 'u16', v6.LAYOUT_PLAIN],
  ['LAYOUT_INLINE', 'u16', v6.LAYOUT_INLINE],
  ['LAYOUT_CHUNKS', 'u16', v6.LAYOUT_CHUNKS],
  ['CHUNK_FORMAT_INDEXES', 'u32', v6.CHUNK_FORMAT_INDEXES],
  ['META_MAGIC', 'u32', META_MAGIC],
  ['REGULAR', 'u8', REGULAR],
];

export function layoutSource(): string {
  return [
    '//! Written by tools/docs/main.ts from the tables in src/rafs-builder. Do not edit: npm run docs.',
    '//!',
    '//! Where fields stand and what numbers mean on disk. Every table is here whole, used or not.',
    '',
    '#![allow(missing_docs)]',
    '',
    ...NUMBERS.map(([name, type, value]) => `pub const ${name}: ${type} = ${hex(value)};`),
    `pub const OWN_BLOB_ID: &[u8; 64] = b"${v6.OWN_BLOB_ID}";`,
    `pub const GNU_MAGIC: &[u8] = b"${GNU_MAGIC}";`,
    '',
    ...STRUCTS.flatMap(structModule),
    ...FLAGS.flatMap(flagModule),
    ...numberModule('compressor', v6.COMPRESSORS),
    ...numberModule('digester', v6.DIGESTERS),
    ...typeModule('mode', (type) => v6.FILE_TYPES[type].mode, 'u16'),
    ...typeModule('dirent_type', (type) => v6.FILE_TYPES[type].dirent, 'u8'),
    '/// Names of a blob’s sections.',
    'pub mod section {',
    ...Object.entries(SECTIONS).map(([name, text]) => `    pub const ${shout(name)}: &[u8] = b"${text}";`),
    '}',
    '',
    '/// Number, prefix, and whether it is a whole name.',
    `pub const XATTR_PREFIXES: [(u8, &[u8], bool); ${v6.XATTR_PREFIXES.length}] = [`,
    ...v6.XATTR_PREFIXES.map(({ index, prefix, whole }) => `    (${index}, b"${prefix}", ${whole}),`),
    '];',
    '',
  ].join('\n');
}

function structModule({ name, size, fields }: AnyStruct): string[] {
  const offsets = fields
    .filter(({ name: field }) => !/^reserved|^padding/.test(field))
    .map(({ name: field, offset }) => `    pub const ${fieldName(field)}: usize = ${hex(offset)};`);
  return [
    `/// \`${name}\`.`,
    `pub mod ${snake(name)} {`,
    `    pub const SIZE: usize = ${size};`,
    ...offsets,
    '}',
    '',
  ];
}

/** `SIZE` is that of the whole structure. */
function fieldName(field: string): string {
  return field === 'size' ? 'SIZE_FIELD' : shout(field);
}

function flagModule({ name, rows }: { readonly name: string; readonly rows: readonly FlagInfo[] }): string[] {
  const bits = rows.map((row) => `    pub const ${row.name}: u32 = ${hex(row.value)};`);
  return [`/// \`${name}\`.`, `pub mod ${snake(name)} {`, ...bits, '}', ''];
}

function numberModule(name: string, table: Readonly<Record<string, number>>): string[] {
  const rows = Object.entries(table).map(([key, value]) => `    pub const ${shout(key)}: u32 = ${value};`);
  return [`pub mod ${name} {`, ...rows, '}', ''];
}

type FileType = keyof typeof v6.FILE_TYPES;

function typeModule(name: string, number: (type: FileType) => number, type: string): string[] {
  const types = Object.keys(v6.FILE_TYPES) as FileType[]; // its own keys
  const rows = types.map((key) => `    pub const ${shout(key)}: ${type} = ${hex(number(key))};`);
  return [`pub mod ${name} {`, ...rows, '}', ''];
}

/** As rustc’s lints want long literals. */
function hex(value: number): string {
  const digits = value.toString(16).toUpperCase();
  const groups = digits.length <= 4 ? [digits] : (digits.padStart(8, '0').match(/.{4}/g) ?? []);
  return `0x${groups.join('_')}`;
}

function snake(name: string): string {
  return name.replace(/([a-z0-9])([A-Z])/g, '$1_$2').toLowerCase();
}

function shout(name: string): string {
  return snake(name).toUpperCase();
}
