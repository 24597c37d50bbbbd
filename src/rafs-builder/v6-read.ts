/**
 * Reads a v6 bootstrap and trusts nothing: bounds before access, counts before allocation, loops and depth limited. What
 * it accepts can be walked, merged and written again; rules beyond that are in `audit.ts`.
 *
 * All directories, targets, xattrs and chunk lists together may not be longer than the file. Valid images never are
 * (nothing overlaps), and without that rule a few kilobytes could describe millions of names.
 */
import { FormatError, InternalError } from '../errors.js';
import { compareRaw, displayName, type RawName, type RawPath } from '../oci/raw-name.js';
import {
  type Blob,
  type Bootstrap,
  chunkBlob,
  chunkIndex,
  chunkRef,
  type ChunkRecord,
  type ChunkRef,
  type ChunkTable,
  type Inode,
  type TreeNode,
  type Xattr,
} from './tree.js';
import * as v6 from './v6.js';
import { type LocatedRow, readDirectoryBlock } from './v6-directory.js';
import {
  chunkEntries,
  dataBlocks,
  dataRuns,
  decodeDevice,
  layoutOf,
  type RawInode,
  readInode,
} from './v6-inode.js';
import { readTables, type V6Tables } from './v6-tables.js';
import { type LocatedXattr } from './v6-xattrs.js';

/** One inode as stored, beside what it means. */
export interface StoredInode extends RawInode {
  readonly inode: Inode;
  /** Of directories: as stored, `.` and `..` included. */
  readonly rows: readonly LocatedRow[];
}

/** A table with gaps: the chunk table of an image lists only chunks that its files use. */
export interface SparseChunkTable extends ChunkTable {
  has(index: number): boolean;
  /** Those that are there, in no particular order. */
  indexes(): Iterable<number>;
}

export interface SparseBootstrap extends Bootstrap {
  readonly blobs: readonly (Blob & { readonly chunks: SparseChunkTable })[];
}

/** The tree and its blobs, and how the file told them. */
export interface V6Image {
  readonly bytes: Buffer;
  readonly tables: V6Tables;
  readonly bootstrap: SparseBootstrap;
  /** By nid, in the order in which they were found. */
  readonly inodes: ReadonlyMap<number, StoredInode>;
  /** The stored form of an inode in the tree. */
  stored(inode: Inode): StoredInode;
  /** What the chunk table says of a chunk. */
  chunkInfo(ref: ChunkRef): v6.ChunkInfo;
}

/** Throws FormatError (with the offset) for bytes that make no sense, UnsupportedError for kinds of images not read here. */
export function readV6(bytes: Uint8Array): V6Image {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const tables = readTables(buffer);
  const reader = new TreeReader(buffer, tables);
  const root = reader.readTree();
  const stored = new Map<Inode, StoredInode>();
  for (const one of reader.inodes.values()) stored.set(one.inode, one);
  return {
    bytes: buffer,
    tables,
    bootstrap: {
      root,
      blobs: tables.blobs.map((record, blob) => ({
        record,
        chunks: sparseTable(tables, blob, record.chunkCount),
      })),
      chunkSize: tables.extended.chunkSize,
      compressor: tables.compressor,
      digester: tables.digester,
      forceXattrFlag: v6.superFlags.has(tables.extended.flags, 'HAS_XATTR'),
    },
    inodes: reader.inodes,
    stored: (inode) => {
      const found = stored.get(inode);
      if (found === undefined) throw new InternalError('this inode belongs to another image');
      return found;
    },
    chunkInfo: (ref) => tables.chunkInfo(tables.findChunk(chunkBlob(ref), chunkIndex(ref))),
  };
}

function sparseTable(tables: V6Tables, blob: number, length: number): SparseChunkTable {
  return {
    length,
    has: (index) => tables.chunkPositions[blob]?.has(index) === true,
    indexes: () => tables.chunkPositions[blob]?.keys() ?? [],
    at: (index): ChunkRecord => {
      const info = tables.chunkInfo(tables.findChunk(blob, index));
      return {
        digest: Buffer.from(info.digest.buffer, info.digest.byteOffset, info.digest.length),
        crc32: v6.chunkFlags.has(info.flags, 'HAS_CRC32') ? info.crc32 : undefined,
        compressed: v6.chunkFlags.has(info.flags, 'COMPRESSED'),
        compressedOffset: info.compressedOffset,
        compressedSize: info.compressedSize,
        uncompressedOffset: info.uncompressedOffset,
        uncompressedSize: info.uncompressedSize,
      };
    },
  };
}

