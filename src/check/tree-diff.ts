/**
 * Compares two filesystems name by name: the tree of a source image and the tree of a bootstrap. It compares contents
 * by the digests of chunks, so both trees need the same chunk size and digest algorithm.
 */
import { compareRaw, displayName, type RawName, type RawPath } from '../oci/raw-name.js';
import {
  chunkBlob,
  chunkIndex,
  chunkNumbers,
  type ChunkRef,
  type ChunkTable,
  type Inode,
  sameDigest,
  type TreeNode,
  type Xattr,
} from '../rafs-builder/model/tree.js';
import { isPause, sortSteps, type Steps } from '../turns.js';
import type { FindingDetails } from './finding.js';
import type { FindingId } from './catalogue.js';

export interface ComparableTree {
  readonly root: TreeNode;
  /** Chunk tables by the blob number of a ChunkRef. */
  readonly tables: readonly (ChunkTable | undefined)[];
}

export interface TreeDifference extends FindingDetails {
  readonly id: FindingId;
  readonly path: RawPath;
}

export interface TreeDiffOptions {
  /** Bytes of a chunk, in both trees. */
  readonly chunkSize: number;
  /** False when the two trees use different digest algorithms; then contents are not compared. */
  readonly contents: boolean;
}

interface Pair {
  readonly path: RawPath;
  readonly expected: TreeNode;
  readonly found: TreeNode;
}

/**
 * Yields every difference, parents before children, in order of names. A missing or new directory is one difference,
 * without its contents.
 */
export function* diffTrees(
  expected: ComparableTree,
  found: ComparableTree,
  options: TreeDiffOptions,
): Generator<TreeDifference> {
  for (const difference of diffTreesInSteps(expected, found, options))
    if (difference !== undefined) yield difference;
}

/** `diffTrees`, with pauses (undefined) in between, at which a caller may let the event loop turn. */
export function* diffTreesInSteps(
  expected: ComparableTree,
  found: ComparableTree,
  options: TreeDiffOptions,
): Generator<TreeDifference | undefined, void> {
  let count = 0;
  const links = new LinkGroups();
  const waiting: Pair[] = [{ path: '' as RawPath, expected: expected.root, found: found.root }]; // the root's path is empty
  for (let pair = waiting.pop(); pair !== undefined; pair = waiting.pop()) {
    if (isPause(++count)) yield undefined;
    const { path } = pair;
    const left = pair.expected.inode;
    const right = pair.found.inode;
    if (left.kind !== right.kind) {
      yield { id: 'FS-TYPE', path, message: 'is of another type', expected: left.kind, found: right.kind };
      continue;
    }
    // Most files are equal, and a comparison costs less than starting a generator.
    if (!sameAttributes(left, right)) yield* diffAttributes(path, left, right);
    if (!sameBody(left, right, expected, found, options))
      yield* diffBody(path, left, right, expected, found, options);
    if (left.kind !== 'directory') {
      const difference = links.add(path, left, right);
      if (difference !== undefined) yield difference;
      continue;
    }
    const below: Pair[] = [];
    for (const name of yield* namesOf(pair)) {
      if (isPause(++count)) yield undefined;
      const child = join(path, name);
      const want = pair.expected.children?.get(name);
      const have = pair.found.children?.get(name);
      if (want !== undefined && have !== undefined) below.push({ path: child, expected: want, found: have });
      else if (want !== undefined)
        yield { id: 'FS-MISSING', path: child, message: describe(want, 'missing') };
      else if (have !== undefined)
        yield { id: 'FS-EXTRA', path: child, message: describe(have, 'not in the source') };
    }
    for (const one of below.reverse()) waiting.push(one);
  }
}

/** Returns the names of both sides, in order. */
function namesOf({ expected, found }: Pair): Steps<RawName[]> {
  const names = Array.from(expected.children?.keys() ?? []);
  for (const name of found.children?.keys() ?? []) {
    if (expected.children?.has(name) !== true) names.push(name);
  }
  return sortSteps(names, compareRaw);
}

