/**
 * Which blobs a tree refers to, and in what order. In a tree a blob is known by the number of its source layer; in a
 * bootstrap it is known by its place in the blob table.
 */
import { InternalError } from '../../src/errors.js';
import {
  type Blob,
  type ChunkRef,
  type Inode,
  type TreeNode,
  chunkBlob,
} from '../../src/rafs-builder/model/tree.js';
import { sortedChildren } from '../../src/rafs-builder/model/walk.js';

export interface NumberedBlobs {
  /** The blob table. */
  readonly blobs: readonly Blob[];
  /** The number of each in the tree. */
  readonly order: readonly number[];
  /** Positions in `blobs` by number, for all that the tree refers to. */
  readonly positions: ReadonlyMap<number, number>;
}

type File = Inode & { readonly kind: 'file' };

/**
 * Numbers blobs by first reference in walk order and leaves out those that nothing refers to (Nydus builder/src/merge.rs).
 * `blobs` is indexed by the numbers in the tree's references; equal ids (one layer listed twice) become one blob.
 *
 * Throws InternalError when a file refers to a blob that is not there.
 */
export function numberBlobs(root: TreeNode, blobs: readonly (Blob | undefined)[]): NumberedBlobs {
  const present = blobs.filter((blob) => blob !== undefined).length;
  const positionOf = new Map<string, number>();
  const positions = new Map<number, number>();
  const order: number[] = [];
  visitFiles(root, ({ chunks }) => {
    for (const ref of chunks) {
      const number = chunkBlob(ref);
      if (positions.has(number)) continue;
      const { id } = blobAt(blobs, number).record;
      const known = positionOf.get(id);
      positions.set(number, known ?? order.length);
      if (known !== undefined) continue;
      positionOf.set(id, order.length);
      order.push(number);
    }
    return positions.size < present;
  });
  return { blobs: order.map((number) => blobAt(blobs, number)), order, positions };
}

/**
 * The file offsets that a layer's own chunk table holds where they cannot be derived from a file: one chunk at several
 * positions of the layer's files is stored with the last of them in walk order (rafs-format 2.12).
 */
export function storedOffsets(layerRoot: TreeNode, chunkSize: number): ReadonlyMap<ChunkRef, number> {
  // Most chunks are the first of their one file: only what stands elsewhere too can stand at several positions.
  const moved = chunksBehindTheFirst(layerRoot);
  const stored = new Map<ChunkRef, number>();
  if (moved.size === 0) return stored;
  const first = new Map<ChunkRef, number>();
  visitFiles(layerRoot, ({ chunks }) => {
    chunks.forEach((ref, position) => {
      if (!moved.has(ref)) return;
      const offset = position * chunkSize;
      const known = first.get(ref);
      if (known === undefined) first.set(ref, offset);
      else if (known !== offset || stored.has(ref)) stored.set(ref, offset);
    });
    return true;
  });
  return stored;
}

/** Chunks that some file has anywhere but at its start. */
function chunksBehindTheFirst(root: TreeNode): ReadonlySet<ChunkRef> {
  const found = new Set<ChunkRef>();
  const pending: TreeNode[] = [root];
  for (let directory = pending.pop(); directory !== undefined; directory = pending.pop()) {
    for (const child of directory.children?.values() ?? []) {
      if (child.children !== undefined) pending.push(child);
      if (child.inode.kind !== 'file') continue;
      child.inode.chunks.forEach((ref, position) => {
        if (position > 0) found.add(ref);
      });
    }
  }
  return found;
}

/** Calls `visit` for every name of a file with chunks, in walk order, until it returns false. */
function visitFiles(root: TreeNode, visit: (file: File) => boolean): void {
  const pending: TreeNode[] = [root];
  for (let directory = pending.pop(); directory !== undefined; directory = pending.pop()) {
    const children = sortedChildren(directory);
    for (const { inode } of children) {
      if (inode.kind === 'file' && inode.chunks.length > 0 && !visit(inode)) return;
    }
    // The first directory in order is the next to be popped.
    for (const child of children.reverse()) if (child.children !== undefined) pending.push(child);
  }
}

function blobAt(blobs: readonly (Blob | undefined)[], number: number): Blob {
  const blob = blobs[number];
  if (blob === undefined) throw new InternalError(`a file refers to blob ${number}, which does not exist`);
  return blob;
}
