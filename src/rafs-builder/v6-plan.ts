/**
 * Plan of a bootstrap: which number, place and layout each inode gets, and where the tables stand. Everything is
 * decided here; `v6-write.ts` only writes it down.
 */
import { FormatError, InternalError, UnsupportedError } from '../errors.js';
import { compareRaw, displayName, type RawPath } from '../oci/raw-name.js';
import { roundUp } from './layout.js';
import {
  type Blob,
  type Bootstrap,
  chunkBlob,
  chunkIndex,
  type ChunkRecord,
  type ChunkRef,
  type Inode,
  type TreeNode,
} from './tree.js';
import * as v6 from './v6.js';
import { directorySize } from './v6-directory.js';
import { Placement } from './v6-placement.js';
import { xattrAreaSize, xattrCount, xattrFault } from './v6-xattrs.js';
import { reverseFrom, walk } from './walk.js';

/** A name in a directory, `.` and `..` included. */
export interface NamePlan {
  readonly name: string;
  readonly inode: InodePlan;
}

export interface InodePlan {
  readonly inode: Inode;
  /** i_ino: the number of its first name in walk order. */
  readonly ino: number;
  readonly xattrSize: number;
  /** Of directories: sorted by name. */
  readonly names: readonly NamePlan[];
  readonly nlink: number;
  /** i_size, bytes. */
  readonly size: number;
  readonly layout: number;
  /** Bytes from the start of the metadata area. */
  readonly offset: number;
  /** Bytes from the start of the metadata area; 0 for what has no data. */
  readonly dataOffset: number;
}

export interface ChunkTableRow {
  readonly blob: number;
  readonly index: number;
  readonly record: ChunkRecord;
  readonly fileOffset: number;
}

export interface BootstrapPlan {
  /** Each inode once, in the order of their first names. */
  readonly inodes: readonly InodePlan[];
  /** Names handed out: `inos` of the super block. */
  readonly nameCount: number;
  readonly hasXattrs: boolean;
  readonly chunkTable: readonly ChunkTableRow[];
  /** Byte offsets in the file. */
  readonly blobTableOffset: number;
  /** 0 without blobs: then there is no such table. */
  readonly prefetchOffset: number;
  readonly metaOffset: number;
  readonly chunkTableOffset: number;
  readonly fileSize: number;
}

type Draft = { -readonly [K in keyof InodePlan]: InodePlan[K] } & { names: NamePlan[] };

/** `path` names the inode in errors. Throws FormatError for what the format cannot hold, UnsupportedError for too many blobs. */
export function planBootstrap(bootstrap: Bootstrap): BootstrapPlan {
  const { root, blobs } = bootstrap;
  if (root.inode.kind !== 'directory') throw new FormatError('the root of an image must be a directory');
  if (blobs.length > v6.MAX_BLOBS) {
    throw new UnsupportedError(
      `the image has ${blobs.length} blobs with data; RAFS v6 holds ${v6.MAX_BLOBS}`,
      {
        hint: 'squash some layers of the source image',
      },
    );
  }
  const { inodes, nameCount, rootPlan, rows } = number(bootstrap);
  const placement = new Placement(v6.ROOT_NID * v6.SLOT_SIZE);
  place(rootPlan, placement, bootstrap.chunkSize);

  const prefetchSize = v6.prefetchEntry.size;
  const blobTableOffset =
    blobs.length === 0
      ? v6.BLOCK_SIZE
      : roundUp(v6.DEVICE_TABLE_OFFSET + v6.deviceSlot.size * blobs.length, v6.BLOCK_SIZE);
  const blobTableEnd = blobTableOffset + v6.blobEntry.size * blobs.length;
  const metaOffset = blobs.length === 0 ? 0 : roundUp(blobTableEnd + prefetchSize, v6.BLOCK_SIZE);
  const chunkTableOffset = roundUp(metaOffset + placement.end, v6.BLOCK_SIZE);
  return {
    inodes,
    nameCount,
    hasXattrs: inodes.some((plan) => plan.xattrSize > 0),
    chunkTable: rows,
    blobTableOffset,
    prefetchOffset: blobs.length === 0 ? 0 : blobTableEnd,
    metaOffset,
    chunkTableOffset,
    fileSize: roundUp(chunkTableOffset + v6.chunkInfo.size * rows.length, v6.BLOCK_SIZE),
  };
}

