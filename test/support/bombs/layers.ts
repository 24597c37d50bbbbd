/** Layers of a few kilobytes that describe a great deal. */
import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { compress } from '../../../src/native/codec.js';
import { dir, endMarker, entry, file, hardlink, symlink, tarBytes, type TarEntry } from '../images/tar.js';

export interface PackedBytes {
  readonly bytes: Uint8Array;
  readonly mediaType: string;
  /** The digest of the uncompressed tar. */
  readonly diffId: string;
}

function diffIdOf(parts: readonly Uint8Array[]): string {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return `sha256:${hash.digest('hex')}`;
}

const OCI_LAYER = 'application/vnd.oci.image.layer.v1.tar';

export function gzipped(...parts: readonly Uint8Array[]): PackedBytes {
  return {
    mediaType: `${OCI_LAYER}+gzip`,
    diffId: diffIdOf(parts),
    bytes: Buffer.concat(parts.map((part) => gzipSync(part))),
  };
}

/** Frames of at most 8 MiB, one after the other. */
export async function zstandard(...parts: readonly Uint8Array[]): Promise<PackedBytes> {
  const frames: Uint8Array[] = [];
  const known = new Map<Uint8Array, Uint8Array>(); // parts repeat
  for (const part of parts) {
    const frame = known.get(part) ?? (await compress(part, 3)) ?? part;
    known.set(part, frame);
    frames.push(frame);
  }
  return { mediaType: `${OCI_LAYER}+zstd`, diffId: diffIdOf(parts), bytes: Buffer.concat(frames) };
}

export function numbered<T>(count: number, make: (i: number) => T): T[] {
  return Array.from({ length: count }, (_, i) => make(i));
}

const END = tarBytes([endMarker()]);
const ZEROS = Buffer.alloc(4 << 20);

/** A global pax header, then entries. */
export function globalRecords(records: readonly (readonly [string, string])[], entries: number): Uint8Array {
  const data = Buffer.concat(records.map(([key, value]) => record(key, value)));
  return tarBytes([entry('g', 'g', { data }), ...numbered(entries, (i) => file(`f${i}`)), endMarker()]);
}

function record(key: string, value: string): Buffer {
  const rest = ` ${key}=${value}\n`;
  let length = rest.length + 1;
  while (length !== rest.length + String(length).length) length = rest.length + String(length).length;
  return Buffer.from(`${length}${rest}`);
}

export function xattr(name: string, size: number): readonly [string, string] {
  return [`SCHILY.xattr.${name}`, 'v'.repeat(size)];
}

/** Each entry has attributes of its own, all equal. */
export function localAttributes(entries: number, size: number): Uint8Array {
  return tarBytes([
    ...numbered(entries, (i) => file(`f${i}`, '', { xattrs: { 'user.x': 'v'.repeat(size) } })),
    endMarker(),
  ]);
}

/** Files that are one hole each (pax sparse 1.0 has an empty map; 0.1 has it in the records). */
export function holes(files: number, size: number): Uint8Array {
  return tarBytes([
    ...numbered(files, (i) =>
      file(`h${i}`, '', {
        pax: [
          ['GNU.sparse.major', '0'],
          ['GNU.sparse.minor', '1'],
          ['GNU.sparse.size', String(size)],
          ['GNU.sparse.numblocks', '0'],
          ['GNU.sparse.map', ''],
        ],
      }),
    ),
    endMarker(),
  ]);
}

/** A header that announces `megabytes` of zeros, and these in parts that compress alike. */
export function zeros(name: string, megabytes: number): readonly Uint8Array[] {
  const head = tarBytes([file(name, '', { size: megabytes * 2 ** 20 })]);
  return [head, ...numbered(megabytes / 4, () => ZEROS), END];
}

/** A small file behind a large one of which no two chunks are equal, and which compresses well all the same. */
export function behindLarge(megabytes: number): readonly Uint8Array[] {
  const parts = numbered(megabytes / 4, (i) => {
    const part = Buffer.alloc(4 << 20);
    for (let at = 0; at < part.length; at += 1 << 20) part.writeUInt32LE(i * 4 + (at >> 20) + 1, at);
    return part;
  });
  return [
    tarBytes([file('large', '', { size: megabytes << 20 })]),
    ...parts,
    tarBytes([file('small', 'hi'), endMarker()]),
  ];
}

/** Every entry implies `depth` folders that no other one shares. */
export function impliedFolders(entries: number, depth: number): Uint8Array {
  return tarBytes([...numbered(entries, (i) => file(`${i}/${'d/'.repeat(depth)}f`)), endMarker()]);
}

/** A chain of symlinks with long targets, and files whose paths lead through all of it. */
export function linkChain(files: number): Uint8Array {
  const links = numbered(39, (i) => symlink(`l${i}`, `${'./'.repeat(2000)}l${i + 1}`));
  const through = numbered(files, (i) => [file(`l0/f${i}`), file(`x${i}/f`)]).flat();
  return tarBytes([dir('l39'), ...links, ...through, endMarker()]);
}

export function linkLoop(files: number): Uint8Array {
  return tarBytes([
    symlink('a', 'b'),
    symlink('b', 'a'),
    ...numbered(files, (i) => file(`a/f${i}`)),
    endMarker(),
  ]);
}

export function hardlinks(count: number): Uint8Array {
  return tarBytes([file('f0', 'x'), ...numbered(count, (i) => hardlink(`f${i + 1}`, `f${i}`)), endMarker()]);
}

export function manyEntries(count: number, make: (i: number) => TarEntry): Uint8Array {
  return tarBytes([...numbered(count, make), endMarker()]);
}
