/**
 * Reads a v6 bootstrap and trusts nothing: bounds before access, counts before allocation, loops and depth limited. What
 * it accepts can be walked, merged and written again; rules beyond that are in `audit.ts`.
 *
 * All directories, targets, xattrs and chunk lists together may not be longer than the file. Valid images never are
 * (nothing overlaps), and without that rule a few kilobytes could describe millions of names.
 *
 * Reading fills columns (`v6-inodes.ts`) and makes no objects; the tree and the inodes of it are made when they are asked for.
 */
import { InternalError } from '../../../errors.js';
import type { RawName } from '../../../oci/raw-name.js';
import type { SparseBootstrap, SparseChunkTable } from '../../model/sparse.js';
import {
  type Bootstrap,
  chunkBlob,
  chunkIndex,
  type ChunkRef,
  type Inode,
  type TreeNode,
} from '../../model/tree.js';
import * as v6 from '../../layout/v6.js';
import { DIRECTORY, type InodeColumns } from './inodes.js';
import { readColumns } from './columns.js';
import { type StoredInode, StoredInodes } from './stored.js';
import { readTables, type V6Tables } from './tables.js';

export { type StoredInode } from './stored.js';

/** The tree and its blobs, and how the file told them. */
export interface V6Image {
  readonly version: 6;
  readonly bytes: Buffer;
  readonly tables: V6Tables;
  /** Somebody has looked at the tree already: see `Vouch`. */
  readonly vouched: boolean;
  /** Its tree is made when it is first asked for. */
  readonly bootstrap: SparseBootstrap;
  /** Inodes and names without an object for each. Of an image that is vouched for, read when they are first asked for. */
  readonly columns: InodeColumns;
  /** By nid, in the order in which they were found. */
  readonly inodes: ReadonlyMap<number, StoredInode>;
  /** The stored form of an inode in the tree. */
  stored(inode: Inode): StoredInode;
  /** What the chunk table says of a chunk. */
  chunkInfo(ref: ChunkRef): v6.ChunkInfo;
}

/**
 * Whether the tree of a bootstrap, whose tables are these, can be read, and keeps all rules over inodes, directories, chunk
 * records and places: somebody who knows at less cost may say so, and it need not be gone through. False: in doubt.
 */
export type Vouch = (buffer: Buffer, tables: V6Tables) => boolean;

/** Throws FormatError (with the offset) for bytes that make no sense, UnsupportedError for kinds of images not read here. */
export function readV6(bytes: Uint8Array, vouch: Vouch = () => false): V6Image {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const tables = readTables(buffer);
  const image = new ReadImage(buffer, tables, vouch(buffer, tables));
  if (!image.vouched) image.readTree();
  return image;
}

interface ReadTree {
  readonly columns: InodeColumns;
  readonly inodes: StoredInodes;
}

class ReadImage implements V6Image {
  readonly version = 6;
  readonly bytes: Buffer;
  readonly tables: V6Tables;
  readonly vouched: boolean;
  readonly bootstrap: SparseBootstrap;
  #tree: ReadTree | undefined;

  constructor(bytes: Buffer, tables: V6Tables, vouched: boolean) {
    this.bytes = bytes;
    this.tables = tables;
    this.vouched = vouched;
    this.bootstrap = new ReadBootstrap(tables, () => this.readTree());
  }

  get columns(): InodeColumns {
    return this.readTree().columns;
  }

  get inodes(): StoredInodes {
    return this.readTree().inodes;
  }

  readTree(): ReadTree {
    if (this.#tree === undefined) {
      const columns = readColumns(this.bytes, this.tables);
      this.#tree = { columns, inodes: new StoredInodes(columns) };
    }
    return this.#tree;
  }

  stored(inode: Inode): StoredInode {
    const nid = this.inodes.nidOf(inode);
    const stored = nid === undefined ? undefined : this.inodes.get(nid);
    if (stored === undefined) throw new InternalError('this inode belongs to another image');
    return stored;
  }

  chunkInfo(ref: ChunkRef): v6.ChunkInfo {
    return this.tables.chunkInfo(this.tables.findChunk(chunkBlob(ref), chunkIndex(ref)));
  }
}

class ReadBootstrap implements SparseBootstrap {
  readonly blobs: SparseBootstrap['blobs'];
  readonly chunkSize: number;
  readonly compressor: Bootstrap['compressor'];
  readonly digester: Bootstrap['digester'];
  readonly forceXattrFlag: boolean;
  readonly #tree: () => ReadTree;
  #root: TreeNode | undefined;

  constructor(tables: V6Tables, tree: () => ReadTree) {
    this.blobs = tables.blobs.map((record, blob) => ({
      record,
      chunks: sparseTable(tables, blob, record.chunkCount),
    }));
    this.chunkSize = tables.extended.chunkSize;
    this.compressor = tables.compressor;
    this.digester = tables.digester;
    this.forceXattrFlag = v6.superFlags.has(tables.extended.flags, 'HAS_XATTR');
    this.#tree = tree;
  }

  get root(): TreeNode {
    this.#root ??= makeTree(this.#tree());
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
function makeTree({ columns, inodes }: ReadTree): TreeNode {
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