/** First pass, in walk order: numbers, links, directory entries, and which chunks are referred to. */
function number(bootstrap: Bootstrap): {
  inodes: Draft[];
  nameCount: number;
  rootPlan: Draft;
  rows: ChunkTableRow[];
} {
  const drafts = new Map<Inode, Draft>();
  const directories = new Map<TreeNode, Draft>();
  const used = new UsedChunks(bootstrap);
  let nameCount = 0;
  let rootPlan: Draft | undefined;
  for (const { node, parent, path } of walk(bootstrap.root)) {
    nameCount += 1;
    let draft = drafts.get(node.inode);
    if (draft === undefined) {
      draft = newDraft(node.inode, nameCount, path);
      drafts.set(node.inode, draft);
    } else {
      draft.nlink += 1;
    }
    if (node.inode.kind === 'directory') openDirectory(directories, node, draft, path);
    else if (node.inode.kind === 'file') used.add(node.inode, path);
    if (parent === undefined) {
      rootPlan = draft;
      draft.names.push({ name: '.', inode: draft }, { name: '..', inode: draft });
    } else {
      const above = directories.get(parent);
      if (above === undefined)
        throw new InternalError(`${displayName(path)}: the walk came to a name before its directory`);
      checkName(node, path);
      above.names.push({ name: node.name, inode: draft });
      if (node.inode.kind === 'directory') {
        above.nlink += 1;
        draft.names.push({ name: '.', inode: draft }, { name: '..', inode: above });
      }
    }
  }
  if (rootPlan === undefined) throw new InternalError('the tree has no root');
  for (const draft of directories.values()) {
    // Names come sorted; only `.` and `..` may have to move.
    if (draft.names.slice(2, 3).some((first) => first.name < '..'))
      draft.names.sort((a, b) => compareRaw(a.name, b.name));
    draft.size = directorySize(draft.names);
  }
  return { inodes: Array.from(drafts.values()), nameCount, rootPlan, rows: used.rows() };
}

function openDirectory(directories: Map<TreeNode, Draft>, node: TreeNode, draft: Draft, path: RawPath): void {
  if (directories.has(node) || draft.names.length > 0 || draft.nlink !== 2) {
    throw new InternalError(`${displayName(path)}: a directory stands in the tree twice`);
  }
  directories.set(node, draft);
  if (path.length > 0 && directories.size > v6.MAX_DEPTH && depth(path) > v6.MAX_DEPTH) {
    throw new FormatError(
      `${displayName(path).slice(0, 64)}…: directories are nested more than ${v6.MAX_DEPTH} deep`,
    );
  }
}

function depth(path: RawPath): number {
  let count = 1;
  for (let at = path.indexOf('/'); at >= 0; at = path.indexOf('/', at + 1)) count += 1;
  return count;
}

/** Shared by all that are no directories. */
const NO_NAMES: NamePlan[] = [];

function newDraft(inode: Inode, ino: number, path: RawPath): Draft {
  checkInode(inode, path);
  return {
    inode,
    ino,
    xattrSize: xattrAreaSize(inode.xattrs),
    names: inode.kind === 'directory' ? [] : NO_NAMES,
    nlink: inode.kind === 'directory' ? 2 : 1,
    size: inode.kind === 'file' ? inode.size : inode.kind === 'symlink' ? inode.target.length : 0,
    layout: inode.kind === 'file' ? v6.LAYOUT_CHUNKS : v6.LAYOUT_PLAIN,
    offset: 0,
    dataOffset: 0,
  };
}

/** Second pass: a directory, then what is not a directory in it, then the directories in it. */
function place(root: Draft, placement: Placement, chunkSize: number): void {
  const pending: Draft[] = [root];
  for (let directory = pending.pop(); directory !== undefined; directory = pending.pop()) {
    placeOne(directory, placement, chunkSize);
    const below = pending.length;
    for (const { name, inode } of directory.names) {
      if (name === '.' || name === '..') continue;
      const draft = inode as Draft; // plans are drafts until this function returns
      if (draft.inode.kind === 'directory') pending.push(draft);
      else if (draft.offset === 0) placeOne(draft, placement, chunkSize);
    }
    reverseFrom(pending, below);
  }
}

function placeOne(draft: Draft, placement: Placement, chunkSize: number): void {
  const inodeSize = v6.inodeExtended.size + draft.xattrSize;
  switch (draft.inode.kind) {
    case 'file':
      draft.offset = placement.placeFile(
        roundUp(inodeSize, 8) + v6.chunkIndexEntry.size * Math.ceil(draft.size / chunkSize),
      );
      return;
    case 'directory':
    case 'symlink':
      Object.assign(draft, placement.placeWithData(inodeSize, draft.size));
      return;
    case 'char':
    case 'block':
    case 'fifo':
    case 'socket':
      draft.offset = placement.placeSpecial(inodeSize);
  }
}

