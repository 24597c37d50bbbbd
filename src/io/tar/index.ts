/**
 * Where the members of an uncompressed tar lie, so that they are read in place. Only for archives of images, whose members are
 * files with plain names; source layers are read by the addon. POSIX.1-2017 pax, "ustar Interchange Format".
 */
import type { FileHandle } from 'node:fs/promises';
import { posix } from 'node:path';
import { FormatError } from '../../errors.js';
import { openFile, readPiece } from '../file-range.js';

export interface TarMember {
  /** Offset of its data in the archive. */
  readonly start: number;
  /** Bytes. */
  readonly size: number;
}

const BLOCK = 512;
/** Longest pax header or GNU long name that makes sense here. */
const MAX_EXTENSION = 1024 * 1024;
/** An image archive has a few members a layer; far more is no image. */
const MAX_MEMBERS = 1_000_000;
const MAX_LINKS = 16;

/** Members by normalised path (no `./` or `/` in front); links stand for what they lead to. Throws FormatError, LocalIoError. */
export async function indexTar(path: string): Promise<ReadonlyMap<string, TarMember>> {
  const file = await openFile(path);
  try {
    return await scan(file, path);
  } finally {
    await file.close();
  }
}

interface Pending {
  name?: string | undefined;
  link?: string | undefined;
  size?: number | undefined;
}

async function scan(file: FileHandle, path: string): Promise<ReadonlyMap<string, TarMember>> {
  const members = new Map<string, TarMember>();
  const links = new Map<string, string>();
  const end = (await file.stat()).size;
  const fail = (reason: string, offset: number): never => {
    throw new FormatError(`${path}: ${reason}`, { offset });
  };
  let pending: Pending = {};
  for (let at = 0; at + BLOCK <= end;) {
    const header = await readAt(file, at, BLOCK);
    if (header.every((byte) => byte === 0)) break;
    if (!checksumHolds(header))
      fail(at === 0 ? 'this is no tar archive' : `tar header at offset ${at} is damaged`, at);
    const type = String.fromCharCode(header[156] ?? 0);
    const headerSize = readNumber(header.subarray(124, 136));
    const size = pending.size ?? headerSize;
    if (!Number.isSafeInteger(size) || size < 0) fail(`tar member at offset ${at} has no sensible size`, at);
    const start = at + BLOCK;
    if (start + size > end) fail(`tar archive ends inside a member at offset ${at}`, at);
    at = start + Math.ceil(size / BLOCK) * BLOCK;
    if ('xgLK'.includes(type)) {
      if (size > MAX_EXTENSION) fail(`tar header extension at offset ${start} is too long`, start);
      const text = await readAt(file, start, size);
      pending = type === 'g' ? pending : { ...pending, ...extension(type, text) };
      continue;
    }
    const name = normalPath(pending.name ?? headerName(header));
    if (type === '0' || type === '\0' || type === '7') {
      members.set(name, { start, size });
      links.delete(name);
    } else if (type === '1' || type === '2') {
      const target = pending.link ?? cString(header.subarray(157, 257));
      links.set(name, normalPath(type === '2' ? posix.join(posix.dirname(name), target) : target));
    }
    if (members.size + links.size > MAX_MEMBERS) fail(`more than ${MAX_MEMBERS} members`, at);
    pending = {};
  }
  for (const [name, target] of links) {
    const member = follow(target, members, links);
    if (member !== undefined) members.set(name, member);
  }
  return members;
}

function follow(
  target: string,
  members: ReadonlyMap<string, TarMember>,
  links: ReadonlyMap<string, string>,
): TarMember | undefined {
  let name: string | undefined = target;
  for (let hops = 0; name !== undefined && hops < MAX_LINKS; hops++) {
    const member = members.get(name);
    if (member !== undefined) return member;
    name = links.get(name);
  }
  return undefined;
}

async function readAt(file: FileHandle, at: number, length: number): Promise<Buffer> {
  const bytes = await readPiece(file, { start: at, end: at + length });
  if (bytes.length < length) throw new FormatError('tar archive ends early', { offset: at + bytes.length });
  return bytes;
}

function checksumHolds(header: Buffer): boolean {
  let sum = 0;
  // The checksum's own field counts as blanks.
  for (const [i, byte] of header.entries()) sum += i >= 148 && i < 156 ? 0x20 : byte;
  return sum === readNumber(header.subarray(148, 156));
}

/** Octal text, or GNU's base-256 when the first bit is set. */
function readNumber(field: Buffer): number {
  const first = field[0] ?? 0;
  if (first >= 0x80) {
    let value = first & 0x7f;
    for (const byte of field.subarray(1)) value = value * 256 + byte;
    return value;
  }
  const text = cString(field).trim();
  return text === '' ? 0 : /^[0-7]+$/.test(text) ? Number.parseInt(text, 8) : Number.NaN;
}

function headerName(header: Buffer): string {
  const name = cString(header.subarray(0, 100));
  const isUstar = header.subarray(257, 263).toString('latin1') === 'ustar\0';
  const prefix = isUstar ? cString(header.subarray(345, 500)) : '';
  return prefix === '' ? name : `${prefix}/${name}`;
}

/** A GNU long name or link, or the records of a pax header that concern us. */
function extension(type: string, bytes: Buffer): Pending {
  if (type === 'L') return { name: cString(bytes) };
  if (type === 'K') return { link: cString(bytes) };
  const found: Pending = {};
  for (let at = 0; at < bytes.length;) {
    const blank = bytes.indexOf(0x20, at);
    const length = Number(bytes.subarray(at, blank < 0 ? at : blank).toString('latin1'));
    if (!Number.isSafeInteger(length) || length <= 0) break;
    const record = bytes.subarray(blank + 1, at + length - 1).toString('utf8');
    const equals = record.indexOf('=');
    const value = record.slice(equals + 1);
    switch (record.slice(0, equals)) {
      case 'path':
        found.name = value;
        break;
      case 'linkpath':
        found.link = value;
        break;
      case 'size':
        found.size = Number(value);
        break;
    }
    at += length;
  }
  return found;
}

function cString(bytes: Buffer): string {
  const nul = bytes.indexOf(0);
  return bytes.subarray(0, nul < 0 ? bytes.length : nul).toString('utf8');
}

function normalPath(name: string): string {
  return posix.normalize(`/${name}`).replace(/^\/+/, '').replace(/\/$/, '');
}
