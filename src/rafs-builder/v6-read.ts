/**
 * Reads a v6 bootstrap and trusts nothing: bounds before access, counts before allocation, loops and depth limited. What
 * it accepts can be walked, merged and written again; rules beyond that are in `audit.ts`.
 *
 * All directories, targets, xattrs and chunk lists together may not be longer than the file. Valid images never are
 * (nothing overlaps), and without that rule a few kilobytes could describe millions of names.
 */
import { FormatError, InternalError } from '../errors.js';
import { displayName, type RawName, type RawPath } from '../oci/raw-name.js';
import { roundUp } from './layout.js';
import {
  type Blob,
  type Bootstrap,
  chunkRef,
  type ChunkRecord,
  type ChunkRef,
  type ChunkTable,
  type Inode,
  type TreeNode,
} from './tree.js';
import * as v6 from './v6.js';
import { type LocatedRow, readDirectoryBlock } from './v6-directory.js';
import { readTables, type V6Tables } from './v6-tables.js';
import { type LocatedXattr, readXattrs, xattrAreaSizeOf } from './v6-xattrs.js';

/** One inode as stored, beside what it means. */
export interface StoredInode {
  readonly nid: number;
  /** Bytes from the start of the file. */
  readonly offset: number;
  readonly compact: boolean;
  readonly fields: v6.InodeExtended;
  /** In the order of the file. */
  readonly xattrs: readonly LocatedXattr[];
  /** Where xattrs end: inline data starts here, chunk entries at the next multiple of 8. */
  readonly bodyOffset: number;
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

export interface V6Image {
  readonly bytes: Buffer;
  readonly tables: V6Tables;
  readonly bootstrap: Bootstrap & {
    readonly blobs: readonly (Blob & { readonly chunks: SparseChunkTable })[];
  };
  /** By nid, in walk order of their first names. */
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
  const chunkSize = tables.extended.chunkSize;
  return {
    bytes: buffer,
    tables,
    inodes: reader.inodes,
    stored: (inode) => {
      const found = stored.get(inode);
      if (found === undefined) throw new InternalError('this inode belongs to another image');
      return found;
    },
    chunkInfo: (ref) => tables.chunkInfo(tables.findChunk(Math.floor(ref / 2 ** 24), ref % 2 ** 24)),
    bootstrap: {
      root,
      blobs: tables.blobs.map((record, blob) => ({
        record,
        chunks: sparseTable(tables, blob, record.chunkCount),
      })),
      chunkSize,
      compressor: tables.compressor,
      digester: tables.digester,
      forceXattrFlag: v6.superFlags.has(tables.extended.flags, 'HAS_XATTR'),
    },
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
        digest: Buffer.from(info.digest),
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

/** A directory that has been opened, and where it stands. */
interface OpenDirectory {
  readonly stored: StoredInode;
  readonly children: Map<RawName, TreeNode>;
  readonly path: RawPath;
  readonly depth: number;
}

const KIND_OF_MODE = new Map<number, Inode['kind']>(
  Object.entries(v6.FILE_TYPES).map(([kind, type]) => [type.mode, kind as Inode['kind']]), // keys of FILE_TYPES are the kinds
);

class TreeReader {
  readonly inodes = new Map<number, StoredInode>();
  readonly #buffer: Buffer;
  readonly #tables: V6Tables;
  /** Bytes of bodies read so far; see the head of this file. */
  #claimed = 0;

  constructor(buffer: Buffer, tables: V6Tables) {
    this.#buffer = buffer;
    this.#tables = tables;
  }

  readTree(): TreeNode {
    const { rootNid } = this.#tables.superBlock;
    const stored = this.#readInode(rootNid, '' as RawPath); // the root's path is empty by definition
    if (stored.inode.kind !== 'directory') {
      throw v6.superBlock.fault(
        'rootNid',
        v6.SUPER_OFFSET,
        `inode ${rootNid} is a ${stored.inode.kind}, not a directory`,
      );
    }
    const children = new Map<RawName, TreeNode>();
    const root: TreeNode = { name: '' as RawName, inode: stored.inode, children }; // the root has no name
    const pending: OpenDirectory[] = [{ stored, children, path: '' as RawPath, depth: 0 }];
    for (let open = pending.pop(); open !== undefined; open = pending.pop()) {
      for (const row of open.stored.rows) this.#addChild(open, row, pending);
    }
    return root;
  }

  #addChild(open: OpenDirectory, row: LocatedRow, pending: OpenDirectory[]): void {
    if (row.name === '.' || row.name === '..') return;
    const name = row.name as RawName; // read as latin1, checked by readDirectoryBlock
    if (open.children.has(name)) {
      throw new FormatError(
        `Dirent at offset ${row.offset}: ${displayName(name)} occurs twice in its directory`,
        { offset: row.offset },
      );
    }
    const path = (open.path === '' ? name : `${open.path}/${name}`) as RawPath; // components joined by '/'
    const known = this.inodes.get(row.nid);
    if (known?.inode.kind === 'directory') {
      throw v6.dirent.fault(
        'nid',
        row.offset,
        `directory ${row.nid} stands in the tree twice (${displayName(path)})`,
      );
    }
    const stored = known ?? this.#readInode(row.nid, path);
    if (stored.inode.kind !== 'directory') {
      open.children.set(name, { name, inode: stored.inode });
      return;
    }
    if (open.depth + 1 > v6.MAX_DEPTH) {
      throw v6.dirent.fault('nid', row.offset, `directories are nested more than ${v6.MAX_DEPTH} deep`);
    }
    const children = new Map<RawName, TreeNode>();
    open.children.set(name, { name, inode: stored.inode, children });
    pending.push({ stored, children, path, depth: open.depth + 1 });
  }

  /** `path` is for errors. */
  #readInode(nid: number, path: RawPath): StoredInode {
    const offset = this.#tables.metaOffset + nid * v6.SLOT_SIZE;
    if (offset + v6.inodeCompact.size > this.#buffer.length) {
      throw new FormatError(
        `inode ${nid} of /${displayName(path)} would be at offset ${offset}, past the end of the file`,
        { offset },
      );
    }
    const compact = (this.#buffer.readUInt16LE(offset) & 1) === 0;
    const fields = compact ? this.#readCompact(offset) : v6.inodeExtended.read(this.#buffer, offset);
    const afterInode = offset + (compact ? v6.inodeCompact.size : v6.inodeExtended.size);
    const bodyOffset = afterInode + xattrAreaSizeOf(fields.xattrCount);
    if (bodyOffset > this.#buffer.length) {
      throw v6.inodeExtended.fault('xattrCount', offset, `${fields.xattrCount}: the xattrs leave the file`);
    }
    this.#claim(bodyOffset - offset, offset);
    const xattrs = readXattrs(this.#buffer, afterInode, bodyOffset);
    const kind = KIND_OF_MODE.get(fields.mode & v6.MODE_TYPE_MASK);
    if (kind === undefined)
      throw v6.inodeExtended.fault('mode', offset, `0o${fields.mode.toString(8)} is of no known type`);
    const draft = { nid, offset, compact, fields, xattrs, bodyOffset };
    const rows = kind === 'directory' ? this.#readRows(draft) : [];
    const stored = { ...draft, rows, inode: this.#toInode(kind, draft, path) };
    this.inodes.set(nid, stored);
    return stored;
  }

  /** The small form in the terms of the big one; it has no times. */
  #readCompact(offset: number): v6.InodeExtended {
    return { ...v6.inodeCompact.read(this.#buffer, offset), mtime: 0, mtimeNsec: 0 };
  }

  #toInode(kind: Inode['kind'], draft: Omit<StoredInode, 'rows' | 'inode'>, path: RawPath): Inode {
    const { fields } = draft;
    const common = {
      mode: fields.mode & ~v6.MODE_TYPE_MASK,
      uid: fields.uid,
      gid: fields.gid,
      mtime: fields.mtime,
      mtimeNsec: fields.mtimeNsec,
      xattrs: draft.xattrs
        .map(({ name, value }) => ({ name, value }))
        .sort((a, b) => (a.name < b.name ? -1 : 1)), // names are unique
      layer: 0,
    };
    switch (kind) {
      case 'file':
        return { ...common, kind, size: fields.size, chunks: this.#readChunks(draft, path) };
      case 'directory':
        return { ...common, kind, implied: false };
      case 'symlink':
        return { ...common, kind, target: this.#readTarget(draft) };
      case 'char':
      case 'block':
        return { ...common, kind, ...(draft.compact ? { major: 0, minor: 0 } : decodeDevice(fields.union)) };
      case 'fifo':
      case 'socket':
        return { ...common, kind };
    }
  }

  #readChunks(
    { fields, offset, bodyOffset }: Omit<StoredInode, 'rows' | 'inode'>,
    path: RawPath,
  ): ChunkRef[] {
    const { chunkSize } = this.#tables.extended;
    if (fields.format >> 1 !== v6.LAYOUT_CHUNKS) {
      throw v6.inodeExtended.fault(
        'format',
        offset,
        `a regular file with data layout ${fields.format >> 1}, not ${v6.LAYOUT_CHUNKS}`,
      );
    }
    const count = Math.ceil(fields.size / chunkSize);
    const start = roundUp(bodyOffset, 8);
    const size = count * v6.chunkIndexEntry.size;
    if (start + size > this.#buffer.length) {
      throw v6.inodeExtended.fault(
        'size',
        offset,
        `${fields.size} bytes are ${count} chunks, whose entries leave the file`,
      );
    }
    this.#claim(size, offset);
    const chunks: ChunkRef[] = [];
    for (let at = start; at < start + size; at += v6.chunkIndexEntry.size) {
      const entry = v6.chunkIndexEntry.read(this.#buffer, at);
      const blob = entry.device - 1;
      const index = entry.indexLow | (entry.indexHigh << 16);
      const positions = this.#tables.chunkPositions[blob];
      if (positions === undefined)
        throw v6.chunkIndexEntry.fault(
          'device',
          at,
          `${entry.device} of ${this.#tables.blobs.length} blobs (/${displayName(path)})`,
        );
      const position = positions.get(index);
      if (position === undefined) {
        throw v6.chunkIndexEntry.fault(
          'indexLow',
          at,
          `chunk ${index} of blob ${blob} is not in the chunk table (/${displayName(path)})`,
        );
      }
      if (this.#tables.chunkInfo(position).uncompressedOffset !== entry.block * v6.BLOCK_SIZE) {
        throw v6.chunkIndexEntry.fault(
          'block',
          at,
          `chunk ${index} of blob ${blob} is not at block ${entry.block} by the chunk table (/${displayName(path)})`,
        );
      }
      chunks.push(chunkRef(blob, index));
    }
    return chunks;
  }

  #readTarget(draft: Omit<StoredInode, 'rows' | 'inode'>): RawPath {
    const { size } = draft.fields;
    if (size === 0 || size > v6.BLOCK_SIZE) {
      throw v6.inodeExtended.fault('size', draft.offset, `a symlink's target of ${size} bytes`);
    }
    const parts = this.#extents(draft).map(({ offset, size: length }) =>
      this.#buffer.toString('latin1', offset, offset + length),
    );
    return parts.join('') as RawPath; // latin1 is one character a byte
  }

  #readRows(draft: Omit<StoredInode, 'rows' | 'inode'>): LocatedRow[] {
    const rows: LocatedRow[] = [];
    for (const { offset, size } of this.#extents(draft)) {
      for (const row of readDirectoryBlock(this.#buffer, offset, size)) rows.push(row);
    }
    return rows;
  }

  /** Where the bytes of a directory or symlink are, a block at a time. */
  #extents({
    fields,
    offset,
    bodyOffset,
  }: Omit<StoredInode, 'rows' | 'inode'>): { readonly offset: number; readonly size: number }[] {
    const layout = fields.format >> 1;
    if (layout !== v6.LAYOUT_PLAIN && layout !== v6.LAYOUT_INLINE) {
      throw v6.inodeExtended.fault('format', offset, `a directory or symlink with data layout ${layout}`);
    }
    const { size } = fields;
    const tail = layout === v6.LAYOUT_INLINE ? size % v6.BLOCK_SIZE : 0;
    const start = fields.union * v6.BLOCK_SIZE;
    if (
      (size > tail && start + size - tail > this.#buffer.length) ||
      bodyOffset + tail > this.#buffer.length
    ) {
      throw v6.inodeExtended.fault('size', offset, `${size} bytes at offset ${start} leave the file`);
    }
    this.#claim(size, offset);
    const extents: { offset: number; size: number }[] = [];
    for (let done = 0; done < size - tail; done += v6.BLOCK_SIZE) {
      extents.push({ offset: start + done, size: Math.min(v6.BLOCK_SIZE, size - tail - done) });
    }
    if (tail > 0) extents.push({ offset: bodyOffset, size: tail });
    return extents;
  }

  #claim(size: number, offset: number): void {
    this.#claimed += size;
    if (this.#claimed > this.#buffer.length) {
      throw new FormatError(
        `inode at offset ${offset}: with it the inodes claim more bytes than the file has`,
        { offset },
      );
    }
  }
}

/** The inverse of `encodeDevice`. */
function decodeDevice(rdev: number): { readonly major: number; readonly minor: number } {
  return { major: (rdev >>> 8) & 0xfff, minor: (rdev & 0xff) | ((rdev >>> 12) & 0xf_ff00) };
}
