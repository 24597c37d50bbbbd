/**
 * A layer written anew as the reference builder reads it. Where the reference strays from the image spec, our output for the
 * original differs from its; for the rewritten layer it must be the same, byte for byte, and so the deviation is the only one.
 * Reads what `fixtures/reference/make-sources.py` writes: ustar, PAX and GNU long names, no sparse files, no global headers.
 */
import { type TarEntry, dir, layer } from '../images/tar.js';

/** The ways in which the reference reads otherwise, by name. */
export const READINGS = {
  'pax-mtime': 'PAX mtime is ignored',
  root: 'a layer without an entry for the root resets it to 0755, 0:0, time 0',
  parents: 'a parent without an entry resets the directory below to 0755, 0:0, time 0',
  links: 'mode, owner and time of the last name in walk order hold for all names of an inode',
  'lost-child': 'what lies below a symlink or a file is lost, its data stays in the blob',
} as const;
export type Reading = keyof typeof READINGS;

/** Cases whose layers must be rewritten before our output is the reference's. */
export const CASE_READINGS: Readonly<Record<string, readonly Reading[]>> = {
  basic: ['pax-mtime'],
  hardlinks: ['links'],
  'xattrs-hardlinks': ['links'],
  overlay: ['root'],
  'opaque-orphan': ['parents'],
  pathological: ['lost-child', 'root'],
  xattrs: ['root'],
};

const BLOCK = 512;

export function asTheReferenceReads(tar: Buffer, readings: readonly Reading[]): Buffer {
  let entries = parse(tar);
  if (readings.includes('pax-mtime')) entries = entries.map(withoutPaxMtime);
  if (readings.includes('lost-child')) entries = withLostChildrenBuried(entries);
  if (readings.includes('parents')) entries = withParents(entries);
  if (readings.includes('root')) entries = withRoot(entries);
  if (readings.includes('links')) entries = withAttributesOfLastLink(entries);
  return layer(...entries);
}

const IMPLIED = { mode: 0o755, uid: 0, gid: 0, mtime: 0 } as const;

function withoutPaxMtime(entry: TarEntry): TarEntry {
  return { ...entry, pax: (entry.pax ?? []).filter(([key]) => text(key) !== 'mtime') };
}
function withRoot(entries: readonly TarEntry[]): TarEntry[] {
  return entries.some((entry) => pathOf(entry) === '') ? [...entries] : [dir('./', IMPLIED), ...entries];
}

/** Each directory that an entry needs and none has named yet gets an entry right before it. */
function withParents(entries: readonly TarEntry[]): TarEntry[] {
  const named = new Set(['']);
  return entries.flatMap((entry) => {
    const parts = pathOf(entry).split('/');
    const missing = parts.map((_, i) => parts.slice(0, i).join('/')).filter((parent) => !named.has(parent));
    for (const path of [...missing, pathOf(entry)]) named.add(path);
    return [...missing.map((path) => dir(path, IMPLIED)), entry];
  });
}

/** A file below a symlink takes the symlink's place for a moment: its data is in the blob, its name nowhere. */
function withLostChildrenBuried(entries: readonly TarEntry[]): TarEntry[] {
  const kinds = new Map<string, TarEntry>();
  return entries.flatMap((entry) => {
    const path = pathOf(entry);
    const above = kinds.get(path.slice(0, Math.max(0, path.lastIndexOf('/'))));
    if (above !== undefined && above.type !== '5') return [{ ...entry, path: above.path }, above];
    kinds.set(path, entry);
    return [entry];
  });
}

/** Gives the first name of each inode the attributes that the last one in walk order has in its own header. */
function withAttributesOfLastLink(entries: readonly TarEntry[]): TarEntry[] {
  // By path: the entry that made the inode which the path names now.
  const made = new Map<string, TarEntry>();
  const names = new Map<string, TarEntry>();
  for (const entry of entries) {
    const target = entry.type === '1' ? made.get(normal(text(entry.link))) : undefined;
    made.set(pathOf(entry), target ?? entry);
    names.set(pathOf(entry), entry);
  }
  const last = new Map<TarEntry, TarEntry>();
  for (const path of Array.from(made.keys()).sort(inWalkOrder)) {
    const [maker, own] = [made.get(path), names.get(path)];
    if (maker !== undefined && own !== undefined && maker.type !== '5') last.set(maker, own);
  }
  return entries.map((entry) => {
    const { mode, uid, gid, mtime } = last.get(entry) ?? entry;
    return {
      ...entry,
      ...(mode === undefined ? {} : { mode }),
      ...(uid === undefined ? {} : { uid }),
      ...(gid === undefined ? {} : { gid }),
      ...(mtime === undefined ? {} : { mtime }),
    };
  });
}