/** Collects the chunk table: every chunk that a file refers to, with the offset in the file seen last. */
class UsedChunks {
  readonly #bootstrap: Bootstrap;
  /** A map a blob: chunk index to file offset. */
  readonly #fileOffsets: readonly Map<number, number>[];

  constructor(bootstrap: Bootstrap) {
    this.#bootstrap = bootstrap;
    this.#fileOffsets = bootstrap.blobs.map(() => new Map<number, number>());
  }

  add(file: Inode & { readonly kind: 'file' }, path: RawPath): void {
    const { chunkSize, storedFileOffset } = this.#bootstrap;
    if (file.chunks.length !== Math.ceil(file.size / chunkSize)) {
      throw new InternalError(`${displayName(path)}: ${file.chunks.length} chunks for ${file.size} bytes`);
    }
    file.chunks.forEach((ref, k) => {
      const offsets = this.#fileOffsets[chunkBlob(ref)];
      if (offsets === undefined)
        throw new InternalError(
          `${displayName(path)}: it refers to blob ${chunkBlob(ref)}, which the image does not have`,
        );
      offsets.set(chunkIndex(ref), storedFileOffset?.(file.layer, ref) ?? k * chunkSize);
    });
  }

  /** Sorted by digest, then blob. */
  rows(): ChunkTableRow[] {
    const keyed: { readonly key: number; readonly row: ChunkTableRow }[] = [];
    this.#fileOffsets.forEach((offsets, blob) => {
      const table = this.#bootstrap.blobs[blob]?.chunks;
      if (table === undefined) return;
      for (const [index, fileOffset] of offsets) {
        const record = table.at(index);
        // The first 48 bits decide nearly always, and numbers compare much faster than buffers.
        keyed.push({ key: record.digest.readUIntBE(0, 6), row: { blob, index, record, fileOffset } });
      }
    });
    keyed.sort((a, b) => a.key - b.key || compareRows(a.row, b.row));
    return keyed.map(({ row }) => row);
  }
}

function compareRows(a: ChunkTableRow, b: ChunkTableRow): number {
  return Buffer.compare(a.record.digest, b.record.digest) || a.blob - b.blob || a.index - b.index;
}

/**
 * The word that tells the kernel how big a file's chunks are. A file whose chunks follow each other in one blob counts
 * as one extent: the kernel then reads only its first entry.
 */
export function chunkFormat(
  size: number,
  chunks: readonly ChunkRef[],
  chunkSize: number,
  blobs: readonly Blob[],
): number {
  const unit = size > chunkSize && contiguous(chunks, chunkSize, blobs) ? nextPowerOfTwo(size) : chunkSize;
  return v6.CHUNK_FORMAT_INDEXES | (Math.log2(unit) - Math.log2(v6.BLOCK_SIZE));
}

/** True when the chunks lie in one blob, one behind the other without a gap. */
export function contiguous(chunks: readonly ChunkRef[], chunkSize: number, blobs: readonly Blob[]): boolean {
  const [first] = chunks;
  if (first === undefined) return false;
  const blob = chunkBlob(first);
  const table = blobs[blob]?.chunks;
  if (table === undefined) return false;
  const start = table.at(chunkIndex(first)).uncompressedOffset;
  return chunks.every(
    (ref, k) =>
      chunkBlob(ref) === blob && table.at(chunkIndex(ref)).uncompressedOffset === start + k * chunkSize,
  );
}

function nextPowerOfTwo(value: number): number {
  let power = v6.BLOCK_SIZE;
  while (power < value) power *= 2;
  return power;
}

function checkName(node: TreeNode, path: RawPath): void {
  const { name } = node;
  const fault =
    name.length === 0 || name.length > v6.MAX_NAME_LENGTH
      ? `a name has 1 to ${v6.MAX_NAME_LENGTH} bytes, not ${name.length}`
      : name === '.' || name === '..' || name.includes('/') || name.includes('\0')
        ? 'no file can have this name'
        : undefined;
  if (fault !== undefined) throw new FormatError(`${displayName(path)}: ${fault}`);
}

function checkInode(inode: Inode, path: RawPath): void {
  const fault = inodeFault(inode);
  if (fault === undefined) return;
  // Only now: making a path readable costs more than all the checks.
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
