/**
 * Reads a v5 bootstrap and trusts nothing: bounds before access, each inode once, records together no longer than the
 * file. Rules beyond that are in `audit-v5.ts`.
 */
import { FormatError, InternalError } from '../../../errors.js';
import { compareRaw, displayName, type RawName, type RawPath } from '../../../oci/raw-name.js';
import type { SparseBootstrap, SparseChunkTable } from '../../model/sparse.js';
import {
  type ChunkRef,
  chunkBlob,
  chunkIndex,
  chunkRef,
  type Inode,
  type TreeNode,
} from '../../model/tree.js';
import * as v5 from '../../layout/v5.js';
import { type RawV5Inode, readV5Inode } from './inode.js';
import { readV5Tables, type V5Tables } from './tables.js';
import { chunkFlags, chunkInfo, type ChunkInfo, MAX_DEPTH, MODE_TYPE_MASK } from '../../layout/v6.js';
import { decodeDevice } from '../v6/inode.js';
import { reverseFrom } from '../../model/walk.js';

/** One name as stored, beside what it means. */
export interface StoredV5Inode extends RawV5Inode {
  readonly path: RawPath;
  /** Shared with the names that have the same inode number; it says what the first of them says. */
  readonly inode: Inode;
  /** Of files, by this name's own records. */
  readonly chunks: readonly ChunkRef[];
}

/** The tree and its blobs, and how the file told them. */
export interface V5Image {
  readonly version: 5;
  readonly bytes: Buffer;
  readonly tables: V5Tables;
  readonly bootstrap: SparseBootstrap;
  /** By number, every name, in the order in which they were found. */
  readonly inodes: ReadonlyMap<number, StoredV5Inode>;
  /** The stored form of an inode in the tree: that of its first name. */
  stored(inode: Inode): StoredV5Inode;
  /** The first record of a chunk. */
  chunkInfo(ref: ChunkRef): ChunkInfo;
}

/** Throws FormatError, with the offset, for bytes that make no sense; UnsupportedError for what very old builders wrote. */
export function readV5(bytes: Uint8Array): V5Image {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const tables = readV5Tables(buffer);
  const reader = new TreeReader(buffer, tables);
  const root = reader.readTree();
  const { inodes, firstRecords } = reader;
  const stored = new Map<Inode, StoredV5Inode>();
  for (const one of inodes.values()) if (!stored.has(one.inode)) stored.set(one.inode, one);
  const infoAt = (offset: number): ChunkInfo => chunkInfo.read(buffer, offset);
  return {
    version: 5,
    bytes: buffer,
    tables,
    bootstrap: {
      root,
      blobs: tables.blobs.map((record, blob) => ({
        record,
        chunks: sparseTable(record.chunkCount, firstRecords[blob] ?? new Map<number, number>(), infoAt),
      })),
      chunkSize: tables.superBlock.chunkSize,
      compressor: tables.compressor,
      digester: tables.digester,
    },
    inodes,
    stored: (inode) => {
      const found = stored.get(inode);
      if (found === undefined) throw new InternalError('this inode belongs to another image');
      return found;
    },
    chunkInfo: (ref) => {
      const offset = firstRecords[chunkBlob(ref)]?.get(chunkIndex(ref));
      if (offset === undefined)
        throw new FormatError(`chunk ${chunkIndex(ref)} of blob ${chunkBlob(ref)} is in no file`);
      return infoAt(offset);
    },
  };
}

/** `offsets`: where a record of each chunk is. */
function sparseTable(
  length: number,
  offsets: ReadonlyMap<number, number>,
  infoAt: (offset: number) => ChunkInfo,
): SparseChunkTable {
  return {
    length,
    has: (index) => offsets.has(index),
    indexes: () => offsets.keys(),
    at: (index) => {
      const offset = offsets.get(index);
      if (offset === undefined) throw new InternalError(`no file refers to chunk ${index}`);
      const info = infoAt(offset);
      return {
        digest: Buffer.from(info.digest.buffer, info.digest.byteOffset, info.digest.length),
        crc32: chunkFlags.has(info.flags, 'HAS_CRC32') ? info.crc32 : undefined,
        compressed: chunkFlags.has(info.flags, 'COMPRESSED'),
        compressedOffset: info.compressedOffset,
        compressedSize: info.compressedSize,
        uncompressedOffset: info.uncompressedOffset,
        uncompressedSize: info.uncompressedSize,
      };
    },
  };
}

interface OpenDirectory {
  readonly stored: StoredV5Inode;
  readonly children: Map<RawName, TreeNode>;
  readonly depth: number;
}

class TreeReader {
  readonly inodes = new Map<number, StoredV5Inode>();
  /** A map a blob: chunk index to where its first record is. */
  readonly firstRecords: readonly Map<number, number>[];
  readonly #buffer: Buffer;
  readonly #tables: V5Tables;
  readonly #byIno = new Map<number, StoredV5Inode>();
  /** Bytes of records read so far; sound ones do not overlap. */
  #claimed = 0;

  constructor(buffer: Buffer, tables: V5Tables) {
    this.#buffer = buffer;
    this.#tables = tables;
    this.firstRecords = tables.blobs.map(() => new Map<number, number>());
  }

