/** Layers whose headers, records and compressed members claim more than they hold. */
import { deflateRawSync, gzipSync } from 'node:zlib';
import { compress } from '../../../src/native/codec.js';
import { endMarker, entry, file, type Name, tarBytes, type TarEntry, type TarRaw } from '../images/tar.js';
import { gzipped, numbered, type PackedBytes } from './layers.js';

const OCI_LAYER = 'application/vnd.oci.image.layer.v1.tar';

/** Bytes that stand for a layer of this kind; the digest of what they unpack to is not looked at before that is read. */
function packed(compression: 'gzip' | 'zstd' | 'xz', bytes: Uint8Array): PackedBytes {
  const mediaType = compression === 'xz' ? OCI_LAYER : `${OCI_LAYER}+${compression}`;
  return { mediaType, diffId: `sha256:${'0'.repeat(64)}`, bytes };
}

const SMALL = tarBytes([file('small', 'hi'), endMarker()]);

/** A record of a pax header; `length` may lie. */
export function paxRecord(key: string, value: string): Buffer {
  const rest = ` ${key}=${value}\n`;
  let length = rest.length + 1;
  while (length !== rest.length + String(length).length) length = rest.length + String(length).length;
  return Buffer.from(`${length}${rest}`);
}

/** One entry behind a header of these records. */
export function withRecords(records: readonly Buffer[]): Uint8Array {
  return tarBytes([entry('x', 'x', { data: Buffer.concat(records) }), file('small', 'hi'), endMarker()]);
}

/** A header of this type that announces `megabytes` of data, which are zeros. */
export function longHeader(type: 'x' | 'g' | 'L' | 'K', megabytes: number): readonly Uint8Array[] {
  const zeros = Buffer.alloc(4 << 20);
  const format = type === 'L' || type === 'K' ? 'gnu' : 'ustar';
  const head = tarBytes([entry(type, 'x', { size: megabytes * 2 ** 20, format })]);
  return [head, ...numbered(megabytes / 4, () => zeros), SMALL];
}

/** Entries that each have records of their own. */
export function entriesWith(
  count: number,
  pax: (i: number) => readonly (readonly [Name, Name])[],
): Uint8Array {
  return tarBytes([...numbered(count, (i) => file(`f${i}`, '', { pax: pax(i) })), endMarker()]);
}

/** Runs of one byte with holes between them, in the four forms in which GNU tar writes such a map. */
export const SPARSE = {
  '0.0': (runs: number): Uint8Array =>
    sparse('\0'.repeat(runs), [
      ['GNU.sparse.size', String(runs * 8192)],
      ['GNU.sparse.numblocks', String(runs)],
      ...numbered(runs, (i): readonly [string, string][] => [
        ['GNU.sparse.offset', String(i * 8192)],
        ['GNU.sparse.numbytes', '1'],
      ]).flat(),
    ]),
  '0.1': (runs: number): Uint8Array =>
    sparse('\0'.repeat(runs), [
      ['GNU.sparse.size', String(runs * 8192)],
      ['GNU.sparse.numblocks', String(runs)],
      ['GNU.sparse.map', numbered(runs, (i) => `${i * 8192},1`).join(',')],
    ]),
  '1.0': (runs: number): Uint8Array => {
    const map = `${runs}\n${numbered(runs, (i) => `${i * 8192}\n1\n`).join('')}`;
    return sparse(map.padEnd(Math.ceil(map.length / 512) * 512, '\0') + '\0'.repeat(runs), [
      ['GNU.sparse.major', '1'],
      ['GNU.sparse.minor', '0'],
      ['GNU.sparse.name', 'holes'],
      ['GNU.sparse.realsize', String(runs * 8192)],
    ]);
  },
  old: (runs: number): Uint8Array => oldSparse(runs),
} as const;

function sparse(data: string, pax: readonly (readonly [string, string])[]): Uint8Array {
  return tarBytes([file('holes', data, { pax }), endMarker()]);
}

/** Four runs in the header, 21 in each block behind it. */
function oldSparse(runs: number): Uint8Array {
  const octal = (value: number): string => `${value.toString(8).padStart(11, '0')}\0`;
  const run = (i: number): string => (i < runs ? octal(i * 8192) + octal(1) : '\0'.repeat(24));
  const blocks: TarRaw[] = [];
  for (let at = 4; at < runs; at += 21) {
    const block = Buffer.alloc(512);
    block.write(numbered(21, (i) => run(at + i)).join(''), 'latin1');
    block[504] = at + 21 < runs ? 1 : 0;
    blocks.push({ raw: block });
  }
  const head: TarEntry = {
    ...entry('S', 'holes', { format: 'gnu', size: runs }),
    patch: (header) => {
      header.write(numbered(4, run).join(''), 386, 'latin1');
      header[482] = blocks.length > 0 ? 1 : 0;
      header.write(octal(runs * 8192), 483, 'latin1');
    },
  };
  return tarBytes([head, ...blocks, { raw: Buffer.alloc(Math.ceil(runs / 512) * 512) }, endMarker()]);
}

