/**
 * Reads a v5 bootstrap for looking and comparing, after the judge (native/judge) has accepted it. For any other bytes
 * this reader only guarantees that it ends, with an image or with FormatError.
 */
import { atOnce, isPause, type Steps } from '../../../turns.js';
import { FormatError, InternalError } from '../../../errors.js';
import { compareRaw, type RawName, type RawPath } from '../../../oci/raw-name.js';
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
import { chunkFlags, chunkInfo, type ChunkInfo, MODE_TYPE_MASK } from '../../layout/v6.js';
import { decodeDevice } from '../v6/inode.js';
import { reverseFrom } from '../../model/walk.js';

/** One name as stored, with its meaning. */
export interface StoredV5Inode extends RawV5Inode {
  readonly path: RawPath;
  /** All names with the same inode number share this object, made from the first of them. */
  readonly inode: Inode;
  /** The chunks of a file, from this name's own records. */
  readonly chunks: readonly ChunkRef[];
}

/** The tree and its blobs, and their stored form. */
export interface V5Image {
  readonly version: 5;
  readonly bytes: Buffer;
  readonly tables: V5Tables;
  readonly bootstrap: SparseBootstrap;
  /** Every name by its number in the inode table, in the order of the walk. */
  readonly inodes: ReadonlyMap<number, StoredV5Inode>;
  /** Nothing is left to be read, as the inodes of v5 have the chunks. */
  readTree(): Steps<void>;
  /** Returns the stored form of an inode of the tree: that of its first name. */
  stored(inode: Inode): StoredV5Inode;
  /** Returns the first record of a chunk. */
  chunkInfo(ref: ChunkRef): ChunkInfo;
}

/** Throws FormatError, with the offset, for bytes that no reader can follow. */
export function readV5(bytes: Uint8Array): V5Image {
  return atOnce(readV5Steps(bytes));
}

/** `readV5` in steps. */
export function* readV5Steps(bytes: Uint8Array): Steps<V5Image> {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const tables = readV5Tables(buffer);
  const reader = new TreeReader(buffer, tables);
  const root = yield* reader.readTree();
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
    *readTree() {
      // All of it has been read.
    },
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

/** `offsets` maps the index of a chunk to the offset of a record of it. */
function sparseTable(
  length: number,
  offsets: ReadonlyMap<number, number>,
  infoAt: (offset: number) => ChunkInfo,
): SparseChunkTable {
  return {
    length,
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
}

class TreeReader {
  readonly inodes = new Map<number, StoredV5Inode>();
  /** For each blob, maps the index of a chunk to the offset of its first record. */
  readonly firstRecords: readonly Map<number, number>[];
  readonly #buffer: Buffer;
  readonly #tables: V5Tables;
  readonly #byIno = new Map<number, StoredV5Inode>();
  /**
   * Bytes of records read so far. Records of a sound bootstrap do not overlap, so the file's size bounds this, and
   * reading ends.
   */
  #claimed = 0;

  constructor(buffer: Buffer, tables: V5Tables) {
    this.#buffer = buffer;
    this.#tables = tables;
    this.firstRecords = tables.blobs.map(() => new Map<number, number>());
  }

  *readTree(): Steps<TreeNode> {
    let count = 0;
    const stored = this.#readStored(v5.ROOT_INO, undefined);
    const children = new Map<RawName, TreeNode>();
    const pending: OpenDirectory[] = [{ stored, children }];
    for (let open = pending.pop(); open !== undefined; open = pending.pop()) {
      const { childIndex, childCount } = open.stored.fields;
      const below = pending.length;
      for (let k = 0; k < childCount; k++) {
        if (isPause(++count)) yield;
        const child = this.#readStored(childIndex + k, open.stored);
        const { name, inode } = child;
        if (child.kind === 'directory') {
          const grandchildren = new Map<RawName, TreeNode>();
          open.children.set(name, { name, inode, children: grandchildren });
          pending.push({ stored: child, children: grandchildren });
        } else {
          open.children.set(name, { name, inode });
        }
      }
      reverseFrom(pending, below);
    }
    return { name: '' as RawName, inode: stored.inode, children }; // a tree's root has no name
  }

  #readStored(number: number, parent: StoredV5Inode | undefined): StoredV5Inode {
    const raw = readV5Inode(this.#buffer, this.#place(number), number);
    this.#claimed += raw.end - raw.offset;
    if (this.inodes.has(number) || this.#claimed > this.#buffer.length)
      throw v5.inode.fault('ino', raw.offset, 'inodes stand in several directories, or overlap');
    const above = parent === undefined || parent.path === '' ? '' : `${parent.path}/`;
    const path = (parent === undefined ? '' : `${above}${raw.name}`) as RawPath; // joins components with '/'
    const chunks = this.#readChunks(raw);
    const linked = this.#byIno.get(raw.fields.ino);
    const stored: StoredV5Inode = {
      number,
      offset: raw.offset,
      kind: raw.kind,
      fields: raw.fields,
      name: raw.name,
      nameOffset: raw.nameOffset,
      target: raw.target,
      targetOffset: raw.targetOffset,
      xattrs: raw.xattrs,
      xattrsOffset: raw.xattrsOffset,
      xattrsSize: raw.xattrsSize,
      chunksOffset: raw.chunksOffset,
      chunkCount: raw.chunkCount,
      end: raw.end,
      path,
      inode: linked?.inode ?? toInode(raw, chunks),
      chunks,
    };
    this.inodes.set(number, stored);
    if (linked === undefined) this.#byIno.set(raw.fields.ino, stored);
    return stored;
  }

  #place(number: number): number {
    const at = this.#tables.superBlock.inodeTableOffset + (number - 1) * v5.inodeTableEntry.size;
    return v5.inodeTableEntry.read(this.#buffer, at).offset * v5.INODE_UNIT;
  }

  #readChunks({ chunksOffset, end }: RawV5Inode): ChunkRef[] {
    const chunks: ChunkRef[] = [];
    for (let offset = chunksOffset; offset < end; offset += chunkInfo.size) {
      const blob = this.#buffer.readUInt32LE(offset + chunkInfo.offset.blobIndex);
      const index = this.#buffer.readUInt32LE(offset + chunkInfo.offset.index);
      const first = this.firstRecords[blob];
      if (first?.has(index) === false) first.set(index, offset);
      chunks.push(chunkRef(blob, index));
    }
    return chunks;
  }
}

/** Each kind is written out, here and above, because spreading common fields costs more than the rest of reading. */
function toInode({ fields, kind, target, xattrs: located }: RawV5Inode, chunks: readonly ChunkRef[]): Inode {
  const { uid, gid, mtime, mtimeNsec, size } = fields;
  const mode = fields.mode & ~MODE_TYPE_MASK;
  const xattrs = located
    .map(({ name, value }) => ({ name, value }))
    .sort((a, b) => compareRaw(a.name, b.name));
  const layer = 0;
  switch (kind) {
    case 'file':
      return { kind, mode, uid, gid, mtime, mtimeNsec, xattrs, layer, size, chunks };
    case 'directory':
      return { kind, mode, uid, gid, mtime, mtimeNsec, xattrs, layer, implied: false };
    case 'symlink':
      return { kind, mode, uid, gid, mtime, mtimeNsec, xattrs, layer, target };
    case 'char':
    case 'block': {
      const { major, minor } = decodeDevice(fields.rdev);
      return { kind, mode, uid, gid, mtime, mtimeNsec, xattrs, layer, major, minor };
    }
    case 'fifo':
    case 'socket':
      return { kind, mode, uid, gid, mtime, mtimeNsec, xattrs, layer };
  }
}