  readTree(): TreeNode {
    const stored = this.#readStored(v5.ROOT_INO, undefined);
    if (stored.kind !== 'directory')
      throw v5.inode.fault('mode', stored.offset, `the root is a ${stored.kind}, not a directory`);
    const children = new Map<RawName, TreeNode>();
    const pending: OpenDirectory[] = [{ stored, children, depth: 0 }];
    for (let open = pending.pop(); open !== undefined; open = pending.pop()) {
      const { childIndex, childCount } = open.stored.fields;
      if (childCount > 0 && childIndex <= open.stored.number)
        throw v5.inode.fault('childIndex', open.stored.offset, `${childIndex}, which is not behind its own`);
      const below = pending.length;
      for (let k = 0; k < childCount; k++) this.#addChild(open, childIndex + k, pending);
      reverseFrom(pending, below);
    }
    return { name: '' as RawName, inode: stored.inode, children }; // a tree's root has no name
  }

  #addChild(open: OpenDirectory, number: number, pending: OpenDirectory[]): void {
    const stored = this.#readStored(number, open.stored);
    const { name } = stored;
    if (open.children.has(name))
      throw v5.inode.fault('nameSize', stored.offset, `${displayName(stored.path)} occurs twice`);
    if (stored.kind !== 'directory') {
      open.children.set(name, { name, inode: stored.inode });
      return;
    }
    if (open.depth === MAX_DEPTH)
      throw v5.inode.fault('childIndex', stored.offset, `directories are nested more than ${MAX_DEPTH} deep`);
    const children = new Map<RawName, TreeNode>();
    open.children.set(name, { name, inode: stored.inode, children });
    pending.push({ stored, children, depth: open.depth + 1 });
  }

  #readStored(number: number, parent: StoredV5Inode | undefined): StoredV5Inode {
    const { superBlock } = this.#tables;
    if (number > superBlock.inodeTableEntries)
      throw v5.inode.fault(
        'childCount',
        parent?.offset ?? 0,
        `its entries reach to number ${number} of ${superBlock.inodeTableEntries}`,
      );
    if (this.inodes.has(number))
      throw v5.inode.fault('childIndex', parent?.offset ?? 0, `inode ${number} is in two directories`);
    const raw = readV5Inode(this.#buffer, this.#tables.inodeOffset(number), number, superBlock.chunkSize);
    this.#claimed += raw.end - raw.offset;
    if (this.#claimed > this.#buffer.length)
      throw new FormatError(`inode at offset ${raw.offset}: the inodes claim more bytes than the file has`, {
        offset: raw.offset,
      });
    this.#checkNumbers(raw, parent);
    const above = parent === undefined || parent.path === '' ? '' : `${parent.path}/`;
    const path = (parent === undefined ? '' : `${above}${raw.name}`) as RawPath; // components joined by '/'
    const chunks = this.#readChunks(raw);
    const linked = this.#byIno.get(raw.fields.ino);
    if (linked !== undefined && (linked.kind !== raw.kind || raw.kind === 'directory'))
      throw v5.inode.fault('ino', raw.offset, `${raw.fields.ino}, which is a ${linked.kind} already`);
    const stored = { ...raw, path, chunks, inode: linked?.inode ?? toInode(raw, chunks) };
    this.inodes.set(number, stored);
    if (linked === undefined) this.#byIno.set(raw.fields.ino, stored);
    return stored;
  }

  #checkNumbers({ fields, offset }: RawV5Inode, parent: StoredV5Inode | undefined): void {
    const entries = this.#tables.superBlock.inodeTableEntries;
    if (fields.ino === 0 || fields.ino > entries)
      throw v5.inode.fault('ino', offset, `${fields.ino}, in an image with ${entries} names`);
    const expected = parent?.fields.ino ?? 0;
    if (fields.parent !== expected)
      throw v5.inode.fault('parent', offset, `${fields.parent}, and it is in the directory ${expected}`);
    if (fields.nlink === 0) throw v5.inode.fault('nlink', offset, 'it is 0');
  }

  #readChunks(raw: RawV5Inode): ChunkRef[] {
    const chunks: ChunkRef[] = [];
    for (let offset = raw.chunksOffset; offset < raw.end; offset += chunkInfo.size) {
      const { blobIndex, index } = chunkInfo.read(this.#buffer, offset);
      const record = this.#tables.blobs[blobIndex];
      if (record === undefined)
        throw chunkInfo.fault('blobIndex', offset, `${blobIndex} of ${this.#tables.blobs.length} blobs`);
      if (index >= record.chunkCount)
        throw chunkInfo.fault('index', offset, `${index}, but the blob has ${record.chunkCount} chunks`);
      const first = this.firstRecords[blobIndex];
      if (first?.has(index) === false) first.set(index, offset);
      chunks.push(chunkRef(blobIndex, index));
    }
    return chunks;
  }
}

function toInode(raw: RawV5Inode, chunks: readonly ChunkRef[]): Inode {
  const { fields, kind } = raw;
  const common = {
    mode: fields.mode & ~MODE_TYPE_MASK,
    uid: fields.uid,
    gid: fields.gid,
    mtime: fields.mtime,
    mtimeNsec: fields.mtimeNsec,
    xattrs: raw.xattrs.map(({ name, value }) => ({ name, value })).sort((a, b) => compareRaw(a.name, b.name)),
    layer: 0,
  };
  switch (kind) {
    case 'file':
      return { ...common, kind, size: fields.size, chunks };
    case 'directory':
      return { ...common, kind, implied: false };
    case 'symlink':
      return { ...common, kind, target: raw.target };
    case 'char':
    case 'block':
      return { ...common, kind, ...decodeDevice(fields.rdev) };
    case 'fifo':
    case 'socket':
      return { ...common, kind };
  }
}
