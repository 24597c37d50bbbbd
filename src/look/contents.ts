/**
 * Compares file contents of two images whose chunks are not comparable, because they have different sizes or digest
 * functions. It reads the files of one image by range, as one stream, cuts them by the other image's chunk size, and
 * compares the digests with those that the other image records.
 */
import { createHash } from 'node:crypto';
import { FormatError, UsageError } from '../errors.js';
import type { RawName, RawPath } from '../oci/raw-name.js';
import { blake3 } from '../native/codec.js';
import type { ChunkRecord, TreeNode } from '../rafs-builder/model/tree.js';
import type { CallOptions } from '../reporter.js';
import { digestFaults } from './chunks.js';
import type { FileInode, Filesystem } from './filesystem.js';
import { showPath } from './lookup.js';
import { NydusFilesystem } from './nydus.js';
import { cut } from './pieces.js';
import { mapRuns } from './runs.js';

/** The digests, in hex, of the first piece that differs, cut and digested as in the image whose files were not read. */
export interface ContentDifference {
  readonly before: string;
  readonly after: string;
}

/** The answers after contents were read. */
export interface ReadContents {
  /** Undefined when both files have the same bytes. Throws RangeError for a pair that was not compared. */
  difference(before: FileInode, after: FileInode): ContentDifference | undefined;
}

/**
 * True if chunk digests decide whether files of one size are equal. False means that one image's files must be read.
 */
export function contentsComparable(first: Filesystem, second: Filesystem): boolean {
  return first.chunkSize === second.chunkSize && first.digester === second.digester;
}

interface Pair {
  readonly path: RawPath;
  readonly before: FileInode;
  readonly after: FileInode;
}

/** Uncompressed bytes that are digested in one step. */
const STRETCH = 8 * 1024 * 1024;

/**
 * Compares all pairs of files with the same path and size. Throws UsageError when neither image can be read by range,
 * and the errors of reading.
 */
export async function readContents(
  first: Filesystem,
  second: Filesystem,
  call: CallOptions,
): Promise<ReadContents> {
  const pairs = new PairMap(pairsOf(first.root, second.root));
  const read = [second, first].find((one) => one instanceof NydusFilesystem && one.image !== undefined);
  if (!(read instanceof NydusFilesystem)) {
    throw new UsageError(
      `contents cannot be compared: the images have chunks of ${first.chunkSize} and ${second.chunkSize} bytes, ` +
        `digested with ${first.digester} and ${second.digester}, and neither can be read by range`,
      { hint: 'name a Nydus image instead of its bootstrap' },
    );
  }
  const other = read === second ? first : second;
  const side = (pair: Pair, which: Filesystem): FileInode => (which === first ? pair.before : pair.after);
  const pieces: { readonly pair: Pair; readonly record: ChunkRecord }[] = [];
  for (const pair of pairs.all) {
    const file = side(pair, other);
    const records = mapRuns(file.chunks, (ref) => other.chunk(ref).record);
    const sum = records.reduce((total, { uncompressedSize }) => total + uncompressedSize, 0);
    if (sum !== file.size)
      throw new FormatError(`${showPath(pair.path)} has ${file.size} bytes, and its chunks have ${sum}`);
    for (const record of records) pieces.push({ pair, record });
  }
  const differences = new Map<Pair, ContentDifference>();
  const check = async (from: number, buffers: readonly Buffer[]): Promise<void> => {
    const held = pieces.slice(from, from + buffers.length);
    const records = held.map(({ record }) => record);
    for (const { index } of await digestFaults(records, buffers, other.digester)) {
      const [piece, bytes] = [held[index], buffers[index]];
      if (piece === undefined || bytes === undefined || differences.has(piece.pair)) continue;
      const found = digestOf(bytes, other);
      const promised = piece.record.digest.toString('hex');
      const [before, after] = other === first ? [promised, found] : [found, promised];
      if (before !== after) differences.set(piece.pair, { before, after });
    }
  };
  const files = pairs.all.map((pair) => ({ file: side(pair, read), path: pair.path }));
  let done = 0;
  let waiting: Buffer[] = [];
  let held = 0;
  const sizes = pieces.map(({ record }) => record.uncompressedSize);
  for await (const piece of cut(read.openAll(files, call), sizes)) {
    waiting.push(piece);
    held += piece.length;
    if (held < STRETCH) continue;
    await check(done, waiting);
    done += waiting.length;
    [waiting, held] = [[], 0];
  }
  await check(done, waiting);
  if (done + waiting.length !== pieces.length) throw new FormatError('contents end early');
  return {
    difference: (before, after) => differences.get(pairs.get(before, after)),
  };
}

function digestOf(bytes: Buffer, { digester }: Filesystem): string {
  return digester === 'sha256'
    ? createHash('sha256').update(bytes).digest('hex')
    : blake3(bytes).toString('hex');
}

/** Yields pairs of files that have the same path and the same size in both trees. */
function* pairsOf(first: TreeNode, second: TreeNode): Generator<Pair> {
  const waiting: { readonly path: string; readonly before: TreeNode; readonly after: TreeNode }[] = [
    { path: '', before: first, after: second },
  ];
  for (let step = waiting.pop(); step !== undefined; step = waiting.pop()) {
    const { path, before, after } = step;
    if (before.inode.kind === 'file' && after.inode.kind === 'file' && before.inode.size === after.inode.size)
      yield { path: path as RawPath, before: before.inode, after: after.inode }; // joins components with `/`
    const below = (name: RawName): string => (path === '' ? name : `${path}/${name}`);
    for (const [name, was] of before.children ?? []) {
      const is = after.children?.get(name);
      if (is !== undefined) waiting.push({ path: below(name), before: was, after: is });
    }
  }
}

/** Holds each pair of inodes once, however many names they share. */
class PairMap {
  readonly all: readonly Pair[];
  readonly #pairs = new Map<FileInode, Map<FileInode, Pair>>();

  constructor(pairs: Iterable<Pair>) {
    const all: Pair[] = [];
    for (const pair of pairs) {
      const known = this.#pairs.get(pair.before) ?? new Map<FileInode, Pair>();
      this.#pairs.set(pair.before, known);
      if (known.has(pair.after)) continue;
      known.set(pair.after, pair);
      all.push(pair);
    }
    this.all = all;
  }

  get(before: FileInode, after: FileInode): Pair {
    const pair = this.#pairs.get(before)?.get(after);
    if (pair === undefined) throw new RangeError('these two files were not compared');
    return pair;
  }
}