/** A directory whose rows are still to be read. */
interface OpenDirectory {
  readonly stored: StoredInode;
  readonly children: Map<RawName, TreeNode>;
  readonly depth: number;
}

/** Most inodes have none. */
const NO_XATTRS: readonly Xattr[] = [];

function sortedXattrs(xattrs: readonly LocatedXattr[]): Xattr[] {
  return xattrs.map(({ name, value }) => ({ name, value })).sort((a, b) => compareRaw(a.name, b.name));
}

class TreeReader {
  readonly inodes = new Map<number, StoredInode>();
  readonly #buffer: Buffer;
  readonly #tables: V6Tables;
  /** Bytes of inodes and bodies read so far; see the head of this file. */
  #claimed = 0;

  constructor(buffer: Buffer, tables: V6Tables) {
    this.#buffer = buffer;
    this.#tables = tables;
  }

  readTree(): TreeNode {
    const { rootNid } = this.#tables.superBlock;
    const stored = this.#readStored(rootNid, '' as RawPath); // the root's path is empty by definition
    if (stored.kind !== 'directory') {
      throw v6.superBlock.fault(
        'rootNid',
        v6.SUPER_OFFSET,
        `inode ${rootNid} is a ${stored.kind}, not a directory`,
      );
    }
    const children = new Map<RawName, TreeNode>();
    const pending: OpenDirectory[] = [{ stored, children, depth: 0 }];
    for (let open = pending.pop(); open !== undefined; open = pending.pop()) {
      for (const row of open.stored.rows) {
        if (row.name !== '.' && row.name !== '..') this.#addChild(open, row, pending);
      }
    }
    return { name: '' as RawName, inode: stored.inode, children }; // the root has no name
  }