/** All names of a directory come before what its directories hold. */
function inWalkOrder(a: string, b: string): number {
  const [left, right] = [a.split('/'), b.split('/')];
  let i = 0;
  while (i < left.length - 1 && i < right.length - 1 && left[i] === right[i]) i += 1;
  const depth = Number(left.length - 1 > i) - Number(right.length - 1 > i);
  if (depth !== 0) return depth;
  return (left[i] ?? '') < (right[i] ?? '') ? -1 : 1;
}

function parse(tar: Buffer): TarEntry[] {
  const entries: TarEntry[] = [];
  let pax: [Buffer, Buffer][] = [];
  let longName: Buffer | undefined;
  let longLink: Buffer | undefined;
  for (let at = 0; at + BLOCK <= tar.length;) {
    const header = tar.subarray(at, at + BLOCK);
    at += BLOCK;
    if (header.every((byte) => byte === 0)) continue;
    const data = tar.subarray(at, at + numberAt(header, 124, 12));
    at += Math.ceil(data.length / BLOCK) * BLOCK;
    const type = header.toString('latin1', 156, 157);
    if (type === 'x') {
      pax = records(data);
    } else if (type === 'L') {
      longName = data.subarray(0, -1);
    } else if (type === 'K') {
      longLink = data.subarray(0, -1);
    } else {
      const value = (key: string): Buffer | undefined => pax.find(([name]) => text(name) === key)?.[1];
      const prefix = stringAt(header, 345, 155);
      const name = stringAt(header, 0, 100);
      const joined = prefix.length === 0 ? name : Buffer.concat([prefix, Buffer.from('/'), name]);
      entries.push({
        type: type === '\0' ? '0' : type,
        path: value('path') ?? longName ?? joined,
        link: value('linkpath') ?? longLink ?? stringAt(header, 157, 100),
        data,
        mode: numberAt(header, 100, 8),
        uid: numberAt(header, 108, 8),
        gid: numberAt(header, 116, 8),
        mtime: numberAt(header, 136, 12),
        major: numberAt(header, 329, 8),
        minor: numberAt(header, 337, 8),
        pax: pax.filter(([key]) => text(key) !== 'path' && text(key) !== 'linkpath'),
      });
      pax = [];
      longName = longLink = undefined;
    }
  }
  return entries;
}

/** Names stay bytes, as those of xattrs need not be text. */
function records(data: Buffer): [Buffer, Buffer][] {
  const found: [Buffer, Buffer][] = [];
  for (let at = 0; at < data.length;) {
    const blank = data.indexOf(' ', at);
    const end = at + Number(data.toString('latin1', at, blank));
    const equals = data.indexOf('=', blank);
    found.push([data.subarray(blank + 1, equals), data.subarray(equals + 1, end - 1)]);
    at = end;
  }
  return found;
}

function numberAt(header: Buffer, offset: number, width: number): number {
  if (((header[offset] ?? 0) & 0x80) !== 0) return header.readUIntBE(offset + width - 6, 6); // base-256; 48 bits are enough here
  return Number.parseInt(header.toString('latin1', offset, offset + width).trim() || '0', 8) || 0;
}
function stringAt(header: Buffer, offset: number, width: number): Buffer {
  const field = header.subarray(offset, offset + width);
  const end = field.indexOf(0);
  return end < 0 ? field : field.subarray(0, end);
}
function text(name: string | Uint8Array): string {
  return typeof name === 'string' ? name : Buffer.from(name).toString('latin1');
}
function pathOf(entry: TarEntry): string {
  return normal(text(entry.path));
}
function normal(path: string): string {
  return path
    .split('/')
    .filter((part) => part !== '' && part !== '.')
    .join('/');
}
