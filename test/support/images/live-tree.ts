/** Trees of files on a disk, for tests of what reads directories. Making devices, owners and `trusted.*` takes root. */
import { open } from 'node:fs/promises';
import { ExtractLane, type ExtractStep } from '../../../src/native/extractor.js';

export interface LiveAttributes {
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
  readonly mtime?: number;
  readonly mtimeNsec?: number;
  readonly xattrs?: Readonly<Record<string, Uint8Array | string>>;
}

export type LiveEntry = LiveAttributes & { readonly path: string } & (
    | { readonly kind: 'directory' }
    | { readonly kind: 'file'; readonly bytes?: Uint8Array | string }
    | { readonly kind: 'symlink'; readonly target: string }
    | { readonly kind: 'link'; readonly target: string }
    | { readonly kind: 'fifo' | 'socket' }
    | { readonly kind: 'char' | 'block'; readonly major: number; readonly minor: number }
  );

/** Makes the entries, of which a directory comes before what is in it; paths are one character a byte. */
export async function makeLiveTree(folder: string, entries: readonly LiveEntry[]): Promise<void> {
  using lane = new ExtractLane(folder, { owners: process.geteuid?.() === 0, overwrite: false });
  const made = entries.flatMap(stepsOf);
  const settled = entries
    .filter(({ kind }) => kind === 'directory')
    .toReversed()
    .map((entry): ExtractStep => ({
      step: 'settle',
      path: raw(entry.path),
      attributes: attributesOf(entry),
    }));
  await lane.make([...made, ...settled]);
}

function stepsOf(entry: LiveEntry): ExtractStep[] {
  const path = raw(entry.path);
  const attributes = attributesOf(entry);
  switch (entry.kind) {
    case 'directory':
      return entry.path === '' ? [] : [{ step: 'directory', path }];
    case 'file': {
      const bytes = Buffer.from(entry.bytes ?? '');
      const content: ExtractStep[] = bytes.length === 0 ? [] : [{ step: 'bytes', bytes }];
      return [{ step: 'file', path, size: bytes.length }, ...content, { step: 'complete', attributes }];
    }
    case 'symlink':
      return [{ step: 'symlink', path, target: raw(entry.target), attributes }];
    case 'link':
      return [{ step: 'link', path, target: raw(entry.target) }];
    case 'char':
    case 'block':
      return [{ step: entry.kind, path, major: entry.major, minor: entry.minor, attributes }];
    case 'fifo':
    case 'socket':
      return [{ step: entry.kind, path, attributes }];
  }
}

function attributesOf(entry: LiveEntry): NonNullable<ExtractStep['attributes']> {
  const { kind, mode = kind === 'directory' ? 0o755 : 0o644, uid = 0, gid = 0, xattrs = {} } = entry;
  return {
    mode,
    uid,
    gid,
    mtime: entry.mtime ?? 1_700_000_000,
    mtimeNsec: entry.mtimeNsec ?? 0,
    xattrs: Object.entries(xattrs).map(([name, value]) => ({ name: raw(name), value: Buffer.from(value) })),
  };
}

function raw(text: string): Buffer {
  return Buffer.from(text, 'latin1');
}

/** A file of `size` bytes with `bytes` at `offset` and holes around them. */
export async function makeSparse(
  path: string,
  size: number,
  offset: number,
  bytes: Uint8Array,
): Promise<void> {
  await using file = await open(path, 'w');
  await file.truncate(size);
  await file.write(bytes, 0, bytes.length, offset);
}

/** The value of `system.posix_acl_access` that gives user 7 reading beside the bits of 0640 (acl(5)). */
const ACCESS_LIST = Buffer.from(
  [
    '02000000',
    '01000600ffffffff',
    '0200040007000000',
    '04000400ffffffff',
    '10000400ffffffff',
    '20000000ffffffff',
  ].join(''),
  'hex',
);

/** Every kind of entry, and every attribute. */
export function everyKind(): readonly LiveEntry[] {
  return [
    { kind: 'directory', path: '', mode: 0o751, mtime: 0 },
    { kind: 'directory', path: 'bin', mode: 0o1777, uid: 3, gid: 4, mtimeNsec: 5 },
    {
      kind: 'file',
      path: 'bin/tool',
      bytes: Buffer.alloc(3_000_000, 'tool'),
      mode: 0o4755,
      uid: 1000,
      gid: 8,
    },
    { kind: 'file', path: 'bin/capable', bytes: 'c', xattrs: { 'user.note': 'worth' } },
    { kind: 'file', path: 'bin/trusted', xattrs: { 'trusted.note': Buffer.from([0, 255, 10]) } },
    {
      kind: 'file',
      path: 'bin/listed',
      bytes: 'l',
      mode: 0o640,
      xattrs: { 'system.posix_acl_access': ACCESS_LIST },
    },
    { kind: 'file', path: 'empty', mode: 0, mtime: -5, mtimeNsec: 999_999_999 },
    { kind: 'file', path: 'same', bytes: 'c' },
    { kind: 'directory', path: 'deep' },
    { kind: 'directory', path: 'deep/er' },
    { kind: 'file', path: 'deep/er/\xc3\xa9\xff name\n', bytes: 'odd name' },
    { kind: 'file', path: `deep/${'x'.repeat(255)}`, bytes: 'long name' },
    { kind: 'link', path: 'deep/er/hard', target: 'bin/tool' },
    { kind: 'symlink', path: 'link', target: '/nowhere/../\xff' },
    { kind: 'symlink', path: 'long', target: 't'.repeat(4000) },
    { kind: 'char', path: 'null', major: 1, minor: 3, mode: 0o666 },
    { kind: 'block', path: 'disk', major: 259, minor: 70_000, mode: 0o660, gid: 6 },
    { kind: 'fifo', path: 'pipe', mode: 0o600 },
    ...Array.from({ length: 300 }, (_, i): LiveEntry => ({
      kind: 'file',
      path: `deep/file-${i}`,
      bytes: `${i % 7}`,
    })),
  ];
}
