/** Bootstraps whose tables and inodes claim more than they hold, made from those of the reference. */
import { readBootstrap } from '../../../src/rafs-builder/index.js';
import * as v5 from '../../../src/rafs-builder/layout/v5.js';
import * as v6 from '../../../src/rafs-builder/layout/v6.js';
import { roundUp } from '../../../src/rafs-builder/layout/struct.js';
import { dir, endMarker, file, tarBytes } from '../images/tar.js';
import { referenceBootstrap } from '../references/reference-bootstraps.js';
import { gzipped, type PackedBytes } from './layers.js';

/** A layer with this bootstrap. */
export function bootstrapLayer(bytes: Uint8Array): PackedBytes {
  return gzipped(tarBytes([dir('image'), file('image/image.boot', bytes), endMarker()]));
}

/** A structure's fields, as the tables of the format give them. */
interface Fields {
  readonly fields: readonly { readonly name: string; readonly offset: number; readonly size: number }[];
}

/** Writes numbers into the fields of a structure that stands at `base`. */
function set(
  bytes: Buffer,
  struct: Fields,
  base: number,
  values: Readonly<Record<string, bigint | number>>,
): Buffer {
  for (const [name, value] of Object.entries(values)) {
    const field = struct.fields.find((one) => one.name === name);
    if (field === undefined) throw new Error(`there is no field ${name}`);
    const wide = Buffer.alloc(8);
    wide.writeBigUInt64LE(BigInt(value));
    wide.copy(bytes, base + field.offset, 0, field.size);
  }
  return bytes;
}

function sound6(): Buffer {
  return referenceBootstrap('basic', 'v6-zstd');
}

function sound5(): Buffer {
  return referenceBootstrap('chunks', 'v5-zstd');
}

/** The super block of v6 with other numbers. */
export function super6(values: Readonly<Record<string, bigint | number>>, size = 0): Uint8Array {
  const sound = sound6();
  const bytes = size > sound.length ? Buffer.concat([sound, Buffer.alloc(size - sound.length)]) : sound;
  const isExtended = (name: string): boolean =>
    v6.extendedSuperBlock.fields.some((field) => field.name === name);
  for (const [name, value] of Object.entries(values)) {
    if (isExtended(name)) set(bytes, v6.extendedSuperBlock, v6.EXTENDED_SUPER_OFFSET, { [name]: value });
    else set(bytes, v6.superBlock, v6.SUPER_OFFSET, { [name]: value });
  }
  return bytes;
}

/** The same for v5. */
export function super5(values: Readonly<Record<string, bigint | number>>, size = 0): Uint8Array {
  const sound = sound5();
  const bytes = size > sound.length ? Buffer.concat([sound, Buffer.alloc(size - sound.length)]) : sound;
  return set(bytes, v5.superBlock, 0, values);
}

/** The first inode of this kind, in v6, with other numbers. */
export function inode6(kind: string, values: Readonly<Record<string, bigint | number>>): Uint8Array {
  const bytes = sound6();
  const image = readBootstrap(bytes);
  if (image.version !== 6) throw new Error('not v6');
  const found = [...image.inodes.values()].find((one) => one.kind === kind);
  if (found === undefined) throw new Error(`no ${kind}`);
  return set(bytes, v6.inodeExtended, found.offset, values);
}

/** The first inode of v5 for which `fits` is true. */
export function inode5(
  fits: (mode: number, number: number) => boolean,
  values: Readonly<Record<string, bigint | number>>,
): Uint8Array {
  const bytes = sound5();
  const count = bytes.readUInt32LE(0x38);
  const table = Number(bytes.readBigUInt64LE(0x20));
  for (let i = 0; i < count; i++) {
    const at = bytes.readUInt32LE(table + i * 4) * v5.INODE_UNIT;
    if (fits(bytes.readUInt32LE(at + 0x3c) & 0o170000, i + 1)) return set(bytes, v5.inode, at, values);
  }
  throw new Error('no such inode');
}

/**
 * Folders of v6 in one another, `levels` deep, in which each lists the next one `width` times: width to the power of levels names,
 * for a reader that follows all of them.
 */
export function foldedFolders(levels: number, width: number): Uint8Array {
  const meta = 4096;
  const size = roundUp(meta * 2 + (levels + 1) * 4096, 4096);
  const bytes = Buffer.alloc(size);
  sound6().copy(bytes, 0, 0, meta);
  set(bytes, v6.superBlock, v6.SUPER_OFFSET, {
    metaBlock: 1,
    rootNid: 128,
    extraDevices: 0,
    inos: levels + 1,
  });
  set(bytes, v6.extendedSuperBlock, v6.EXTENDED_SUPER_OFFSET, {
    blobTableOffset: 0,
    blobTableSize: 0,
    chunkTableOffset: 0,
    chunkTableSize: 0,
    prefetchTableOffset: 0,
    prefetchTableSize: 0,
  });
  const nid = (level: number): number => 128 + level * 128; // a block each
  for (let level = 0; level <= levels; level++) {
    const names =
      level === levels ? ['.', '..'] : ['.', '..', ...Array.from({ length: width }, (_, i) => `d${i}`)];
    names.sort();
    const at = meta + nid(level) * 32;
    const rows = Buffer.alloc(names.length * 12 + names.join('').length);
    let text = names.length * 12;
    names.forEach((name, i) => {
      const to = name === '.' ? level : name === '..' ? Math.max(0, level - 1) : level + 1;
      set(rows, v6.dirent, i * 12, { nid: nid(to), nameOffset: text, fileType: 2 });
      text += rows.write(name, text, 'latin1');
    });
    set(bytes, v6.inodeExtended, at, {
      format: 1 | (2 << 1), // with its names behind it
      mode: 0o40755,
      size: rows.length,
      ino: level + 1,
      nlink: 2,
    });
    rows.copy(bytes, at + 64);
  }
  return bytes;
}
