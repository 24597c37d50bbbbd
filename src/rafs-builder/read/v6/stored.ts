/** Inodes of a bootstrap as objects, made from the file when somebody asks for them. */
import { InternalError } from '../../../errors.js';
import { compareRaw, type RawPath } from '../../../oci/raw-name.js';
import type { ChunkRef, Inode, InodeKind, Xattr } from '../../model/tree.js';
import type * as v6 from '../../layout/v6.js';
import type { LocatedRow } from './directory.js';
import { type RawInode, readInode } from './inode.js';
import type { InodeColumns } from './inodes.js';
import type { LocatedXattr } from './xattrs.js';

/** One inode as stored, beside what it means. */
export interface StoredInode extends RawInode {
  readonly inode: Inode;
  /** Of directories: as stored, `.` and `..` included. */
  readonly rows: readonly LocatedRow[];
}

/**
 * By nid, in the order in which they were found. What `get` and iteration give is made anew each time, but for its `inode`:
 * that is one object a nid for as long as the image lives.
 */
export class StoredInodes implements ReadonlyMap<number, StoredInode> {
  readonly #columns: InodeColumns;
  readonly #inodes = new Map<number, Inode>();
  /** Only dumps ask for it. */
  #nids: Map<Inode, number> | undefined;

  constructor(columns: InodeColumns) {
    this.#columns = columns;
  }

  get size(): number {
    return this.#columns.count;
  }

  has(nid: number): boolean {
    return this.#columns.has(nid);
  }

  get(nid: number): StoredInode | undefined {
    return this.has(nid) ? new Stored(this.#columns, nid, this) : undefined;
  }

  *keys(): MapIterator<number> {
    for (let i = 0; i < this.size; i++) yield this.#columns.nidAt(i);
  }

  *values(): MapIterator<StoredInode> {
    for (const nid of this.keys()) yield new Stored(this.#columns, nid, this);
  }

  *entries(): MapIterator<[number, StoredInode]> {
    for (const nid of this.keys()) yield [nid, new Stored(this.#columns, nid, this)];
  }

  [Symbol.iterator](): MapIterator<[number, StoredInode]> {
    return this.entries();
  }

  forEach(visit: (value: StoredInode, key: number, map: ReadonlyMap<number, StoredInode>) => void): void {
    for (const [nid, stored] of this) visit(stored, nid, this);
  }

  /** The inode of the tree; `nid` must be one of these. */
  inodeOf(nid: number): Inode {
    let inode = this.#inodes.get(nid);
    if (inode === undefined) {
      inode = makeInode(this.#columns, nid);
      this.#inodes.set(nid, inode);
      this.#nids?.set(inode, nid);
    }
    return inode;
  }

  /** Undefined for an inode of another image. */
  nidOf(inode: Inode): number | undefined {
    this.#nids ??= new Map(Array.from(this.#inodes, ([at, one]) => [one, at]));
    return this.#nids.get(inode);
  }
}

class Stored implements StoredInode {
  readonly nid: number;
  readonly #columns: InodeColumns;
  readonly #image: StoredInodes;
  #raw: RawInode | undefined;

  constructor(columns: InodeColumns, nid: number, image: StoredInodes) {
    this.nid = nid;
    this.#columns = columns;
    this.#image = image;
  }

  get offset(): number {
    return this.#columns.offsetOf(this.nid);
  }
  get compact(): boolean {
    return this.#columns.isCompact(this.nid);
  }
  get kind(): InodeKind {
    return this.#columns.kindName(this.nid) ?? this.#read.kind;
  }
  get fields(): v6.InodeExtended {
    return this.#read.fields;
  }
  get xattrs(): readonly LocatedXattr[] {
    return this.#columns.xattrSize(this.nid) === 0 ? NO_LOCATED_XATTRS : this.#read.xattrs;
  }
  get bodyOffset(): number {
    return this.#columns.bodyOffset(this.nid);
  }
  get path(): RawPath {
    return this.#columns.pathOf(this.nid);
  }
  get inode(): Inode {
    return this.#image.inodeOf(this.nid);
  }
  get rows(): readonly LocatedRow[] {
    const columns = this.#columns;
    const from = columns.rowsFrom(this.nid);
    return Array.from({ length: columns.rowsTo(this.nid) - from }, (_, i) => ({
      name: columns.rowName(from + i),
      nid: columns.rowNid(from + i),
      fileType: columns.rowFileType(from + i),
      offset: columns.rowOffset(from + i),
      nameStart: columns.rowNameStart(from + i),
    }));
  }

  get #read(): RawInode {
    this.#raw ??= rawOf(this.#columns, this.nid);
    return this.#raw;
  }
}

const NO_LOCATED_XATTRS: readonly LocatedXattr[] = [];
const NO_XATTRS: readonly Xattr[] = [];
const NO_CHUNKS: readonly ChunkRef[] = [];

function rawOf(columns: InodeColumns, nid: number): RawInode {
  return readInode(columns.buffer, columns.metaOffset, nid, columns.pathOf(nid));
}

/** What an inode means, as a new object. */
function makeInode(columns: InodeColumns, nid: number): Inode {
  const kind = columns.kindName(nid);
  const mode = columns.mode(nid);
  const uid = columns.uid(nid);
  const gid = columns.gid(nid);
  const mtime = columns.mtime(nid);
  const mtimeNsec = columns.mtimeNsec(nid);
  const xattrs = columns.xattrSize(nid) === 0 ? NO_XATTRS : sortedXattrs(rawOf(columns, nid).xattrs);
  const layer = 0;
  // Written out for each kind: spreading what they share costs more than the rest.
  switch (kind) {
    case 'file': {
      const size = columns.sizeOf(nid);
      return { kind, mode, uid, gid, mtime, mtimeNsec, xattrs, layer, size, chunks: chunksOf(columns, nid) };
    }
    case 'directory':
      return { kind, mode, uid, gid, mtime, mtimeNsec, xattrs, layer, implied: false };
    case 'symlink':
      return { kind, mode, uid, gid, mtime, mtimeNsec, xattrs, layer, target: columns.targetOf(nid) };
    case 'char':
    case 'block': {
      const { major, minor } = columns.deviceOf(nid);
      return { kind, mode, uid, gid, mtime, mtimeNsec, xattrs, layer, major, minor };
    }
    case 'fifo':
    case 'socket':
      return { kind, mode, uid, gid, mtime, mtimeNsec, xattrs, layer };
    case undefined:
      throw new InternalError(`there is no inode ${nid}`);
  }
}

function sortedXattrs(xattrs: readonly LocatedXattr[]): Xattr[] {
  return xattrs.map(({ name, value }) => ({ name, value })).sort((a, b) => compareRaw(a.name, b.name));
}

function chunksOf(columns: InodeColumns, nid: number): readonly ChunkRef[] {
  const count = columns.chunkCount(nid);
  if (count === 0) return NO_CHUNKS;
  // Most files have one chunk; a list that grows by push would hold room for seventeen.
  const chunks = [columns.chunkAt(nid, 0)];
  for (let k = 1; k < count; k++) chunks.push(columns.chunkAt(nid, k));
  return chunks;
}
