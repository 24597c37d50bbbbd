/**
 * Lays an image, or a part of it, out in a directory. Directories come first, then the content of files in the order in which blobs
 * hold it, by several lanes, then links and nodes, and last the attributes of directories, which all of that changes.
 */
import { readdir } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { LocalIoError } from '../errors.js';
import { mapOrdered } from '../io/concurrency.js';
import { makeFolders } from '../io/make-folders.js';
import { errorCode, localIoError } from '../io/system-error.js';
import type { ChunkedFilesystem, FileInode } from '../look/filesystem.js';
import { mapRuns } from '../look/runs.js';
import { asBuffer } from '../native/addon.js';
import { ExtractLane, type ExtractStep, type NotExtracted } from '../native/extractor.js';
import { PackedChunkTable } from '../native/tables.js';
import { rawNameBytes } from '../oci/raw-name.js';
import type { ChunkRecord, Inode, TreeNode } from '../rafs-builder/model/tree.js';
import { entriesInSteps, type LayerFile } from '../reverse/entries.js';
import type { CallOptions } from '../reporter.js';
import { inTurns, type Steps } from '../turns.js';
import { Batches } from './batches.js';

export interface ExtractOptions {
  /** Whether files get the owners of the image; by default when this is root. */
  readonly owners?: boolean | undefined;
  /** Whether files with other content are replaced; false by default. */
  readonly overwrite?: boolean | undefined;
  /** Called with the bytes of files that are there so far, and those that will be. */
  readonly onBytes?: ((done: number, of: number) => void) | undefined;
}

export interface Extracted {
  readonly directories: number;
  /** Regular files; further names of them are links. */
  readonly files: number;
  /** Symbolic links, further names, pipes, sockets and devices. */
  readonly others: number;
  /** Bytes of the files. */
  readonly bytes: number;
  /** Files that were there with the content of the image. */
  readonly kept: number;
  /** Parts that this user, or this file system, cannot make. */
  readonly leftOut: readonly NotExtracted[];
}

/** Lanes that write files, each with requests of its own. */
const LANES = Math.min(4, Math.max(2, availableParallelism()));
/** Files whose chunks are looked up, and compared with what is there, at a time. */
const FILES_AT_ONCE = 1024;

interface RegularFile extends LayerFile {
  readonly inode: FileInode;
}

interface Plan {
  readonly directories: readonly LayerFile[];
  readonly files: readonly RegularFile[];
  readonly others: readonly LayerFile[];
}

/**
 * `root` is the image's, or a part of it (`selectedTree`). The directory is made if it is not there. Throws LocalIoError, UnsupportedError for
 * something else of a name that is needed, and what reading throws; files that are complete by then stay.
 */
export async function extractToDirectory(
  filesystem: ChunkedFilesystem,
  root: TreeNode,
  directory: string,
  { owners = process.geteuid?.() === 0, overwrite = false, onBytes }: ExtractOptions = {},
  call: CallOptions = {},
): Promise<Extracted> {
  const isNew = await prepare(directory);
  const plan = await inTurns(planOf(root), call.signal);
  const total = plan.files.reduce((sum, { inode }) => sum + inode.size, 0);
  const leftOut: NotExtracted[] = [];
  const options = { owners, overwrite };
  using main = new ExtractLane(directory, options);
  const steps = new Batches(main, leftOut, call.signal);

  for (const { path } of plan.directories) await steps.add({ step: 'directory', path: rawNameBytes(path) });
  await steps.flush();

  let done = 0;
  let kept = 0;
  const advance = (bytes: number): void => {
    done += bytes;
    onBytes?.(done, total);
  };
  advance(0);
  await mapOrdered(
    parted(plan.files, total),
    LANES,
    async (files, _, signal) => {
      using lane = new ExtractLane(directory, options);
      const own = { ...call, signal };
      for (let i = 0; i < files.length; i += FILES_AT_ONCE) {
        const some = files.slice(i, i + FILES_AT_ONCE);
        const missing = isNew ? some : await withoutKept(filesystem, some, lane);
        kept += some.length - missing.length;
        const batches = new Batches(lane, leftOut, signal);
        for (const { path, inode } of some) {
          if (missing.length === some.length || missing.some((file) => file.path === path)) continue;
          await batches.add({ step: 'settle', path: rawNameBytes(path), attributes: attributesOf(inode) });
          advance(inode.size);
        }
        await write(filesystem, missing, batches, advance, own);
        await batches.flush();
      }
    },
    call.signal,
  );

  for (const entry of plan.others) await steps.add(otherStep(entry));
  for (const { path, inode } of plan.directories.toReversed())
    await steps.add({ step: 'settle', path: rawNameBytes(path), attributes: attributesOf(inode) });
  await steps.flush();
  return {
    directories: plan.directories.length,
    files: plan.files.length,
    others: plan.others.length,
    bytes: total,
    kept,
    leftOut,
  };
}

