/**
 * Reads a v6 bootstrap and trusts nothing: bounds before access, counts before allocation, loops and depth limited. What
 * it accepts can be walked, merged and written again; rules beyond that are in `audit.ts`.
 *
 * All directories, targets, xattrs and chunk lists together may not be longer than the file. Valid images never are
 * (nothing overlaps), and without that rule a few kilobytes could describe millions of names.
 *
 * Reading fills columns (`v6-inodes.ts`) and makes no objects; the tree and the inodes of it are made when they are asked for.
 */
import { InternalError } from '../errors.js';
import type { RawName } from '../oci/raw-name.js';
import type { SparseBootstrap, SparseChunkTable } from './sparse.js';
import { type Bootstrap, chunkBlob, chunkIndex, type ChunkRef, type Inode, type TreeNode } from './tree.js';
import * as v6 from './v6.js';
import { DIRECTORY, type InodeColumns } from './v6-inodes.js';
import { readColumns } from './v6-columns.js';
import { type StoredInode, StoredInodes } from './v6-stored.js';
import { readTables, type V6Tables } from './v6-tables.js';

export { type StoredInode } from './v6-stored.js';

/** The tree and its blobs, and how the file told them. */
export interface V6Image {
  readonly version: 6;
  readonly bytes: Buffer;
  readonly tables: V6Tables;
  /** Its tree is made when it is first asked for. */
  readonly bootstrap: SparseBootstrap;
  /** Inodes and names without an object for each. */
  readonly columns: InodeColumns;
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
  const columns = readColumns(buffer, tables);
  const inodes = new StoredInodes(columns);
  return {
    version: 6,
    bytes: buffer,
    tables,
    bootstrap: new ReadBootstrap(tables, columns, inodes),
    columns,
    inodes,
    stored: (inode) => {
      const nid = inodes.nidOf(inode);
      const stored = nid === undefined ? undefined : inodes.get(nid);
      if (stored === undefined) throw new InternalError('this inode belongs to another image');
      return stored;
    },
    chunkInfo: (ref) => tables.chunkInfo(tables.findChunk(chunkBlob(ref), chunkIndex(ref))),
  };
}

class ReadBootstrap implements SparseBootstrap {
  readonly blobs: SparseBootstrap['blobs'];
  readonly chunkSize: number;
  readonly compressor: Bootstrap['compressor'];
  readonly digester: Bootstrap['digester'];
  readonly forceXattrFlag: boolean;
  readonly #columns: InodeColumns;
  readonly #inodes: StoredInodes;
  #root: TreeNode | undefined;

  constructor(tables: V6Tables, columns: InodeColumns, inodes: StoredInodes) {
    this.blobs = tables.blobs.map((record, blob) => ({
      record,
      chunks: sparseTable(tables, blob, record.chunkCount),
    }));
    this.chunkSize = tables.extended.chunkSize;
    this.compressor = tables.compressor;
    this.digester = tables.digester;
    this.forceXattrFlag = v6.superFlags.has(tables.extended.flags, 'HAS_XATTR');
    this.#columns = columns;
    this.#inodes = inodes;
  }

  get root(): TreeNode {
    this.#root ??= makeTree(this.#columns, this.#inodes);
    return this.#root;
  }
}

function sparseTable({ chunks }: V6Tables, blob: number, length: number): SparseChunkTable {
  const positionOf = (index: number): number => {
    const position = chunks.find(blob, index);
    if (position === undefined)
      throw new InternalError(`chunk ${index} of blob ${blob} is not in the chunk table`);
    return position;
  };
  return {
    length,
    has: (index) => chunks.find(blob, index) !== undefined,
    indexes: () => chunks.ofBlob(blob).indexes,
    agrees: (extents, digests) => chunks.agrees(blob, extents, digests),
    note: (to) => {
      chunks.note(blob, to);
    },
    at: (index) => chunks.record(positionOf(index)),
    numbers: (index) => chunks.recordNumbers(positionOf(index)),
    digests: { bytes: chunks.bytes, offset: (index) => chunks.digestPlace(positionOf(index)) },
    uncompressedOffset: (index) => chunks.uncompressedOffset(positionOf(index)),
  };
}

/** The whole tree as objects; names of one nid share one inode. */
function makeTree(columns: InodeColumns, inodes: StoredInodes): TreeNode {
  const root = columns.nidAt(0);
  const children = new Map<RawName, TreeNode>();
  const pending: { readonly nid: number; readonly children: Map<RawName, TreeNode> }[] = [
    { nid: root, children },
  ];
  for (let open = pending.pop(); open !== undefined; open = pending.pop()) {
    for (let row = columns.rowsFrom(open.nid); row < columns.rowsTo(open.nid); row++) {
      if (columns.dots(row) !== 0) continue;
      const name = columns.rowName(row);
      const nid = columns.rowNid(row);
      const inode = inodes.inodeOf(nid);
      if (columns.kindOf(nid) !== DIRECTORY) {
        open.children.set(name, { name, inode });
        continue;
      }
      const below = new Map<RawName, TreeNode>();
      open.children.set(name, { name, inode, children: below });
      pending.push({ nid, children: below });
    }
  }
  return { name: '' as RawName, inode: inodes.inodeOf(root), children }; // the root has no name
}
