/**
 * Reads a v6 bootstrap for looking and comparing, after the judge (native/judge) has accepted it. For any other bytes
 * this reader only guarantees that it ends, with an image or with FormatError.
 *
 * The tables are read at once, and the tree on first use, because `check` mostly needs only the tables.
 */
import { FormatError, InternalError } from '../../../errors.js';
import { atOnce, type Steps } from '../../../turns.js';
import * as v6 from '../../layout/v6.js';
import type { SparseBootstrap, SparseChunkTable } from '../../model/sparse.js';
import {
  type Bootstrap,
  chunkBlob,
  chunkIndex,
  type ChunkRef,
  type Inode,
  type TreeNode,
} from '../../model/tree.js';
import type { ChunkInfos } from './chunks.js';
import type { StoredInode } from './inode.js';
import { readTables, type V6Tables } from './tables.js';
import { StoredTree } from './tree.js';

export { type StoredInode } from './inode.js';

/** The tree and its blobs, and their stored form. Members that need the tree may throw FormatError. */
export interface V6Image {
  readonly version: 6;
  readonly bytes: Buffer;
  readonly tables: V6Tables;
  readonly bootstrap: SparseBootstrap;
  /** Inodes by nid, in the order in which names led to them. */
  readonly inodes: ReadonlyMap<number, StoredInode>;
  /** Reads the tree in steps. Without it the tree is read at once, where it is used first. */
  readTree(): Steps<void>;
  /** Returns the stored form of an inode of the tree. */
  stored(inode: Inode): StoredInode;
  /** Returns a chunk's record in the chunk table. */
  chunkInfo(ref: ChunkRef): v6.ChunkInfo;
}

/** Throws FormatError, with the offset, for tables that no reader can follow. */
export function readV6(bytes: Uint8Array): V6Image {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  return new ReadImage(buffer, readTables(buffer));
}

class ReadImage implements V6Image {
  readonly version = 6;
  readonly bytes: Buffer;
  readonly tables: V6Tables;
  readonly bootstrap: ReadBootstrap;
  #tree: StoredTree | undefined;
  /** Made on first use, because only dumps and comparisons need it. */
  #stored: Map<Inode, StoredInode> | undefined;

  constructor(bytes: Buffer, tables: V6Tables) {
    this.bytes = bytes;
    this.tables = tables;
    this.bootstrap = new ReadBootstrap(tables, () => atOnce(this.#read().nodes()));
  }

  get inodes(): ReadonlyMap<number, StoredInode> {
    return this.#read().inodes;
  }

  stored(inode: Inode): StoredInode {
    this.#stored ??= new Map(Array.from(this.inodes.values(), (stored) => [stored.inode, stored]));
    const stored = this.#stored.get(inode);
    if (stored === undefined) throw new InternalError('this inode belongs to another image');
    return stored;
  }

  chunkInfo(ref: ChunkRef): v6.ChunkInfo {
    const { chunks } = this.tables;
    const [blob, index] = [chunkBlob(ref), chunkIndex(ref)];
    const position = chunks.find(blob, index);
    if (position === undefined)
      throw new FormatError(`chunk ${index} of blob ${blob} is not in the chunk table`);
    return chunks.at(position);
  }

  *readTree(): Steps<void> {
    this.#tree ??= yield* this.#readSteps();
    if (!this.bootstrap.hasRoot) this.bootstrap.root = yield* this.#tree.nodes();
  }

  #read(): StoredTree {
    this.#tree ??= atOnce(this.#readSteps());
    return this.#tree;
  }

  #readSteps(): Steps<StoredTree> {
    const { metaOffset, extended, superBlock } = this.tables;
    const source = { buffer: this.bytes, metaOffset, chunkSize: extended.chunkSize };
    return StoredTree.read(source, superBlock.rootNid);
  }
}

class ReadBootstrap implements SparseBootstrap {
  readonly blobs: SparseBootstrap['blobs'];
  readonly chunkSize: number;
  readonly compressor: Bootstrap['compressor'];
  readonly digester: Bootstrap['digester'];
  readonly forceXattrFlag: boolean;
  readonly #readRoot: () => TreeNode;
  #root: TreeNode | undefined;

  constructor(tables: V6Tables, readRoot: () => TreeNode) {
    this.blobs = tables.blobs.map((record, blob) => ({
      record,
      chunks: sparseTable(tables.chunks, blob, record.chunkCount),
    }));
    this.chunkSize = tables.extended.chunkSize;
    this.compressor = tables.compressor;
    this.digester = tables.digester;
    this.forceXattrFlag = v6.superFlags.has(tables.extended.flags, 'HAS_XATTR');
    this.#readRoot = readRoot;
  }

  get root(): TreeNode {
    this.#root ??= this.#readRoot();
    return this.#root;
  }

  set root(root: TreeNode) {
    this.#root = root;
  }

  get hasRoot(): boolean {
    return this.#root !== undefined;
  }
}

function sparseTable(chunks: ChunkInfos, blob: number, length: number): SparseChunkTable {
  const positionOf = (index: number): number => {
    const position = chunks.find(blob, index);
    if (position === undefined)
      throw new InternalError(`chunk ${index} of blob ${blob} is not in the chunk table`);
    return position;
  };
  return {
    length,
    indexes: () => chunks.ofBlob(blob).indexes,
    at: (index) => chunks.record(positionOf(index)),
    numbers: (index) => chunks.recordNumbers(positionOf(index)),
    digests: { bytes: chunks.bytes, offset: (index) => chunks.digestPlace(positionOf(index)) },
    uncompressedOffset: (index) => chunks.uncompressedOffset(positionOf(index)),
  };
}