  #addChild(open: OpenDirectory, row: LocatedRow, pending: OpenDirectory[]): void {
    const { name } = row;
    const above = open.stored.path;
    const path = (above === '' ? name : `${above}/${name}`) as RawPath; // components joined by '/'
    if (open.children.has(name)) {
      throw new FormatError(`Dirent at offset ${row.offset}: ${displayName(path)} occurs twice`, {
        offset: row.offset,
      });
    }
    const known = this.inodes.get(row.nid);
    if (known?.kind === 'directory') {
      throw v6.dirent.fault(
        'nid',
        row.offset,
        `${displayName(path)} is a directory that stands elsewhere already`,
      );
    }
    const stored = known ?? this.#readStored(row.nid, path);
    if (stored.kind !== 'directory') {
      open.children.set(name, { name, inode: stored.inode });
      return;
    }
    if (open.depth === v6.MAX_DEPTH) {
      throw v6.dirent.fault('nid', row.offset, `directories are nested more than ${v6.MAX_DEPTH} deep`);
    }
    const children = new Map<RawName, TreeNode>();
    open.children.set(name, { name, inode: stored.inode, children });
    pending.push({ stored, children, depth: open.depth + 1 });
  }

  #readStored(nid: number, path: RawPath): StoredInode {
    const raw = readInode(this.#buffer, this.#tables.metaOffset, nid, path);
    this.#claim(raw.bodyOffset - raw.offset, raw.offset);
    const stored = {
      ...raw,
      rows: raw.kind === 'directory' ? this.#readRows(raw) : [],
      inode: this.#toInode(raw),
    };
    this.inodes.set(nid, stored);
    return stored;
  }

  #toInode(raw: RawInode): Inode {
    const { fields, kind } = raw;
    const common = {
      mode: fields.mode & ~v6.MODE_TYPE_MASK,
      uid: fields.uid,
      gid: fields.gid,
      mtime: fields.mtime,
      mtimeNsec: fields.mtimeNsec,
      xattrs: raw.xattrs.length === 0 ? NO_XATTRS : sortedXattrs(raw.xattrs),
      layer: 0,
    };
    switch (kind) {
      case 'file':
        return { ...common, kind, size: fields.size, chunks: this.#readChunks(raw) };
      case 'directory':
        return { ...common, kind, implied: false };
      case 'symlink':
        return { ...common, kind, target: this.#readTarget(raw) };
      case 'char':
      case 'block':
        return { ...common, kind, ...(raw.compact ? { major: 0, minor: 0 } : decodeDevice(fields.union)) };
      case 'fifo':
      case 'socket':
        return { ...common, kind };
    }
  }

  #readChunks(raw: RawInode): ChunkRef[] {
    const { fields, offset } = raw;
    if (layoutOf(raw) !== v6.LAYOUT_CHUNKS) {
      throw v6.inodeExtended.fault('format', offset, `a regular file with data layout ${layoutOf(raw)}`);
    }
    const entries = chunkEntries(raw, this.#tables.extended.chunkSize);
    if (entries.offset + entries.size > this.#buffer.length) {
      throw v6.inodeExtended.fault(
        'size',
        offset,
        `the chunk entries of ${fields.size} bytes leave the file`,
      );
    }
    this.#claim(entries.size, offset);
    const chunks: ChunkRef[] = [];
    for (let at = entries.offset; at < entries.offset + entries.size; at += v6.chunkIndexEntry.size) {
      chunks.push(this.#readChunk(at, raw.path));
    }
    return chunks;
  }

  #readChunk(offset: number, path: RawPath): ChunkRef {
    const entry = v6.chunkIndexEntry.read(this.#buffer, offset);
    const blob = entry.device - 1;
    const index = entry.indexLow | (entry.indexHigh << 16);
    const positions = this.#tables.chunkPositions[blob];
    // A function, since it is wanted in errors only.
    const chunk = (): string => `chunk ${index} of blob ${blob}, for ${displayName(path)},`;
    if (positions === undefined) {
      throw v6.chunkIndexEntry.fault(
        'device',
        offset,
        `${entry.device} of ${this.#tables.blobs.length} blobs`,
      );
    }
    const position = positions.get(index);
    if (position === undefined) {
      throw v6.chunkIndexEntry.fault('indexLow', offset, `${chunk()} is not in the chunk table`);
    }
    if (this.#tables.chunkInfo(position).uncompressedOffset !== entry.block * v6.BLOCK_SIZE) {
      throw v6.chunkIndexEntry.fault(
        'block',
        offset,
        `${chunk()} is not at block ${entry.block} by the chunk table`,
      );
    }
    return chunkRef(blob, index);
  }

  #readTarget(raw: RawInode): RawPath {
    const { size } = raw.fields;
    if (size === 0 || size > v6.BLOCK_SIZE) {
      throw v6.inodeExtended.fault('size', raw.offset, `a symlink's target of ${size} bytes`);
    }
    this.#claimData(raw);
    let target = '';
    for (const { offset, size: length } of dataBlocks(raw)) {
      target += this.#buffer.toString('latin1', offset, offset + length);
    }
    return target as RawPath; // latin1 is one character a byte
  }

  #readRows(raw: RawInode): LocatedRow[] {
    if (raw.fields.size === 0)
      throw v6.inodeExtended.fault('size', raw.offset, 'a directory without entries');
    this.#claimData(raw);
    const rows: LocatedRow[] = [];
    for (const { offset, size } of dataBlocks(raw)) {
      for (const row of readDirectoryBlock(this.#buffer, offset, size)) rows.push(row);
    }
    return rows;
  }

  #claimData(raw: RawInode): void {
    const layout = layoutOf(raw);
    if (layout !== v6.LAYOUT_PLAIN && layout !== v6.LAYOUT_INLINE) {
      throw v6.inodeExtended.fault('format', raw.offset, `a ${raw.kind} with data layout ${layout}`);
    }
    const { blocks, tail } = dataRuns(raw);
    if ([blocks, tail].some((run) => run.size > 0 && run.offset + run.size > this.#buffer.length)) {
      throw v6.inodeExtended.fault('size', raw.offset, `${raw.fields.size} bytes of data leave the file`);
    }
    this.#claim(raw.fields.size, raw.offset);
  }

  #claim(size: number, offset: number): void {
    this.#claimed += size;
    if (this.#claimed > this.#buffer.length) {
      throw new FormatError(`inode at offset ${offset}: the inodes claim more bytes than the file has`, {
        offset,
      });
    }
  }
}
