/** Small images by hand, each with something at the edge of what the format or its writers expect. Made anew at each call. */
import type { PackingOptions } from './image.js';
import {
  block,
  char,
  dir,
  endMarker,
  entry,
  fifo,
  file,
  layer,
  raw,
  symlink,
  tarBytes,
  whiteout,
} from './tar.js';

export interface EdgeImage {
  /** Lowest first. */
  readonly layers: readonly Uint8Array[];
  readonly options?: PackingOptions;
}

const of = (...layers: readonly Uint8Array[]): EdgeImage => ({ layers });

export const SPARSE_SIZE = 2 ** 32 + 1;
export const SPARSE_CHUNK = 16 * 1024 * 1024;

/** One byte of data at the end of a file of more than 4 GiB. */
export function sparseImage(): EdgeImage {
  const map = Buffer.alloc(512);
  map.write(`1\n${SPARSE_SIZE - 1}\n1\n`);
  const sparse = entry('0', 'GNUSparseFile.0/big', {
    data: Buffer.concat([map, Buffer.from('x')]),
    pax: [
      ['GNU.sparse.major', '1'],
      ['GNU.sparse.minor', '0'],
      ['GNU.sparse.name', 'big'],
      ['GNU.sparse.realsize', String(SPARSE_SIZE)],
    ],
  });
  return { layers: [layer(sparse)], options: { chunkSize: SPARSE_CHUNK } };
}

export const BINARY_VALUE = Buffer.from([0, 0xff, 0x0a, 0x3d, 0]);

/** Xattrs whose names and values are no text, and one that RAFS cannot store. */
export function xattrImage(): EdgeImage {
  return of(
    layer(
      file('f', 'x', {
        xattrs: [
          [Buffer.from('user.\xff\xfe', 'latin1'), BINARY_VALUE],
          ['user.größe', 'ü'],
          ['trusted.overlay.origin', BINARY_VALUE],
          ['security.selinux', 'label\0'],
          ['odd.prefix', 'x'],
        ],
      }),
    ),
  );
}

export const ACL = Buffer.from('0200000001000600ffffffff04000400ffffffff', 'hex');
export const CAPABILITY = Buffer.from('0100000200200000000000000000000000000000', 'hex');

export function accessImage(): EdgeImage {
  return of(
    layer(
      dir('d', { xattrs: { 'system.posix_acl_access': ACL, 'system.posix_acl_default': ACL } }),
      file('bin/ping', 'elf', { mode: 0o755, xattrs: { 'security.capability': CAPABILITY } }),
    ),
  );
}

/** In the order of their bytes; some sort before ".". */
export const NAMES_AROUND_DOTS: readonly string[] = ['!', '#', '+', ',', '-', '-b', '0', '~'];

export function dotsImage(): EdgeImage {
  return of(layer(dir('d'), ...NAMES_AROUND_DOTS.map((name) => file(`d/${name}`, name))));
}

/** Bytes of the targets of its symlinks `l4031`, …. */
export const TARGET_LENGTHS: readonly number[] = [4031, 4032, 4033, 4095];

/** Directories `d4095`, `d4096`, `d4097` and `d8192` whose entries take that many bytes, and symlinks. */
export function blockSizesImage(): EdgeImage {
  // "." and ".." take 27 bytes, 15 names of 255 bytes 267 each; one more name makes up the rest.
  const full = Array.from({ length: 15 }, (_, i) => String.fromCharCode(97 + i).repeat(255));
  const items = [4095, 4096, 4097, 8192].flatMap((size) => {
    const count = size > 4097 ? 2 : 1;
    const rest = size === 8192 ? 4096 - 15 * 267 - 12 : size - 27 - 15 * 267 - 12;
    const more =
      count === 2 ? [...full.map((name) => name.toUpperCase()), 'z'.repeat(rest)] : ['z'.repeat(rest)];
    return [dir(`d${size}`), ...[...full, ...more].map((name) => file(`d${size}/${name}`))];
  });
  return of(layer(...items, ...TARGET_LENGTHS.map((length) => symlink(`l${length}`, 't'.repeat(length)))));
}

export function devicesImage(): EdgeImage {
  return of(layer(fifo('p'), char('c', 4095, 0xfffff), block('b', 259, 300)));
}