/** Returns true for a directory without content. */
async function prepare(directory: string): Promise<boolean> {
  try {
    await makeFolders(directory);
    return (await readdir(directory)).length === 0;
  } catch (cause) {
    if (errorCode(cause) === 'EEXIST' || errorCode(cause) === 'ENOTDIR')
      throw new LocalIoError(`cannot extract to ${directory}: it is no directory`, { cause });
    throw localIoError(`cannot extract to ${directory}`, cause);
  }
}

function* planOf(root: TreeNode): Steps<Plan> {
  const directories: LayerFile[] = [];
  const files: RegularFile[] = [];
  const others: LayerFile[] = [];
  for (const entry of entriesInSteps(root, root)) {
    if (entry === undefined) {
      yield;
      continue;
    }
    const { inode } = entry;
    if (inode.kind === 'directory') directories.push(entry);
    else if (inode.kind === 'file' && entry.link === undefined) files.push({ ...entry, inode });
    else others.push(entry);
  }
  // Chunks that lie together in a blob are fetched together, so files are read in the order of their first ones.
  files.sort((a, b) => (a.inode.chunks[0] ?? 0) - (b.inode.chunks[0] ?? 0));
  // A further name of a link or node needs the first one.
  others.sort((a, b) => Number(a.link !== undefined) - Number(b.link !== undefined));
  return { directories, files, others };
}

/** Parts with about as many bytes each, and some more for each file. */
function parted(files: readonly RegularFile[], bytes: number): readonly (readonly RegularFile[])[] {
  const weight = (file: RegularFile): number => file.inode.size + PER_FILE;
  const share = (bytes + files.length * PER_FILE) / LANES;
  const parts: RegularFile[][] = [[]];
  let filled = 0;
  for (const file of files) {
    if (filled >= share * parts.length && parts.length < LANES) parts.push([]);
    parts.at(-1)?.push(file);
    filled += weight(file);
  }
  return parts;
}

const PER_FILE = 32 * 1024;

async function withoutKept(
  filesystem: ChunkedFilesystem,
  files: readonly RegularFile[],
  lane: ExtractLane,
): Promise<readonly RegularFile[]> {
  const existing = files.map(({ path, inode }) => {
    const records = mapRuns(inode.chunks, (ref) => filesystem.chunk(ref).record);
    return { path: Buffer.from(rawNameBytes(path)), chunks: packed(records) };
  });
  const isThere = await lane.compare(existing, filesystem.digester);
  return files.filter((_, i) => isThere[i] !== true);
}

function packed(records: readonly ChunkRecord[]): Buffer {
  const table = {
    length: records.length,
    at: (index: number): ChunkRecord => {
      const record = records[index];
      if (record === undefined) throw new RangeError(`chunk ${index} of ${records.length}`);
      return record;
    },
  };
  return PackedChunkTable.from(table).bytes;
}

async function write(
  filesystem: ChunkedFilesystem,
  files: readonly RegularFile[],
  batches: Batches,
  advance: (bytes: number) => void,
  call: CallOptions,
): Promise<void> {
  const opened = files.map(({ path, inode }) => ({ path, file: inode }));
  const pieces = filesystem.openAll(opened, call)[Symbol.asyncIterator]();
  try {
    for (const { path, inode } of files) {
      await batches.add({ step: 'file', path: rawNameBytes(path), size: inode.size });
      for (let at = 0; at < inode.size;) {
        const piece = await pieces.next();
        if (piece.done === true) break; // the lane refuses a file that is too short
        await batches.add({ step: 'bytes', bytes: asBuffer(piece.value) });
        at += piece.value.length;
        advance(piece.value.length);
      }
      await batches.add({ step: 'complete', attributes: attributesOf(inode) });
    }
  } finally {
    await pieces.return?.();
  }
}

function otherStep({ path, inode, link }: LayerFile): ExtractStep {
  const at = rawNameBytes(path);
  if (link !== undefined) return { step: 'link', path: at, target: rawNameBytes(link) };
  const attributes = attributesOf(inode);
  switch (inode.kind) {
    case 'symlink':
      return { step: 'symlink', path: at, target: rawNameBytes(inode.target), attributes };
    case 'char':
    case 'block':
      return { step: inode.kind, path: at, major: inode.major, minor: inode.minor, attributes };
    case 'fifo':
    case 'socket':
      return { step: inode.kind, path: at, attributes };
    case 'file':
    case 'directory':
      throw new TypeError(`a ${inode.kind} is made before`);
  }
}

function attributesOf({ mode, uid, gid, mtime, mtimeNsec, xattrs }: Inode): ExtractStep['attributes'] {
  return {
    mode,
    uid,
    gid,
    mtime,
    mtimeNsec,
    xattrs: xattrs.map(({ name, value }) => ({ name: rawNameBytes(name), value: Buffer.from(value) })),
  };
}
