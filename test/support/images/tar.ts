/**
 * Layers as sentences: `layer(dir('etc'), file('etc/motd', 'hi'), symlink('etc/m', 'motd'), whiteout('etc/x'))` is the
 * bytes of a tar. An own writer, byte by byte, since tests need every field of a header to be as odd as they like.
 * Names are text (UTF-8) or bytes; nothing is normalised: `dir('etc')` writes `etc/` as tar does, the rest is verbatim.
 */
import { gzipSync } from 'node:zlib';

const BLOCK = 512;

/** 2023-11-14T22:13:20Z: the time of every entry that says nothing else. */
const DEFAULT_MTIME = 1_700_000_000;

export type Name = string | Uint8Array;
export type TarFormat = 'ustar' | 'gnu' | 'v7';

/** All that an entry may say; whatever is left out is what a plain `tar` would write. */
export interface TarFields {
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
  /** Seconds; a fraction or a time before 1970 is written as a PAX record. */
  readonly mtime?: number;
  readonly xattrs?: Readonly<Record<string, Name>> | readonly (readonly [Name, Name])[];
  /** PAX records as they stand, before those that a long name needs. */
  readonly pax?: readonly (readonly [Name, Name])[];
  /** `ustar` (the default; long names by PAX), `gnu` (long names by `L` and `K` entries), `v7` (no magic, no PAX). */
  readonly format?: TarFormat;
  readonly uname?: string;
  readonly gname?: string;
  /** The ustar prefix field. */
  readonly prefix?: Name;
  /** The size field, if it is not the number of data bytes. */
  readonly size?: number;
  readonly major?: number;
  readonly minor?: number;
  /** Last word over the 512 bytes of the header, before its checksum is made. */
  readonly patch?: (header: Buffer) => void;
  /** Written instead of the right checksum. */
  readonly checksum?: string;
}

/** One entry, with the entries before it that it needs (PAX, long names). */
export interface TarEntry extends TarFields {
  readonly path: Name;
  readonly type: string;
  readonly data: Uint8Array;
  readonly link: Name;
}
/** Bytes that are no entry: padding, junk, a second end marker. */
export interface TarRaw {
  readonly raw: Uint8Array;
}
export type TarItem = TarEntry | TarRaw;

export function entry(
  type: string,
  path: Name,
  fields: TarFields & { data?: Name; link?: Name } = {},
): TarEntry {
  const { data = '', link = '', ...rest } = fields;
  return { ...rest, type, path, data: bytesOf(data), link };
}
export function file(path: Name, content: Name = '', fields: TarFields = {}): TarEntry {
  return entry('0', path, { ...fields, data: content });
}
/** A directory; the slash at the end is added unless it is there. */
export function dir(path: Name, fields: TarFields = {}): TarEntry {
  const bytes = bytesOf(path);
  return entry('5', bytes.at(-1) === 0x2f ? bytes : Buffer.concat([bytes, Buffer.from('/')]), {
    mode: 0o755,
    ...fields,
  });
}
export function symlink(path: Name, target: Name, fields: TarFields = {}): TarEntry {
  return entry('2', path, { mode: 0o777, ...fields, link: target });
}
export function hardlink(path: Name, target: Name, fields: TarFields & { data?: Name } = {}): TarEntry {
  return entry('1', path, { ...fields, link: target });
}
/** A fifo; its device fields are left blank, as most writers do. */
export function fifo(path: Name, fields: TarFields = {}): TarEntry {
  return entry('6', path, fields);
}
export function char(path: Name, major: number, minor: number, fields: TarFields = {}): TarEntry {
  return entry('3', path, { ...fields, major, minor });
}
export function block(path: Name, major: number, minor: number, fields: TarFields = {}): TarEntry {
  return entry('4', path, { ...fields, major, minor });
}
/** `etc/x` becomes the empty file `etc/.wh.x`. */
export function whiteout(path: string, fields: TarFields = {}): TarEntry {
  const cut = path.lastIndexOf('/') + 1;
  return file(`${path.slice(0, cut)}.wh.${path.slice(cut)}`, '', fields);
}
/** The marker inside a directory that hides all of it that lies below; `''` is the root. */
export function opaque(path: string, fields: TarFields = {}): TarEntry {
  return file(path === '' ? '.wh..wh..opq' : `${path}/.wh..wh..opq`, '', fields);
}
export function raw(bytes: Uint8Array): TarRaw {
  return { raw: bytes };
}
/** Two blocks of zeros; in the middle of an archive or at its end. */
export function endMarker(): TarRaw {
  return raw(Buffer.alloc(2 * BLOCK));
}

/** The tar of one layer, with its end marker. */
export function layer(...items: readonly TarItem[]): Buffer {
  return tarBytes([...items, endMarker()]);
}

/** The items one after the other, and no end marker. */
export function tarBytes(items: readonly TarItem[]): Buffer {
  return Buffer.concat(items.map((item) => ('raw' in item ? item.raw : entryBytes(item))));
}

