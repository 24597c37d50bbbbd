/**
 * Computes exactly how many bytes each directory takes. A file with several names counts once, and a chunk that several
 * files use counts once, in every directory that has at least one of them.
 *
 * One walk in depth-first order is enough. A file or chunk that is seen again is added at its place and subtracted at
 * the nearest common directory of this and the previous place, so that every directory counts it once after summing
 * upwards. A chunk is owned by the nearest common directory of all its places, because only removing that directory
 * frees its bytes.
 */
import type { RawPath } from '../../oci/raw-name.js';
import type { ChunkRef, Inode, TreeNode } from '../model/tree.js';
import { walk } from '../model/walk.js';

/** Bytes of chunks. */
export interface ChunkBytes {
  readonly uncompressed: number;
  /** Bytes of these chunks in their blobs. */
  readonly stored: number;
}

export interface DirectoryUsage {
  readonly path: RawPath;
  /** 0 for the root. */
  readonly depth: number;
  /** Regular files below; a file with several names here counts once. */
  readonly files: number;
  /** Bytes of those files. */
  readonly bytes: number;
  /** The distinct chunks of those files: the bytes to fetch for reading all of them. */
  readonly unique: ChunkBytes;
  /** The part of `unique` that no file elsewhere uses: the bytes that removing this directory frees. */
  readonly own: ChunkBytes;
  /** The part of `unique` that files elsewhere use, too. */
  readonly shared: ChunkBytes;
}

/** Returns the sizes of a chunk in bytes. */
export type ChunkSizes = (ref: ChunkRef) => {
  readonly uncompressedSize: number;
  readonly compressedSize: number;
};

/**
 * Returns every directory of the tree, parents before children. Without `sizes` (no chunks are known) the bytes of
 * chunks are 0.
 */
export function usageByDirectory(root: TreeNode, sizes: ChunkSizes | undefined): DirectoryUsage[] {
  const sums = new Sums();
  const numbers = new Map<TreeNode, number>();
  for (const { node, parent, path } of walk(root)) {
    const directory = parent === undefined ? -1 : (numbers.get(parent) ?? -1);
    if (node.children !== undefined) numbers.set(node, sums.addDirectory(path, directory));
    else if (node.inode.kind === 'file') sums.addFile(directory, node.inode, sizes);
  }
  return sums.finish();
}

interface Seen {
  last: number;
  common: number;
}

interface Directory {
  readonly path: RawPath;
  readonly parent: number;
  readonly depth: number;
  files: number;
  bytes: number;
  uniqueUncompressed: number;
  uniqueStored: number;
  ownUncompressed: number;
  ownStored: number;
}

const COUNTS = [
  'files',
  'bytes',
  'uniqueUncompressed',
  'uniqueStored',
  'ownUncompressed',
  'ownStored',
] as const;

class Sums {
  readonly #directories: Directory[] = [];
  readonly #inodes = new Map<Inode, number>();
  readonly #chunks = new Map<ChunkRef, Seen>();
  #sizes: ChunkSizes | undefined;

  addDirectory(path: RawPath, parent: number): number {
    const depth = (this.#directories[parent]?.depth ?? -1) + 1;
    const counts = {
      files: 0,
      bytes: 0,
      uniqueUncompressed: 0,
      uniqueStored: 0,
      ownUncompressed: 0,
      ownStored: 0,
    };
    return this.#directories.push({ path, parent, depth, ...counts }) - 1;
  }

  addFile(directory: number, inode: Extract<Inode, { kind: 'file' }>, sizes: ChunkSizes | undefined): void {
    this.#sizes = sizes;
    const before = this.#inodes.get(inode);
    this.#inodes.set(inode, directory);
    this.#addInode(directory, 1, inode.size);
    if (before !== undefined) this.#addInode(this.#common(before, directory), -1, -inode.size);
    if (sizes === undefined) return;
    for (const ref of inode.chunks) this.#addChunk(directory, ref, sizes(ref));
  }

  finish(): DirectoryUsage[] {
    for (const [ref, { common }] of this.#chunks) {
      const owner = this.#directories[common];
      const size = this.#sizes?.(ref);
      if (owner === undefined || size === undefined) continue;
      owner.ownUncompressed += size.uncompressedSize;
      owner.ownStored += size.compressedSize;
    }
    // Children have higher numbers than their parents.
    for (const directory of [...this.#directories].reverse()) {
      const parent = this.#directories[directory.parent];
      if (parent !== undefined) for (const count of COUNTS) parent[count] += directory[count];
    }
    return this.#directories.map((sum) => ({
      path: sum.path,
      depth: sum.depth,
      files: sum.files,
      bytes: sum.bytes,
      unique: { uncompressed: sum.uniqueUncompressed, stored: sum.uniqueStored },
      own: { uncompressed: sum.ownUncompressed, stored: sum.ownStored },
      shared: {
        uncompressed: sum.uniqueUncompressed - sum.ownUncompressed,
        stored: sum.uniqueStored - sum.ownStored,
      },
    }));
  }

  #addInode(directory: number, files: number, bytes: number): void {
    const sum = this.#directories[directory];
    if (sum === undefined) return;
    sum.files += files;
    sum.bytes += bytes;
  }

  #addChunk(directory: number, ref: ChunkRef, size: ReturnType<ChunkSizes>): void {
    const seen = this.#chunks.get(ref);
    if (seen?.last === directory) return;
    const here = this.#directories[directory];
    if (here === undefined) return;
    here.uniqueUncompressed += size.uncompressedSize;
    here.uniqueStored += size.compressedSize;
    if (seen === undefined) {
      this.#chunks.set(ref, { last: directory, common: directory });
      return;
    }
    const above = this.#directories[this.#common(seen.last, directory)];
    if (above !== undefined) {
      above.uniqueUncompressed -= size.uncompressedSize;
      above.uniqueStored -= size.compressedSize;
    }
    seen.last = directory;
    seen.common = this.#common(seen.common, directory);
  }

  /** Returns the nearest directory above both. */
  #common(a: number, b: number): number {
    let [left, right] = [this.#directories[a], this.#directories[b]];
    while (a !== b && left !== undefined && right !== undefined) {
      if (left.depth >= right.depth) {
        a = left.parent;
        left = this.#directories[a];
      } else {
        b = right.parent;
        right = this.#directories[b];
      }
    }
    return a;
  }
}
