/**
 * Plan of a bootstrap: which number, place and layout each inode gets, and where the tables stand. Everything is
 * decided here; `v6-write.ts` only writes it down.
 *
 * A plan is columns of numbers, about 60 bytes an inode, and refers to the tree for everything else: a layer may hold a
 * million files. One pass over the tree, in walk order (`walk.ts`), numbers and places at once.
 */
import { type ChunkTables, contiguous } from './contiguous.js';
import { FormatError, InternalError, UnsupportedError } from '../../src/errors.js';
import { displayName, type RawPath } from '../../src/oci/raw-name.js';
import { roundUp } from '../../src/rafs-builder/layout/struct.js';
import type { BootstrapInput, ChunkRef, Inode, TreeNode } from '../../src/rafs-builder/model/tree.js';
import * as v6 from '../../src/rafs-builder/layout/v6.js';
import { directorySize } from './directory.js';
import { Placement } from './placement.js';
import { UsedChunks, type UsedChunkRows } from './used-chunks.js';
import { xattrAreaSize, xattrCount, xattrFault } from './xattrs.js';
import { reverseFrom, sortedChildren } from '../../src/rafs-builder/model/walk.js';

/** Inodes by number, in the order of their first names; rows by number, a directory's one behind the other. */
export interface InodePlans {
  readonly count: number;
  readonly inodes: readonly Inode[];
  /** i_ino: the number of its first name in walk order. */
  readonly ino: Uint32Array;
  readonly nlink: Uint32Array;
  /** Bytes from the start of the metadata area. */
  readonly offset: Float64Array;
  /** Bytes from the start of the metadata area; 0 for what has no data. */
  readonly dataOffset: Float64Array;
  readonly layout: Uint8Array;
  /** For directories: bytes of their entries, and the first and last of their rows. */
  readonly directorySize: Uint32Array;
  readonly rowsFrom: Uint32Array;
  readonly rowsTo: Uint32Array;
  /** A name in a directory, `.` and `..` included, sorted within it; and the inode that it leads to. */
  readonly rowNames: readonly string[];
  readonly rowInodes: Uint32Array;
}

export interface BootstrapPlan {
  readonly inodes: InodePlans;
  /** Names handed out: `inos` of the super block. */
  readonly nameCount: number;
  readonly hasXattrs: boolean;
  readonly chunkTable: UsedChunkRows;
  /** Byte offsets in the file. */
  readonly blobTableOffset: number;
  /** 0 without blobs: then there is no such table. */
  readonly prefetchOffset: number;
  readonly metaOffset: number;
  readonly chunkTableOffset: number;
  readonly fileSize: number;
}

/** `path` names the inode in errors. Throws FormatError for what the format cannot hold, UnsupportedError for too many blobs. */
export function planBootstrap(bootstrap: BootstrapInput): BootstrapPlan {
  const { root, blobs } = bootstrap;
  if (root.inode.kind !== 'directory') throw new FormatError('the root of an image must be a directory');
  if (blobs.length > v6.MAX_BLOBS) {
    throw new UnsupportedError(
      `the image has ${blobs.length} blobs with data; RAFS v6 holds ${v6.MAX_BLOBS}`,
      {
        hint: 'squash some layers of the source image, or convert to RAFS v5',
      },
    );
  }
  const planner = new Planner(bootstrap);
  planner.run();
  const chunkTable = planner.used.rows();

  const prefetchSize = v6.prefetchEntry.size;
  const blobTableOffset =
    blobs.length === 0
      ? v6.BLOCK_SIZE
      : roundUp(v6.DEVICE_TABLE_OFFSET + v6.deviceSlot.size * blobs.length, v6.BLOCK_SIZE);
  const blobTableEnd = blobTableOffset + v6.blobEntry.size * blobs.length;
  const metaOffset = blobs.length === 0 ? 0 : roundUp(blobTableEnd + prefetchSize, v6.BLOCK_SIZE);
  const chunkTableOffset = roundUp(metaOffset + planner.placement.end, v6.BLOCK_SIZE);
  return {
    inodes: planner.plans,
    nameCount: planner.names,
    hasXattrs: planner.hasXattrs,
    chunkTable,
    blobTableOffset,
    prefetchOffset: blobs.length === 0 ? 0 : blobTableEnd,
    metaOffset,
    chunkTableOffset,
    fileSize: roundUp(chunkTableOffset + v6.chunkInfo.size * chunkTable.length, v6.BLOCK_SIZE),
  };
}

/** A directory that has its number, and whose names come next. */
interface OpenDirectory {
  readonly node: TreeNode;
  readonly number: number;
  /** That of the directory above; the root's is its own. */
  readonly parent: number;
  /** Undefined for the root. */
  readonly above: OpenDirectory | undefined;
  readonly depth: number;
}

type Writable<T> = { -readonly [K in keyof T]: T[K] };

