/**
 * Computes exactly how many bytes each directory takes. A file with several names counts once, and a chunk that several
 * files use counts once, in every directory that has at least one of them.
 *
 * One walk in depth-first order is enough. A file or chunk that is seen again is added at its place and subtracted at
 * the nearest common directory of this and the previous place, so that every directory counts it once after summing
 * upwards. A chunk is owned by the nearest common directory of all its places, because only removing that directory
 * frees its bytes.
 */
import type { RawName, RawPath } from '../../oci/raw-name.js';
import type { ChunkRef, Inode, TreeNode } from '../model/tree.js';
import { atOnce, isPause, type Steps } from '../../turns.js';
import { walkInSteps } from '../model/walk.js';

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
  return atOnce(usageSteps(root, sizes));
}

/** `usageByDirectory` in steps. */
export function* usageSteps(root: TreeNode, sizes: ChunkSizes | undefined): Steps<DirectoryUsage[]> {
  const sums = new Sums();
  const numbers = new Map<TreeNode, number>();
  for (const step of walkInSteps(root)) {
    if (step === undefined) {
      yield;
      continue;
    }
    const { node, parent } = step;
    const directory = parent === undefined ? -1 : (numbers.get(parent) ?? -1);
    if (node.children !== undefined) numbers.set(node, sums.addDirectory(node.name, directory));
    else if (node.inode.kind === 'file') yield* sums.addFile(directory, node.inode, sizes);
  }
  return yield* sums.finish();
}

interface Seen {
  last: number;
  common: number;
}

class Sum {
  readonly name: RawName;
  readonly parent: number;
  readonly depth: number;
  files = 0;
  bytes = 0;
  uniqueUncompressed = 0;
  uniqueStored = 0;
  ownUncompressed = 0;
  ownStored = 0;

  constructor(name: RawName, parent: number, depth: number) {
    this.name = name;
    this.parent = parent;
    this.depth = depth;
  }
}

/** Makes its members when they are read, since an image may have hundreds of thousands of directories. */
class Usage implements DirectoryUsage {
  readonly #sum: Sum;
  readonly #pathOf: (sum: Sum) => RawPath;

  constructor(sum: Sum, pathOf: (sum: Sum) => RawPath) {
    this.#sum = sum;
    this.#pathOf = pathOf;
  }

  /** Made anew each time, since the paths of deep trees can take a hundred times the room of their names. */
  get path(): RawPath {
    return this.#pathOf(this.#sum);
  }
  get depth(): number {
    return this.#sum.depth;
  }
  get files(): number {
    return this.#sum.files;
  }
  get bytes(): number {
    return this.#sum.bytes;
  }
  get unique(): ChunkBytes {
    return { uncompressed: this.#sum.uniqueUncompressed, stored: this.#sum.uniqueStored };
  }
  get own(): ChunkBytes {
    return { uncompressed: this.#sum.ownUncompressed, stored: this.#sum.ownStored };
  }
  get shared(): ChunkBytes {
    const { unique, own } = this;
    return { uncompressed: unique.uncompressed - own.uncompressed, stored: unique.stored - own.stored };
  }
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
  readonly #directories: Sum[] = [];
  readonly #inodes = new Map<Inode, number>();
  readonly #chunks = new Map<ChunkRef, Seen>();
  #sizes: ChunkSizes | undefined;
  #lastPath: { readonly directory: Sum; readonly path: RawPath } | undefined;

  addDirectory(name: RawName, parent: number): number {
    const depth = (this.#directories[parent]?.depth ?? -1) + 1;
    return this.#directories.push(new Sum(name, parent, depth)) - 1;
  }

  *addFile(
    directory: number,
    inode: Extract<Inode, { kind: 'file' }>,
    sizes: ChunkSizes | undefined,
  ): Steps<void> {
    this.#sizes = sizes;
    const before = this.#inodes.get(inode);
    this.#inodes.set(inode, directory);
    this.#addInode(directory, 1, inode.size);
    if (before !== undefined) this.#addInode(this.#common(before, directory), -1, -inode.size);
    if (sizes === undefined) return;
    for (const [count, ref] of inode.chunks.entries()) {
      this.#addChunk(directory, ref, sizes(ref));
      if (isPause(count + 1)) yield;
    }
  }

  *finish(): Steps<DirectoryUsage[]> {
    let count = 0;
    for (const [ref, { common }] of this.#chunks) {
      if (isPause(++count)) yield;
      const owner = this.#directories[common];
      const size = this.#sizes?.(ref);
      if (owner === undefined || size === undefined) continue;
      owner.ownUncompressed += size.uncompressedSize;
      owner.ownStored += size.compressedSize;
    }
    // Children have higher numbers than their parents.
    for (const directory of [...this.#directories].reverse()) {
      if (isPause(++count)) yield;
      const parent = this.#directories[directory.parent];
      if (parent !== undefined) for (const count of COUNTS) parent[count] += directory[count];
    }
    const pathOf = (sum: Sum): RawPath => this.#pathOf(sum);
    return this.#directories.map((sum) => new Usage(sum, pathOf));
  }

  /** Directories mostly come behind their parents, so that the parent's path is at hand. */
  #pathOf(directory: Sum): RawPath {
    const { parent, name } = directory;
    const before = this.#lastPath;
    const isNext = before !== undefined && parent > 0 && this.#directories[parent] === before.directory;
    const path = isNext ? (`${before.path}/${name}` as RawPath) : this.#wholePathOf(directory); // joins components with `/`
    this.#lastPath = { directory, path };
    return path;
  }

  #wholePathOf(directory: Sum): RawPath {
    const names: RawName[] = [];
    for (let at: Sum | undefined = directory; at !== undefined; at = this.#directories[at.parent])
      if (at.parent >= 0) names.push(at.name);
    return names.reverse().join('/') as RawPath; // joins components with `/`
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
