/** What a prefetch list means on the tree of an image: the files that it names, their chunks, and their bytes. */
import type { PrefetchPattern } from '../native/addon-types.js';
import { resolvePrefetch } from '../native/prefetch.js';
import { meaningOf, type PrefetchMeaning } from '../prefetch/meaning.js';
import type { RawPath } from '../oci/raw-name.js';
import { chunkBlob, type ChunkRef, type TreeNode } from '../rafs-builder/model/tree.js';
import { sortedChildrenSteps, walkInSteps } from '../rafs-builder/model/walk.js';
import { inTurns, isPause, type Steps } from '../turns.js';
import type { FileInode, Filesystem } from './filesystem.js';

/** Throws UnsupportedError for globs that take too long. */
export async function prefetchMeaning(
  filesystem: Filesystem,
  patterns: readonly PrefetchPattern[],
  signal?: AbortSignal,
): Promise<PrefetchMeaning> {
  return (await prefetchedFiles(filesystem, patterns, signal)).meaning;
}

/** A name of a file that a list means. */
export interface PrefetchedFile {
  readonly path: RawPath;
  readonly inode: FileInode;
}

export interface PrefetchedFiles {
  readonly meaning: PrefetchMeaning;
  /** Files with content, in the order of the list; of a directory in the order of the tree. Each inode once. */
  readonly files: readonly PrefetchedFile[];
}

/** Throws UnsupportedError for globs that take too long. */
export async function prefetchedFiles(
  filesystem: Filesystem,
  patterns: readonly PrefetchPattern[],
  signal?: AbortSignal,
): Promise<PrefetchedFiles> {
  const tree = await inTurns(listTree(filesystem.root), signal);
  const { nodes, parents, listing } = tree;
  const { rows, missing, covered, empty } = await resolvePrefetch(listing, patterns);
  const listed = new Uint8Array(nodes.length);
  for (const row of rows) listed[row] = 1;
  const counted = await inTurns(countListed(filesystem, nodes, parents, listed), signal);
  const meaning = meaningOf(patterns, { entries: rows.length, missing, covered, empty, ...counted });
  return { meaning, files: await inTurns(filesBelow(tree, rows), signal) };
}

/** The rows are in the order of the list; a directory stands for all files in it. */
function* filesBelow({ nodes, parents }: Listed, rows: readonly number[]): Steps<readonly PrefetchedFile[]> {
  const files: PrefetchedFile[] = [];
  const seen = new Set<FileInode>();
  for (const row of rows) {
    const top = nodes[row];
    if (top === undefined) continue;
    const above = pathTo(nodes, parents, row);
    for (const step of walkInSteps(top)) {
      if (step === undefined) {
        yield;
        continue;
      }
      const { inode } = step.node;
      if (inode.kind !== 'file' || inode.size === 0 || seen.has(inode)) continue;
      seen.add(inode);
      files.push({ path: [above, step.path].filter((part) => part !== '').join('/') as RawPath, inode }); // joins components with '/'
    }
  }
  return files;
}

/** The path of a row; empty for the root. */
function pathTo(nodes: readonly TreeNode[], parents: readonly number[], row: number): string {
  const names: string[] = [];
  for (let at = row; at !== 0; at = parents[at] ?? 0) names.push(nodes[at]?.name ?? '');
  return names.reverse().join('/');
}

interface Listed {
  readonly nodes: readonly TreeNode[];
  readonly parents: readonly number[];
  /** The tree as the addon reads it. */
  readonly listing: Buffer;
}

/** Bytes of a row before its name and target. */
const HEAD = 21;
const LETTERS: Readonly<Partial<Record<TreeNode['inode']['kind'], string>>> = {
  directory: 'd',
  file: 'f',
  symlink: 'l',
};

/** Directories come before what is in them; the names of a directory are neighbours, by bytes. */
function* listTree(root: TreeNode): Steps<Listed> {
  const nodes: TreeNode[] = [root];
  const parents: number[] = [0];
  const rows: Buffer[] = [];
  for (let row = 0; row < nodes.length; row++) {
    if (isPause(row)) yield;
    const node = nodes[row];
    if (node === undefined) continue;
    rows.push(packed(node, parents[row] ?? 0));
    if (node.children === undefined) continue;
    for (const child of yield* sortedChildrenSteps(node)) {
      nodes.push(child);
      parents.push(row);
    }
  }
  return { nodes, parents, listing: Buffer.concat(rows) };
}

function packed({ name, inode }: TreeNode, parent: number): Buffer {
  const target = inode.kind === 'symlink' ? inode.target : '';
  const bytes = Buffer.allocUnsafe(HEAD + name.length + target.length);
  bytes.writeUInt32LE(parent, 0);
  bytes.write(LETTERS[inode.kind] ?? 's', 4, 'latin1');
  bytes.writeBigUInt64LE(BigInt(inode.kind === 'file' ? inode.size : 0), 5);
  bytes.writeUInt32LE(name.length, 13);
  bytes.writeUInt32LE(target.length, 17);
  bytes.write(name, HEAD, 'latin1');
  bytes.write(target, HEAD + name.length, 'latin1');
  return bytes;
}

type Counted = Pick<PrefetchMeaning, 'files' | 'bytes' | 'chunks' | 'stored'>;

/** `listed` has 1 for the rows of the list, and receives 1 for all that lies below them. */
function* countListed(
  filesystem: Filesystem,
  nodes: readonly TreeNode[],
  parents: readonly number[],
  listed: Uint8Array,
): Steps<Counted> {
  const files = { listed: 0, all: 0 };
  const bytes = { listed: 0, all: 0 };
  const chunks = { listed: 0, all: 0 };
  const stored = { listed: 0, all: 0 };
  // 1 for what any file has, 2 for what a listed one has: names and chunks count once.
  const inodes = new Map<TreeNode['inode'], number>();
  const known = new Map<number, number>();
  const batches = new Map<string, number>();
  for (const [row, { inode }] of nodes.entries()) {
    if (isPause(row)) yield;
    if (listed[parents[row] ?? 0] === 1) listed[row] = 1;
    if (inode.kind !== 'file') continue;
    const mark = listed[row] === 1 ? 2 : 1;
    const before = inodes.get(inode) ?? 0;
    if (before >= mark) continue;
    inodes.set(inode, mark);
    add(files, 1, before, mark);
    add(bytes, inode.size, before, mark);
    if (filesystem.kind === 'oci') continue;
    let last: ChunkRef | undefined;
    for (const [i, ref] of inode.chunks.entries()) {
      if (isPause(i + 1)) yield;
      // A hole is one chunk over and over.
      if (ref === last) continue;
      last = ref;
      const seen = known.get(ref) ?? 0;
      if (seen >= mark) continue;
      known.set(ref, mark);
      add(chunks, 1, seen, mark);
      const { batch, compressedOffset, compressedSize } = filesystem.chunk(ref).record;
      if (batch === undefined) {
        add(stored, compressedSize, seen, mark);
        continue;
      }
      // A batch is fetched whole.
      const key = `${chunkBlob(ref)} ${compressedOffset}`;
      const fetched = batches.get(key) ?? 0;
      if (fetched >= mark) continue;
      batches.set(key, mark);
      add(stored, batch.stored, fetched, mark);
    }
  }
  return { files, bytes, chunks, stored };
}

function add(sum: { listed: number; all: number }, amount: number, before: number, mark: number): void {
  if (before === 0) sum.all += amount;
  if (mark === 2) sum.listed += amount;
}