/** A gzip member whose header has a name without end. */
export function gzipName(bytes: number): PackedBytes {
  return packed(
    'gzip',
    Buffer.concat([Buffer.from([0x1f, 0x8b, 8, 8, 0, 0, 0, 0, 0, 3]), Buffer.alloc(bytes, 'n')]),
  );
}

/** A gzip member of stored blocks without content. */
export function emptyBlocks(count: number): PackedBytes {
  const block = Buffer.from([0, 0, 0, 0xff, 0xff]);
  const head = Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3]);
  const rest = gzipSync(SMALL).subarray(-8);
  return packed('gzip', Buffer.concat([head, ...numbered(count, () => block), deflateRawSync(SMALL), rest]));
}

/** What is in the gzip is a gzip, and so on. */
export function nestedGzip(levels: number): PackedBytes {
  let bytes: Uint8Array = Buffer.alloc(64 << 20);
  for (let i = 0; i < levels; i++) bytes = gzipSync(bytes);
  return packed('gzip', bytes);
}

/** A frame that asks for a window of 2 GiB. */
export function largeWindow(): PackedBytes {
  const frame = Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0x00, (31 - 10) << 3]);
  const block = Buffer.alloc(3 + SMALL.length);
  block.writeUIntLE((SMALL.length << 3) | 1, 0, 3);
  block.set(SMALL, 3);
  return packed('zstd', Buffer.concat([frame, block]));
}

/** Frames that readers pass over, then a small layer. */
export async function skippable(count: number): Promise<PackedBytes> {
  const frame = Buffer.from([0x50, 0x2a, 0x4d, 0x18, 0, 0, 0, 0]);
  const layer = (await compress(SMALL, 3)) ?? SMALL;
  return packed('zstd', Buffer.concat([...numbered(count, () => frame), layer]));
}

/** Blocks without content in one frame. */
export function emptyZstdBlocks(count: number): PackedBytes {
  const frame = Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x50]);
  return packed('zstd', Buffer.concat([frame, Buffer.alloc(count * 3), Buffer.from([1, 0, 0])]));
}

/** A block that says one byte 128 KiB times over, again and again: 4 bytes become 128 KiB. */
export function repeatedByte(blocks: number): PackedBytes {
  const frame = Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x50]);
  const size = 128 << 10;
  const block = Buffer.from([0, 0, 0, 0]);
  block.writeUIntLE((size << 3) | 2, 0, 3);
  return packed('zstd', Buffer.concat([frame, ...numbered(blocks, () => block), Buffer.from([1, 0, 0])]));
}

/** A stream that asks for a dictionary of 4 GiB. */
export function largeDictionary(): PackedBytes {
  const flags = Buffer.from([0x00, 0x01]);
  const block = Buffer.from([0x02, 0x00, 0x21, 0x01, 40, 0, 0, 0]);
  const chunk = Buffer.concat([
    Buffer.from([0x01, ((SMALL.length - 1) >> 8) & 0xff, (SMALL.length - 1) & 0xff]),
    SMALL,
  ]);
  return packed(
    'xz',
    Buffer.concat([
      Buffer.from([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00]),
      flags,
      crc32(flags),
      block,
      crc32(block),
      chunk,
    ]),
  );
}

function crc32(bytes: Uint8Array): Buffer {
  let crc = 0xffff_ffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let i = 0; i < 8; i++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb8_8320 : 0);
  }
  const out = Buffer.alloc(4);
  out.writeUInt32LE((crc ^ 0xffff_ffff) >>> 0);
  return out;
}

/** A layer of eStargz whose table of contents lists files that are not there. */
export function stargz(files: number): PackedBytes {
  const entries = numbered(files, (i) => ({
    name: `f${i}`,
    type: 'reg',
    size: 2 ** 40,
    offset: i,
    chunkSize: 4,
  }));
  const toc = Buffer.from(JSON.stringify({ version: 1, entries }));
  return gzipped(
    tarBytes([file('.prefetch.landmark', '\x0f'), file('small', 'hi')]),
    tarBytes([file('stargz.index.json', toc), endMarker()]),
  );
}
