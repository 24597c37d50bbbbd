/**
 * Whether a bootstrap shows the very tree that a source unpacks to. It tells yes or no, without an object for anything in the
 * bootstrap; where the answer is no, `diffTrees` tells what differs.
 */
import type { RawName } from '../oci/raw-name.js';
import {
  chunkBlob,
  chunkIndex,
  type ChunkRef,
  type ChunkTable,
  hasDigest,
  type Inode,
  type TreeNode,
  uncompressedSize,
  type Xattr,
} from '../rafs-builder/tree.js';
import type { V6Image } from '../rafs-builder/v6-read.js';
import type { InodeColumns } from '../rafs-builder/v6-inodes.js';
import type { ComparableTree } from './tree-diff.js';

/** A source's tree. */
export interface LinkedTree extends ComparableTree {
  /** All inodes that may have more than one name. */
  readonly linked: ReadonlySet<Inode>;
}

/** True only when `diffTrees` would find nothing between them, contents included. */
export function isSameTree(expected: LinkedTree, image: V6Image): boolean {
  return new Comparison(expected, image).run();
}

interface Pair {
  readonly expected: TreeNode;
  readonly nid: number;
}

class Comparison {
  readonly #expected: LinkedTree;
  readonly #image: V6Image;
  readonly #columns: InodeColumns;
  /** The inodes of names that may be links of each other, either way. */
  readonly #nidOf = new Map<Inode, number>();
  readonly #inodeOf = new Map<number, Inode>();

  constructor(expected: LinkedTree, image: V6Image) {
    this.#expected = expected;
    this.#image = image;
    this.#columns = image.columns;
  }

  run(): boolean {
    const { root } = this.#expected;
    const rootNid = this.#columns.nidAt(0);
    if (!this.#isSameInode(root.inode, rootNid)) return false;
    const waiting: Pair[] = [{ expected: root, nid: rootNid }];
    for (let pair = waiting.pop(); pair !== undefined; pair = waiting.pop()) {
      if (!this.#areSameNames(pair, waiting)) return false;
    }
    return true;
  }

  /** Of a directory; those of directories in it wait for their turn. */
  #areSameNames({ expected, nid }: Pair, waiting: Pair[]): boolean {
    const columns = this.#columns;
    const names = sorted(expected.children);
    let k = 0;
    for (let row = columns.rowsFrom(nid); row < columns.rowsTo(nid); row++) {
      if (columns.dots(row) !== 0) continue;
      const name = names[k++];
      if (name === undefined || !columns.isRowName(row, name)) return false;
      const child = expected.children?.get(name);
      const below = columns.rowNid(row);
      if (child === undefined || !this.#isSameInode(child.inode, below)) return false;
      if (child.children !== undefined) waiting.push({ expected: child, nid: below });
      else if (!this.#areSameLinks(child.inode, below)) return false;
    }
    return k === names.length;
  }

  /** Two partitions of the same names are the same when inodes of either side stand for each other. */
  #areSameLinks(inode: Inode, nid: number): boolean {
    if (this.#columns.namesOf(nid) === 1 && !this.#expected.linked.has(inode)) return true;
    const known = this.#nidOf.get(inode);
    const other = this.#inodeOf.get(nid);
    this.#nidOf.set(inode, nid);
    this.#inodeOf.set(nid, inode);
    return (known === undefined || known === nid) && (other === undefined || other === inode);
  }

  #isSameInode(inode: Inode, nid: number): boolean {
    const columns = this.#columns;
    if (
      inode.kind !== columns.kindName(nid) ||
      inode.mode !== columns.mode(nid) ||
      inode.uid !== columns.uid(nid) ||
      inode.gid !== columns.gid(nid) ||
      inode.mtime !== columns.mtime(nid) ||
      inode.mtimeNsec !== columns.mtimeNsec(nid)
    ) {
      return false;
    }
    if ((columns.xattrSize(nid) > 0 || inode.xattrs.length > 0) && !this.#areSameXattrs(inode.xattrs, nid))
      return false;
    switch (inode.kind) {
      case 'file':
        return inode.size === columns.sizeOf(nid) && this.#areSameChunks(inode.chunks, nid);
      case 'symlink':
        return inode.target === columns.targetOf(nid);
      case 'char':
      case 'block': {
        const device = columns.deviceOf(nid);
        return inode.major === device.major && inode.minor === device.minor;
      }
      case 'directory':
      case 'fifo':
      case 'socket':
        return true;
    }
  }

  /** Few inodes have any. */
  #areSameXattrs(xattrs: readonly Xattr[], nid: number): boolean {
    const found = this.#image.inodes.get(nid)?.xattrs ?? [];
    if (xattrs.length !== found.length) return false;
    const wanted = new Map(xattrs.map(({ name, value }) => [name, value]));
    return found.every(({ name, value }) => {
      const want = wanted.get(name);
      return want !== undefined && Buffer.compare(want, value) === 0;
    });
  }

  #areSameChunks(refs: readonly ChunkRef[], nid: number): boolean {
    const columns = this.#columns;
    const { chunks } = this.#image.tables;
    if (refs.length !== columns.chunkCount(nid)) return false;
    for (let k = 0; k < refs.length; k++) {
      const ref = refs[k];
      const position = chunks.findEntry(columns.chunkEntry(nid, k));
      if (ref === undefined || position === undefined) return false;
      const table = this.#expected.tables[chunkBlob(ref)];
      const index = chunkIndex(ref);
      if (table === undefined || index >= table.length || !this.#isSameChunk(table, index, position))
        return false;
    }
    return true;
  }

  #isSameChunk(table: ChunkTable, index: number, position: number): boolean {
    const { chunks } = this.#image.tables;
    return (
      uncompressedSize(table, index) === chunks.uncompressedSize(position) &&
      hasDigest(table, index, chunks.digests, position)
    );
  }
}

/** By code unit, which is by byte. Most tars have them in order. */
function sorted(children: TreeNode['children']): readonly RawName[] {
  const names = Array.from(children?.keys() ?? []);
  for (let i = 1; i < names.length; i++) {
    if ((names[i - 1] ?? '') > (names[i] ?? '')) return names.sort();
  }
  return names;
}