class Planner {
  readonly plans: Writable<InodePlans> & { readonly inodes: Inode[]; readonly rowNames: string[] };
  readonly placement = new Placement(v6.ROOT_NID * v6.SLOT_SIZE);
  readonly used: UsedChunks;
  names = 0;
  hasXattrs = false;
  readonly #root: TreeNode;
  readonly #chunkSize: number;
  /** Names that share an inode are links of each other. Holds directories and what may have more names. */
  readonly #numbers = new Map<Inode, number>();
  readonly #linked: ReadonlySet<Inode> | undefined;

  constructor(bootstrap: BootstrapInput) {
    this.#root = bootstrap.root;
    this.#chunkSize = bootstrap.chunkSize;
    this.#linked = bootstrap.linked;
    this.used = new UsedChunks(bootstrap);
    const { names, directories } = count(bootstrap.root);
    const rows = names + 2 * directories - 1;
    this.plans = {
      count: 0,
      inodes: [],
      ino: new Uint32Array(names),
      nlink: new Uint32Array(names),
      offset: new Float64Array(names),
      dataOffset: new Float64Array(names),
      layout: new Uint8Array(names),
      directorySize: new Uint32Array(names),
      rowsFrom: new Uint32Array(names),
      rowsTo: new Uint32Array(names),
      rowNames: [],
      rowInodes: new Uint32Array(rows),
    };
  }

  run(): void {
    const number = this.#addName(this.#root, undefined);
    const pending: OpenDirectory[] = [
      { node: this.#root, number, parent: number, above: undefined, depth: 0 },
    ];
    for (let open = pending.pop(); open !== undefined; open = pending.pop()) {
      const below = pending.length;
      this.#addDirectory(open, pending);
      reverseFrom(pending, below);
    }
  }

  /** All names of a directory; it is placed, and then what is no directory in it. */
  #addDirectory(open: OpenDirectory, pending: OpenDirectory[]): void {
    const { plans } = this;
    const { number, parent } = open;
    const children = sortedChildren(open.node);
    const dots = ['.', '..'] as const;
    let dot = 0;
    plans.rowsFrom[number] = plans.rowNames.length;
    for (const child of children) {
      for (; dot < 2 && child.name > (dots[dot] ?? ''); dot++)
        this.#addRow(dots[dot] ?? '', dot === 0 ? number : parent);
      const found = this.#addName(child, open);
      checkName(child, open);
      this.#addRow(child.name, found);
      if (child.inode.kind !== 'directory') continue;
      plans.nlink[number] = (plans.nlink[number] ?? 0) + 1;
      pending.push({ node: child, number: found, parent: number, above: open, depth: open.depth + 1 });
    }
    for (; dot < 2; dot++) this.#addRow(dots[dot] ?? '', dot === 0 ? number : parent);
    const from = plans.rowsFrom[number] ?? 0;
    const to = plans.rowNames.length;
    plans.rowsTo[number] = to;
    plans.directorySize[number] = directorySize(plans.rowNames, from, to);
    this.#place(number);
    for (let row = from; row < to; row++) {
      const inode = plans.rowInodes[row] ?? 0;
      if (plans.inodes[inode]?.kind !== 'directory' && plans.offset[inode] === 0) this.#place(inode);
    }
  }

  #addRow(name: string, inode: number): void {
    this.plans.rowInodes[this.plans.rowNames.length] = inode;
    this.plans.rowNames.push(name);
  }

  /** The number of the name's inode. `above` is the directory that it stands in. */
  #addName(node: TreeNode, above: OpenDirectory | undefined): number {
    const { plans } = this;
    const { inode } = node;
    this.names += 1;
    const mayRepeat = inode.kind === 'directory' || (this.#linked?.has(inode) ?? true);
    let number = mayRepeat ? this.#numbers.get(inode) : undefined;
    if (number === undefined) {
      checkInode(node, above);
      number = plans.count++;
      plans.inodes.push(inode);
      plans.ino[number] = this.names;
      plans.nlink[number] = inode.kind === 'directory' ? 2 : 1;
      if (inode.xattrs.length > 0) this.hasXattrs = true;
      if (mayRepeat) this.#numbers.set(inode, number);
    } else {
      if (inode.kind === 'directory') {
        throw new InternalError(`${displayName(pathOf(node, above))}: a directory stands in the tree twice`);
      }
      plans.nlink[number] = (plans.nlink[number] ?? 0) + 1;
    }
    if (inode.kind === 'directory') checkDepth(node, above);
    else if (inode.kind === 'file') this.used.add(inode, () => displayName(pathOf(node, above)));
    return number;
  }

  #place(number: number): void {
    const { plans, placement } = this;
    const inode = plans.inodes[number];
    if (inode === undefined) throw new InternalError(`there is no inode ${number} to place`);
    const inodeSize = v6.inodeExtended.size + xattrAreaSize(inode.xattrs);
    switch (inode.kind) {
      case 'file':
        plans.layout[number] = v6.LAYOUT_CHUNKS;
        plans.offset[number] = placement.placeFile(
          roundUp(inodeSize, 8) + v6.chunkIndexEntry.size * Math.ceil(inode.size / this.#chunkSize),
        );
        return;
      case 'directory':
      case 'symlink': {
        const size = inode.kind === 'symlink' ? inode.target.length : (plans.directorySize[number] ?? 0);
        const place = placement.placeWithData(inodeSize, size);
        plans.offset[number] = place.offset;
        plans.dataOffset[number] = place.dataOffset;
        plans.layout[number] = place.layout;
        return;
      }
      case 'char':
      case 'block':
      case 'fifo':
      case 'socket':
        plans.layout[number] = v6.LAYOUT_PLAIN;
        plans.offset[number] = placement.placeSpecial(inodeSize);
    }
  }
}