function sameAttributes(left: Inode, right: Inode): boolean {
  return (
    left.mode === right.mode &&
    left.uid === right.uid &&
    left.gid === right.gid &&
    left.mtime === right.mtime &&
    left.mtimeNsec === right.mtimeNsec &&
    left.xattrs.length === 0 &&
    right.xattrs.length === 0
  );
}

function* diffAttributes(path: RawPath, left: Inode, right: Inode): Generator<TreeDifference> {
  // The permission bits of symbolic links have no effect, but conversion stores and keeps them.
  if (left.mode !== right.mode) {
    yield {
      id: 'FS-MODE',
      path,
      message: 'mode differs',
      expected: octal(left.mode),
      found: octal(right.mode),
    };
  }
  if (left.uid !== right.uid || left.gid !== right.gid) {
    yield {
      id: 'FS-OWNER',
      path,
      message: 'owner differs',
      expected: `${left.uid}:${left.gid}`,
      found: `${right.uid}:${right.gid}`,
    };
  }
  if (left.mtime !== right.mtime || left.mtimeNsec !== right.mtimeNsec) {
    yield {
      id: 'FS-MTIME',
      path,
      message: 'time of modification differs',
      expected: time(left),
      found: time(right),
    };
  }
  if (left.xattrs.length > 0 || right.xattrs.length > 0) yield* diffXattrs(path, left.xattrs, right.xattrs);
}

function* diffXattrs(
  path: RawPath,
  left: readonly Xattr[],
  right: readonly Xattr[],
): Generator<TreeDifference> {
  const wanted = new Map(left.map((xattr) => [xattr.name, xattr.value]));
  const present = new Map(right.map((xattr) => [xattr.name, xattr.value]));
  for (const name of [...new Set([...wanted.keys(), ...present.keys()])].sort(compareRaw)) {
    const want = wanted.get(name);
    const have = present.get(name);
    if (want !== undefined && have !== undefined && Buffer.compare(want, have) === 0) continue;
    yield {
      id: 'FS-XATTR',
      path,
      message: `attribute ${displayName(name)} differs`,
      expected: want === undefined ? 'none' : hex(want),
      found: have === undefined ? 'none' : hex(have),
    };
  }
}

/** Compares two inodes of one kind without their attributes. False means that a closer comparison is needed. */
function sameBody(
  left: Inode,
  right: Inode,
  expected: ComparableTree,
  found: ComparableTree,
  { contents }: TreeDiffOptions,
): boolean {
  if (left.kind === 'file' && right.kind === 'file') {
    if (left.size !== right.size) return false;
    return !contents || firstDifference(left.chunks, right.chunks, expected, found) === undefined;
  }
  if (left.kind === 'symlink' && right.kind === 'symlink') return left.target === right.target;
  return left.kind !== 'char' && left.kind !== 'block';
}

function* diffBody(
  path: RawPath,
  left: Inode,
  right: Inode,
  expected: ComparableTree,
  found: ComparableTree,
  options: TreeDiffOptions,
): Generator<TreeDifference> {
  if (left.kind === 'symlink' && right.kind === 'symlink') {
    if (left.target !== right.target) {
      yield {
        id: 'FS-SYMLINK',
        path,
        message: 'link leads elsewhere',
        expected: displayName(left.target),
        found: displayName(right.target),
      };
    }
  } else if (
    (left.kind === 'char' || left.kind === 'block') &&
    (right.kind === 'char' || right.kind === 'block')
  ) {
    if (left.major !== right.major || left.minor !== right.minor) {
      yield {
        id: 'FS-RDEV',
        path,
        message: 'device numbers differ',
        expected: `${left.major}:${left.minor}`,
        found: `${right.major}:${right.minor}`,
      };
    }
  } else if (left.kind === 'file' && right.kind === 'file') {
    if (left.size !== right.size) {
      yield {
        id: 'FS-SIZE',
        path,
        message: 'size differs',
        expected: `${left.size}`,
        found: `${right.size}`,
      };
    } else if (options.contents) {
      const index = firstDifference(left.chunks, right.chunks, expected, found);
      if (index !== undefined) {
        yield {
          id: 'FS-CONTENT',
          path,
          message: `content differs within the ${options.chunkSize} bytes from ${index * options.chunkSize}`,
          expected: chunkText(left.chunks[index], expected),
          found: chunkText(right.chunks[index], found),
        };
      }
    }
  }
}