/** One gzip stream of several members: each part is compressed on its own, as pigz and estargz do. */
export function gzipMembers(...parts: readonly Uint8Array[]): Buffer {
  return Buffer.concat(parts.map((part) => gzipSync(part)));
}
/** A gzip stream of several members, of at most `size` bytes each. */
export function gzipEvery(size: number, tar: Uint8Array): Buffer {
  const parts: Uint8Array[] = [];
  for (let at = 0; at < tar.length; at += size) parts.push(tar.subarray(at, at + size));
  return gzipMembers(...parts);
}

function entryBytes(item: TarEntry): Buffer {
  const format = item.format ?? 'ustar';
  const path = bytesOf(item.path);
  const link = bytesOf(item.link);
  const records = [...(item.pax ?? [])];
  const attributes = item.xattrs ?? {};
  const xattrs = isPairs(attributes) ? attributes : Object.entries(attributes);
  for (const [name, value] of xattrs)
    records.push([Buffer.concat([Buffer.from('SCHILY.xattr.'), bytesOf(name)]), value]);
  const before: Buffer[] = [];
  if (format === 'gnu') {
    if (path.length > 100) before.push(gnuLongName('L', path));
    if (link.length > 100) before.push(gnuLongName('K', link));
  } else if (format === 'ustar') {
    if (path.length > 100 && item.prefix === undefined) records.push(['path', path]);
    if (link.length > 100) records.push(['linkpath', link]);
  }
  const mtime = item.mtime ?? DEFAULT_MTIME;
  if (!Number.isInteger(mtime) || mtime < 0) records.push(['mtime', String(mtime)]);
  if (records.length > 0) before.push(paxEntry('x', './PaxHeaders/x', records));
  return Buffer.concat([
    ...before,
    headerBytes(item, path, link, format, Math.max(0, Math.floor(mtime))),
    padded(item.data),
  ]);
}

function headerBytes(item: TarEntry, path: Buffer, link: Buffer, format: TarFormat, mtime: number): Buffer {
  const header = Buffer.alloc(BLOCK);
  path.copy(header, 0, 0, 100);
  number(item.mode ?? 0o644, 8).copy(header, 100);
  number(item.uid ?? 0, 8).copy(header, 108);
  number(item.gid ?? 0, 8).copy(header, 116);
  number(item.size ?? item.data.length, 12).copy(header, 124);
  number(mtime, 12).copy(header, 136);
  header.write(item.type, 156, 'latin1');
  link.copy(header, 157, 0, 100);
  if (format !== 'v7') header.write(format === 'gnu' ? 'ustar  \0' : 'ustar\x0000', 257, 'latin1');
  header.write(item.uname ?? '', 265);
  header.write(item.gname ?? '', 297);
  if (item.major !== undefined) number(item.major, 8).copy(header, 329);
  if (item.minor !== undefined) number(item.minor, 8).copy(header, 337);
  if (item.prefix !== undefined) bytesOf(item.prefix).copy(header, 345);
  item.patch?.(header);
  header.fill(' ', 148, 156);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(item.checksum ?? `${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return header;
}

function gnuLongName(type: 'L' | 'K', name: Buffer): Buffer {
  const data = Buffer.concat([name, Buffer.alloc(1)]);
  const head = entry(type, '././@LongLink', { data, mode: 0, mtime: 0, format: 'gnu' });
  return Buffer.concat([
    headerBytes(head, Buffer.from('././@LongLink'), Buffer.alloc(0), 'gnu', 0),
    padded(data),
  ]);
}

function paxEntry(type: 'x', name: string, records: readonly (readonly [Name, Name])[]): Buffer {
  const data = Buffer.concat(records.map(([key, value]) => paxRecord(bytesOf(key), bytesOf(value))));
  return Buffer.concat([
    headerBytes(entry(type, name, { data }), Buffer.from(name), Buffer.alloc(0), 'ustar', DEFAULT_MTIME),
    padded(data),
  ]);
}

/** `LENGTH KEY=VALUE\n`, where LENGTH counts its own digits. */
function paxRecord(key: Buffer, value: Buffer): Buffer {
  const rest = key.length + value.length + 3;
  let length = rest + 1;
  while (length !== rest + String(length).length) length = rest + String(length).length;
  return Buffer.concat([Buffer.from(`${length} `), key, Buffer.from('='), value, Buffer.from('\n')]);
}

/** Octal with a NUL at its end; base-256 (GNU) when it does not fit or is negative. */
function number(value: number, width: number): Buffer {
  if (value >= 0 && value < 8 ** (width - 1)) {
    return Buffer.from(`${value.toString(8).padStart(width - 1, '0')}\0`, 'latin1');
  }
  const field = Buffer.alloc(width);
  let rest = BigInt.asUintN(8 * width - 1, BigInt(value)) | (1n << BigInt(8 * width - 1));
  for (let at = width - 1; at >= 0; at -= 1, rest >>= 8n) field[at] = Number(rest & 0xffn);
  return field;
}

function isPairs(xattrs: NonNullable<TarFields['xattrs']>): xattrs is readonly (readonly [Name, Name])[] {
  return Array.isArray(xattrs);
}
function padded(data: Uint8Array): Buffer {
  return Buffer.concat([data, Buffer.alloc(-data.length & (BLOCK - 1))]);
}
function bytesOf(name: Name): Buffer {
  return typeof name === 'string'
    ? Buffer.from(name, 'utf8')
    : Buffer.from(name.buffer, name.byteOffset, name.byteLength);
}