/** One file with three xattrs, in the archive in this or the other order. */
export function threeXattrsImage(reversed: boolean): EdgeImage {
  const attributes: readonly (readonly [string, string])[] = [
    ['user.a', '1'],
    ['user.b', '2'],
    ['security.c', '3'],
  ];
  const xattrs = reversed ? attributes.toReversed() : attributes;
  return of(layer(file('f', 'x'.repeat(5000), { xattrs })));
}

export const CHUNK_SIZES: readonly number[] = [0x1000, 0x4_0000, 0x20_0000, 0x100_0000];

export function chunkSizeImage(chunkSize: number): EdgeImage {
  return { layers: [layer(file('f', Buffer.alloc(3 * 1024 * 1024 + 5, 7)))], options: { chunkSize } };
}

/** Archives of the same two files, by how they end. The first one is plain. */
export function archiveEnds(): Readonly<Record<string, EdgeImage>> {
  const [a, b] = [file('a', '1'), file('b', '2')];
  const junk = raw(Buffer.alloc(700, 0xa5));
  return {
    plain: of(layer(a, b)),
    'records of 10 KiB': of(Buffer.concat([tarBytes([a, b]), Buffer.alloc(20 * 512)])),
    'no end marker': of(tarBytes([a, b])),
    'an end marker in the middle': of(tarBytes([a, endMarker(), b, endMarker()])),
    'junk at the end': of(tarBytes([a, b, endMarker(), junk])),
  };
}

export function smallXattrImage(): EdgeImage {
  return of(layer(file('f', 'x'.repeat(5000), { xattrs: { 'user.a': '1' } })));
}

const SHARED = 'held by several layers\n'.repeat(300);

/** The second layer refers to the first, and the third to both and stores nothing. */
export function lowerBlobsImage(): EdgeImage {
  return {
    layers: [
      layer(file('low', SHARED), file('gone', 'g')),
      layer(file('own', 'o'), file('copy', SHARED)),
      layer(file('copy-of-own', 'o'), file('again', SHARED)),
    ],
    options: { dedup: 'image' },
  };
}

/** The third layer removes the only file that needs the blob of the second. */
export function unusedBlobImage(): EdgeImage {
  return {
    layers: [
      layer(file('a', SHARED)),
      layer(file('new', 'only here'), file('b', SHARED)),
      layer(whiteout('new'), file('c', SHARED)),
    ],
    options: { dedup: 'image' },
  };
}

export function copiesImage(): EdgeImage {
  return { layers: [layer(file('a', SHARED)), layer(file('b', SHARED))], options: { dedup: 'layer' } };
}

/** Three layers of sixty files each that share many of their chunks. */
export function threadsImage(threads: number): EdgeImage {
  const layers = [0, 1, 2].map((number) =>
    layer(
      ...Array.from({ length: 60 }, (_, i) =>
        file(`d${i % 7}/f${i}`, `${(i * (number + 1)) % 23} `.repeat(i * 40)),
      ),
    ),
  );
  return { layers, options: { dedup: 'image', threads, chunkSize: 4096 } };
}

/** All of them by name. */
export function edgeImages(): Readonly<Record<string, EdgeImage>> {
  return {
    'a sparse file of more than 4 GiB': sparseImage(),
    'binary xattrs': xattrImage(),
    'access lists and capabilities': accessImage(),
    'names around the dots': dotsImage(),
    'directories and symlinks around the size of a block': blockSizesImage(),
    'fifos and large device numbers': devicesImage(),
    'three xattrs': threeXattrsImage(false),
    'three xattrs, reversed': threeXattrsImage(true),
    ...Object.fromEntries(CHUNK_SIZES.map((size) => [`chunks of ${size} bytes`, chunkSizeImage(size)])),
    ...archiveEnds(),
    'one xattr': smallXattrImage(),
    'chunks of lower layers': lowerBlobsImage(),
    'a blob that nothing needs': unusedBlobImage(),
    'a copy in each layer': copiesImage(),
    ...Object.fromEntries(
      [1, 2, 8].map((threads) => [`shared chunks by ${threads} threads`, threadsImage(threads)]),
    ),
  };
}