/** Names of a tree, the root among them, and how many of them are directories. */
function count(root: TreeNode): { readonly names: number; readonly directories: number } {
  let names = 1;
  let directories = 1;
  const pending = [root];
  for (let node = pending.pop(); node !== undefined; node = pending.pop()) {
    for (const child of node.children?.values() ?? []) {
      names += 1;
      if (child.inode.kind === 'directory') directories += 1;
      if (child.children !== undefined) pending.push(child);
    }
  }
  return { names, directories };
}

function pathOf(node: TreeNode, above: OpenDirectory | undefined): RawPath {
  const names: string[] = [node.name];
  for (let at = above; at?.above !== undefined; at = at.above) names.push(at.node.name);
  return names.reverse().join('/') as RawPath; // components joined by `/`
}

function checkDepth(node: TreeNode, above: OpenDirectory | undefined): void {
  if (above === undefined || above.depth < v6.MAX_DEPTH) return;
  throw new FormatError(
    `${displayName(pathOf(node, above)).slice(0, 64)}…: directories are nested more than ${v6.MAX_DEPTH} deep`,
  );
}

/**
 * The word from which the kernel reads how big a file's chunks are. A file whose chunks follow each other in one blob counts
 * as one extent: the kernel then reads only its first entry.
 */
export function chunkFormat(
  size: number,
  chunks: readonly ChunkRef[],
  chunkSize: number,
  tables: ChunkTables,
): number {
  const unit = size > chunkSize && contiguous(chunks, chunkSize, tables) ? nextPowerOfTwo(size) : chunkSize;
  return v6.CHUNK_FORMAT_INDEXES | (Math.log2(unit) - Math.log2(v6.BLOCK_SIZE));
}

function nextPowerOfTwo(value: number): number {
  let power = v6.BLOCK_SIZE;
  while (power < value) power *= 2;
  return power;
}

function checkName(node: TreeNode, above: OpenDirectory): void {
  const { name } = node;
  const fault =
    name.length === 0 || name.length > v6.MAX_NAME_LENGTH
      ? `a name has 1 to ${v6.MAX_NAME_LENGTH} bytes, not ${name.length}`
      : name === '.' || name === '..' || name.includes('/') || name.includes('\0')
        ? 'no file can have this name'
        : undefined;
  if (fault !== undefined) throw new FormatError(`${displayName(pathOf(node, above))}: ${fault}`);
}

function checkInode(node: TreeNode, above: OpenDirectory | undefined): void {
  const fault = inodeFault(node.inode);
  if (fault === undefined) return;
  // Only now: making a path readable costs more than all the checks.
  const path = pathOf(node, above);
  throw new FormatError(`${path === '' ? '/' : displayName(path)}: ${fault}`);
}

/** Why the format cannot hold this inode. */
function inodeFault(inode: Inode): string | undefined {
  if (
    inode.kind === 'symlink' &&
    (inode.target.length === 0 || inode.target.length > v6.MAX_SYMLINK_LENGTH)
  ) {
    return `a symlink's target has 1 to ${v6.MAX_SYMLINK_LENGTH} bytes, not ${inode.target.length}`;
  }
  if ((inode.kind === 'char' || inode.kind === 'block') && (inode.major > 0xfff || inode.minor > 0xf_ffff)) {
    return `device ${inode.major}:${inode.minor} does not fit 12 and 20 bits`;
  }
  if (inode.xattrs.length === 0) return undefined;
  let last = '';
  for (const xattr of inode.xattrs) {
    const fault = xattrFault(xattr);
    if (fault !== undefined) return `xattr ${displayName(xattr.name)} cannot be stored: ${fault}`;
    if (xattr.name <= last)
      throw new InternalError(`xattr ${displayName(xattr.name)} is not behind the one before it`);
    last = xattr.name;
  }
  return xattrCount(xattrAreaSize(inode.xattrs)) > 0xffff
    ? 'its xattrs take more than the 262 KB that RAFS v6 has for one file'
    : undefined;
}
