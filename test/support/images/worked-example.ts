/**
 * The two layers by which the format's description explains itself: `hosts`, a hard link to it, `app` with a capability, a
 * symlink; then a whiteout and a new file. All numbers were confirmed with the real nydus-image.
 */
import { createHash } from 'node:crypto';
import type { Digest } from '../../../src/oci/digest.js';
import type { RawName, RawPath } from '../../../src/oci/raw-name.js';
import {
  type BlobRecord,
  type BootstrapInput,
  chunkRef,
  type ChunkRecord,
  type ChunkTable,
  type Inode,
  type TreeNode,
} from '../../../src/rafs-builder/model/tree.js';

const MTIME = 1_700_000_000;
const COMMON = { uid: 0, gid: 0, mtime: MTIME, mtimeNsec: 0, xattrs: [], layer: 0 };

/** Raw names and paths of ASCII text. */
export const raw = (text: string): RawName => text as RawName; // ASCII is one character a byte
export const rawPath = (text: string): RawPath => text as RawPath; // the same

export const HOSTS = Buffer.from('127.0.0.1 localhost\n');
export const APP = Buffer.concat(
  Array.from({ length: 157 }, (_, i) => createHash('sha256').update(String(i)).digest()),
).subarray(0, 5000);
export const NEW = Buffer.from('new file\n');

function chunk(
  digest: string,
  crc32: number,
  compressedOffset: number,
  size: number,
  uncompressedOffset: number,
): ChunkRecord {
  return {
    digest: Buffer.from(digest, 'hex'),
    crc32,
    compressed: false,
    compressedOffset,
    compressedSize: size,
    uncompressedOffset,
    uncompressedSize: size,
  };
}

export function tableOf(records: readonly ChunkRecord[]): ChunkTable {
  return {
    length: records.length,
    at: (index) => {
      const record = records[index];
      if (record === undefined) throw new Error(`no chunk ${index}`);
      return record;
    },
  };
}

export const CHUNKS_1 = tableOf([
  chunk('f16092148f84b2eef72591be103e155d66601471464dfeb35590c334f45e85f0', 0x7f99742f, 0, 20, 0),
  chunk('e9f1fed651e88164ca88f65841f0de53737ee8cf4604fb1b9298f848b71411b6', 0xadc44dc7, 20, 5000, 4096),
]);
export const CHUNKS_2 = tableOf([
  chunk('da1254268d771330f0de852c312bba5236a80b76ec01dfc680d0f56f71feab54', 0xea7e3c75, 0, 9, 0),
]);

export function directory(name: string, children: readonly TreeNode[], mode = 0o755): TreeNode {
  return {
    name: raw(name),
    inode: { ...COMMON, kind: 'directory', implied: false, mode },
    children: new Map(children.map((child) => [child.name, child])),
  };
}

function node(name: string, inode: Inode): TreeNode {
  return { name: raw(name), inode };
}

function file(
  size: number,
  chunks: readonly number[],
  fields: { mode: number; xattrs?: Inode['xattrs']; blob?: number },
): Inode {
  const { blob = 0, ...rest } = fields;
  return { ...COMMON, ...rest, kind: 'file', size, chunks: chunks.map((index) => chunkRef(blob, index)) };
}

const hosts = file(20, [0], { mode: 0o644 });
const app = file(5000, [1], {
  mode: 0o755,
  xattrs: [
    { name: raw('security.capability'), value: Buffer.from(`0100000200200000${'00'.repeat(12)}`, 'hex') },
  ],
});
const sh: Inode = { ...COMMON, kind: 'symlink', mode: 0o777, target: rawPath('app') };

const ROOT_1 = directory('', [
  directory('etc', [node('hosts2', hosts), node('hosts', hosts)]),
  directory('bin', [node('app', app), node('sh', sh)]),
]);
const ROOT_2 = directory('', [
  directory('etc', [node('.wh.hosts', file(0, [], { mode: 0o644 }))]),
  directory('bin', [node('new', file(9, [0], { mode: 0o644 }))]),
]);
const ROOT_MERGED = directory('', [
  directory('etc', [node('hosts2', hosts)]),
  directory('bin', [node('app', app), node('sh', sh), node('new', file(9, [0], { mode: 0o644, blob: 1 }))]),
]);

const SETTINGS = { chunkSize: 0x10_0000, compressor: 'zstd', digester: 'blake3' } as const;

export function layer1(record: BlobRecord): BootstrapInput {
  return { ...SETTINGS, root: ROOT_1, blobs: [{ record, chunks: CHUNKS_1 }] };
}
export function layer2(record: BlobRecord): BootstrapInput {
  return { ...SETTINGS, root: ROOT_2, blobs: [{ record, chunks: CHUNKS_2 }] };
}
export function merged(first: BlobRecord, second: BlobRecord): BootstrapInput {
  return {
    ...SETTINGS,
    root: ROOT_MERGED,
    blobs: [
      { record: first, chunks: CHUNKS_1 },
      { record: second, chunks: CHUNKS_2 },
    ],
    forceXattrFlag: true,
  };
}

export function digestWith(data: Uint8Array): (suffix: Uint8Array) => Digest {
  return (suffix) => `sha256:${createHash('sha256').update(data).update(suffix).digest('hex')}` as Digest; // by construction
}