function firstDifference(
  left: readonly ChunkRef[],
  right: readonly ChunkRef[],
  expected: ComparableTree,
  found: ComparableTree,
): number | undefined {
  for (let i = 0; i < Math.max(left.length, right.length); i++) {
    const wantRef = left[i];
    const haveRef = right[i];
    if (wantRef === undefined || haveRef === undefined) return i;
    const want = tableOf(wantRef, expected);
    const have = tableOf(haveRef, found);
    if (want === undefined || have === undefined) return i;
    const [index, other] = [chunkIndex(wantRef), chunkIndex(haveRef)];
    if (!sameDigest(want, index, have, other)) return i;
    if (chunkNumbers(want, index).uncompressedSize !== chunkNumbers(have, other).uncompressedSize) return i;
  }
  return undefined;
}

/** Returns the chunk table that a reference points into; undefined when the tree has no such chunk. */
function tableOf(ref: ChunkRef, { tables }: ComparableTree): ChunkTable | undefined {
  const table = tables[chunkBlob(ref)];
  return table !== undefined && chunkIndex(ref) < table.length ? table : undefined;
}

/** Groups the names of hard links on each side, and compares the groups by their first names. */
class LinkGroups {
  readonly #expected = new Map<Inode, RawPath>();
  readonly #found = new Map<Inode, RawPath>();

  add(path: RawPath, left: Inode, right: Inode): TreeDifference | undefined {
    const want = first(this.#expected, left, path);
    const have = first(this.#found, right, path);
    if (want === have) return undefined;
    return {
      id: 'FS-LINKS',
      path,
      message: 'hard links differ',
      expected: want === path ? 'a file of its own' : `the same file as /${displayName(want)}`,
      found: have === path ? 'a file of its own' : `the same file as /${displayName(have)}`,
    };
  }
}

function first(groups: Map<Inode, RawPath>, inode: Inode, path: RawPath): RawPath {
  const known = groups.get(inode);
  if (known !== undefined) return known;
  groups.set(inode, path);
  return path;
}

function join(path: RawPath, name: RawName): RawPath {
  return (path === '' ? name : `${path}/${name}`) as RawPath; // joins components with `/`
}

function describe(node: TreeNode, what: string): string {
  const count = node.children?.size ?? 0;
  return `${node.inode.kind}${count === 0 ? '' : ` with ${count} ${count === 1 ? 'entry' : 'entries'}`} is ${what}`;
}

function octal(mode: number): string {
  return mode.toString(8).padStart(4, '0');
}

function time(inode: Inode): string {
  return `${inode.mtime}${inode.mtimeNsec === 0 ? '' : `.${String(inode.mtimeNsec).padStart(9, '0')}`}`;
}

function hex(bytes: Uint8Array): string {
  const text = Buffer.from(bytes.subarray(0, 32)).toString('hex');
  return `0x${text}${bytes.length > 32 ? `… (${bytes.length} bytes)` : ''}`;
}

function chunkText(ref: ChunkRef | undefined, tree: ComparableTree): string {
  const table = ref === undefined ? undefined : tableOf(ref, tree);
  if (ref === undefined || table === undefined) return 'no chunk';
  return table.at(chunkIndex(ref)).digest.toString('hex').slice(0, 16);
}
