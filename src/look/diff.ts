/**
 * Compares two images: their files name by name, and the bytes that a machine with the first image must download for
 * the second. Contents are compared by chunk digests, which requires chunks of the same size and digests of the same
 * kind; otherwise the caller reads the files first (`readContents`).
 */
import { compareRaw, type RawName, type RawPath } from '../oci/raw-name.js';
import { displayName } from '../oci/raw-name.js';
import type { Digest } from '../oci/digest.js';
import { UsageError } from '../errors.js';
import { ANNOTATION } from '../oci/media-types.js';
import { walkInSteps } from '../rafs-builder/index.js';
import { atOnce, isPause, type Steps, sortSteps } from '../turns.js';
import type { ChunkRef, Inode, TreeNode } from '../rafs-builder/model/tree.js';
import { contentsComparable, type ContentDifference, type ReadContents } from './contents.js';
import type { FileInode, Filesystem } from './filesystem.js';
import { showPath } from './lookup.js';

/** A changed attribute of a path that is in both images. */
export interface AttributeChange {
  readonly what:
    'type' | 'mode' | 'owner' | 'time' | 'size' | 'content' | 'target' | 'device' | 'xattr' | 'link';
  readonly before: string;
  readonly after: string;
}

export interface FileChange {
  readonly path: RawPath;
  readonly change: 'added' | 'removed' | 'changed';
  readonly before: Inode | undefined;
  readonly after: Inode | undefined;
  /** The changed attributes; empty unless the path is `changed`. */
  readonly attributes: readonly AttributeChange[];
}

export interface FileDiffOptions {
  /** False: a path that differs only in its time of modification counts as equal. */
  readonly times: boolean;
  /** Required when chunk digests are not comparable: chunks have other sizes, or another digest function. */
  readonly contents?: ReadContents | undefined;
}

/** Digits of a digest that people see. */
const SHOWN_DIGITS = 16;

interface Pair {
  readonly path: RawPath;
  readonly before: TreeNode;
  readonly after: TreeNode;
}

/** A node that one of the images does not have, with everything below it. */
interface OneSided {
  readonly path: RawPath;
  readonly whole: TreeNode;
  readonly change: 'added' | 'removed';
}

/**
 * Yields every path that differs, in order of paths, parents before children, and every path below an added or removed
 * directory. Throws UsageError when contents must be read for the answer and `contents` is missing.
 */
export function* diffFiles(
  first: Filesystem,
  second: Filesystem,
  options: FileDiffOptions,
): Generator<FileChange> {
  for (const change of diffInSteps(first, second, options)) if (change !== undefined) yield change;
}

/** `diffFiles`, with pauses (undefined) in between, at which a caller may let the event loop turn. */
export function* diffInSteps(
  first: Filesystem,
  second: Filesystem,
  options: FileDiffOptions,
): Generator<FileChange | undefined, void> {
  const comparison = yield* Comparison.of(first, second, options);
  let count = 0;
  const waiting: (Pair | OneSided)[] = [{ path: '' as RawPath, before: first.root, after: second.root }]; // the root's path is empty
  for (let step = waiting.pop(); step !== undefined; step = waiting.pop()) {
    if (isPause(++count)) yield undefined;
    if ('whole' in step) {
      yield* whole(step.path, step.whole, step.change);
      continue;
    }
    const { path, before, after } = step;
    const attributes = [...comparison.attributes(path, before.inode, after.inode)];
    if (attributes.length > 0) {
      yield { path, change: 'changed', before: before.inode, after: after.inode, attributes };
    }
    const below: (Pair | OneSided)[] = [];
    const names = new Set([...(before.children?.keys() ?? []), ...(after.children?.keys() ?? [])]);
    for (const name of yield* sortSteps([...names], compareRaw)) {
      if (isPause(++count)) yield undefined;
      const child = join(path, name);
      const [was, is] = [before.children?.get(name), after.children?.get(name)];
      if (was !== undefined && is !== undefined) below.push({ path: child, before: was, after: is });
      else if (was !== undefined) below.push({ path: child, whole: was, change: 'removed' });
      else if (is !== undefined) below.push({ path: child, whole: is, change: 'added' });
    }
    for (const one of below.reverse()) waiting.push(one);
  }
}

/** Yields a change for a node and for each node below it. */
function* whole(
  path: RawPath,
  root: TreeNode,
  change: 'added' | 'removed',
): Generator<FileChange | undefined, void> {
  for (const step of walkInSteps(root)) {
    if (step === undefined) {
      yield undefined;
      continue;
    }
    const { inode } = step.node;
    const below = step.path;
    yield {
      path: (below === '' ? path : `${path}/${below}`) as RawPath, // joins components with `/`
      change,
      before: change === 'removed' ? inode : undefined,
      after: change === 'added' ? inode : undefined,
      attributes: [],
    };
  }
}

class Comparison {
  readonly #first: Filesystem;
  readonly #second: Filesystem;
  readonly #options: FileDiffOptions;
  /** Undefined when chunk digests decide. */
  readonly #contents: ReadContents | undefined;
  readonly #linksBefore: ReadonlyMap<Inode, RawPath>;
  readonly #linksAfter: ReadonlyMap<Inode, RawPath>;

  private constructor(
    first: Filesystem,
    second: Filesystem,
    {
      options,
      linksBefore,
      linksAfter,
    }: {
      readonly options: FileDiffOptions;
      readonly linksBefore: ReadonlyMap<Inode, RawPath>;
      readonly linksAfter: ReadonlyMap<Inode, RawPath>;
    },
  ) {
    this.#first = first;
    this.#second = second;
    this.#options = options;
    const comparable = contentsComparable(first, second);
    if (!comparable && options.contents === undefined)
      throw new UsageError('chunks of the two images cannot be compared: read their contents first');
    this.#contents = comparable ? undefined : options.contents;
    this.#linksBefore = linksBefore;
    this.#linksAfter = linksAfter;
  }

  static *of(first: Filesystem, second: Filesystem, options: FileDiffOptions): Steps<Comparison> {
    const linksBefore = yield* firstNames(first.root);
    const linksAfter = yield* firstNames(second.root);
    return new Comparison(first, second, { options, linksBefore, linksAfter });
  }

  *attributes(path: RawPath, before: Inode, after: Inode): Generator<AttributeChange> {
    if (before.kind !== after.kind) {
      yield { what: 'type', before: before.kind, after: after.kind };
      return;
    }
    const time: [AttributeChange['what'], string, string] = ['time', timeText(before), timeText(after)];
    const pairs: readonly [AttributeChange['what'], string, string][] = [
      ['mode', octal(before), octal(after)],
      ['owner', `${before.uid}:${before.gid}`, `${after.uid}:${after.gid}`],
      ...(this.#options.times ? [time] : []),
      ...bodyPairs(before, after),
      ['link', this.#link(this.#linksBefore, before, path), this.#link(this.#linksAfter, after, path)],
    ];
    for (const [what, was, is] of pairs) if (was !== is) yield { what, before: was, after: is };
    yield* xattrChanges(before, after);
    if (before.kind === 'file' && after.kind === 'file' && before.size === after.size) {
      const difference = this.#difference(before, after);
      if (difference !== undefined) yield { what: 'content', ...difference };
    }
  }

  #difference(before: FileInode, after: FileInode): ContentDifference | undefined {
    if (this.#contents !== undefined) {
      const read = this.#contents.difference(before, after);
      return read === undefined
        ? undefined
        : { before: read.before.slice(0, SHOWN_DIGITS), after: read.after.slice(0, SHOWN_DIGITS) };
    }
    const at = this.#firstDifference(before.chunks, after.chunks);
    return at === undefined
      ? undefined
      : {
          before: digestText(this.#first, before.chunks[at]),
          after: digestText(this.#second, after.chunks[at]),
        };
  }

  #link(names: ReadonlyMap<Inode, RawPath>, inode: Inode, path: RawPath): string {
    const first = names.get(inode) ?? path;
    return first === path ? '' : showPath(first);
  }

  #firstDifference(before: readonly ChunkRef[], after: readonly ChunkRef[]): number | undefined {
    for (let i = 0; i < Math.max(before.length, after.length); i++) {
      const [was, is] = [before[i], after[i]];
      if (was === undefined || is === undefined) return i;
      const [left, right] = [this.#first.chunk(was).record, this.#second.chunk(is).record];
      if (left.uncompressedSize !== right.uncompressedSize || !left.digest.equals(right.digest)) return i;
    }
    return undefined;
  }
}

/** Maps each inode of several names to the first one. Most inodes have one name, of which nothing is kept. */
function* firstNames(root: TreeNode): Steps<ReadonlyMap<Inode, RawPath>> {
  const first = new Map<Inode, RawPath>();
  const several = yield* inodesOfSeveralNames(root);
  if (several.size === 0) return first;
  for (const step of walkInSteps(root)) {
    if (step === undefined) {
      yield;
      continue;
    }
    const { inode } = step.node;
    if (several.has(inode) && !first.has(inode)) first.set(inode, step.path);
  }
  return first;
}

function* inodesOfSeveralNames(root: TreeNode): Steps<ReadonlySet<Inode>> {
  const seen = new Set<Inode>();
  const several = new Set<Inode>();
  for (const step of walkInSteps(root)) {
    if (step === undefined) {
      yield;
      continue;
    }
    const { inode } = step.node;
    if (inode.kind === 'directory') continue;
    if (seen.has(inode)) several.add(inode);
    else seen.add(inode);
  }
  return several;
}

function* bodyPairs(before: Inode, after: Inode): Generator<[AttributeChange['what'], string, string]> {
  if (before.kind === 'symlink' && after.kind === 'symlink')
    yield ['target', displayName(before.target), displayName(after.target)];
  if (before.kind === 'file' && after.kind === 'file')
    yield ['size', String(before.size), String(after.size)];
  const isDevice = (inode: Inode): inode is Extract<Inode, { kind: 'char' | 'block' }> =>
    inode.kind === 'char' || inode.kind === 'block';
  if (isDevice(before) && isDevice(after))
    yield ['device', `${before.major}:${before.minor}`, `${after.major}:${after.minor}`];
}

function* xattrChanges(before: Inode, after: Inode): Generator<AttributeChange> {
  const was = new Map(before.xattrs.map(({ name, value }) => [name, hex(value)]));
  const is = new Map(after.xattrs.map(({ name, value }) => [name, hex(value)]));
  for (const name of [...new Set([...was.keys(), ...is.keys()])].sort(compareRaw)) {
    const [left, right] = [was.get(name), is.get(name)];
    if (left !== right) {
      const show = (value: string | undefined): string =>
        value === undefined ? `no ${displayName(name)}` : `${displayName(name)}=0x${value}`;
      yield { what: 'xattr', before: show(left), after: show(right) };
    }
  }
}

function digestText(filesystem: Filesystem, ref: ChunkRef | undefined): string {
  return ref === undefined ? 'nothing' : hex(filesystem.chunk(ref).record.digest).slice(0, SHOWN_DIGITS);
}

function octal({ mode }: Inode): string {
  return mode.toString(8).padStart(4, '0');
}

function timeText({ mtime, mtimeNsec }: Inode): string {
  return mtimeNsec === 0 ? `${mtime}` : `${mtime}.${String(mtimeNsec).padStart(9, '0')}`;
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('hex');
}

function join(path: RawPath, name: RawName): RawPath {
  return (path === '' ? name : `${path}/${name}`) as RawPath; // joins components with `/`
}

/** Transferred bytes, and the number of pieces that they come in. */
export interface Pieces {
  readonly count: number;
  readonly bytes: number;
}

/** The download of the second image by a machine that has all of the first. */
export interface DownloadCost {
  /** `chunk`: the client fetches chunks out of blobs on demand; `layer`: it pulls whole layers. */
  readonly unit: 'chunk' | 'layer';
  /** All pieces of the second image. */
  readonly total: Pieces;
  /** The pieces that the machine does not have. */
  readonly download: Pieces;
  /** Pieces of `download` whose bytes the machine has in another blob, where no client looks for them. */
  readonly elsewhere: Pieces;
  /**
   * Bytes of the bootstrap layer, which the client fetches first; 0 when the machine has it, and for images without
   * one.
   */
  readonly bootstrap: number;
}

/** `layer` as the unit, and the bytes of the bootstrap, require images from stores, not bootstraps from files. */
export function downloadCost(first: Filesystem, second: Filesystem): DownloadCost {
  return atOnce(downloadSteps(first, second));
}

/** `downloadCost` in steps. */
export function* downloadSteps(first: Filesystem, second: Filesystem): Steps<DownloadCost> {
  const present = new Set<Digest>(first.image?.manifest.value.layers.map(({ digest }) => digest));
  const layers = second.image?.manifest.value.layers ?? [];
  if (second.kind === 'oci') {
    const different = [...new Map(layers.map((layer) => [layer.digest, layer])).values()];
    const missing = different.filter(({ digest }) => !present.has(digest));
    const sum = (all: typeof different): Pieces => ({
      count: all.length,
      bytes: all.reduce((total, { size }) => total + size, 0),
    });
    return { unit: 'layer', total: sum(different), download: sum(missing), elsewhere: NONE, bootstrap: 0 };
  }
  const keys = new Set<string>();
  const before = first.kind === 'nydus' ? yield* chunksOf(first) : new Set<ChunkRef>();
  for (const ref of before) {
    if (isPause(keys.size)) yield;
    keys.add(first.chunkKey(ref));
  }
  const [total, download, elsewhere] = [new Sum(), new Sum(), new Sum()];
  // Two versions of an image share most chunks, so digests are looked at only from the first chunk on that is not shared.
  let digests: ReadonlySet<string> | undefined;
  for (const ref of yield* chunksOf(second)) {
    if (isPause(total.count)) yield;
    const { record } = second.chunk(ref);
    total.add(record.compressedSize);
    if (keys.has(second.chunkKey(ref))) continue;
    download.add(record.compressedSize);
    digests ??= yield* digestsOf(first, before);
    if (digests.has(record.digest.toString('latin1'))) elsewhere.add(record.compressedSize);
  }
  const bootstrap = layers.find((one) => one.annotations?.[ANNOTATION.nydusBootstrap] !== undefined);
  return {
    unit: 'chunk',
    total,
    download,
    elsewhere,
    bootstrap: bootstrap === undefined || present.has(bootstrap.digest) ? 0 : bootstrap.size,
  };
}

function* digestsOf(filesystem: Filesystem, refs: ReadonlySet<ChunkRef>): Steps<ReadonlySet<string>> {
  const digests = new Set<string>();
  for (const ref of refs) {
    if (isPause(digests.size)) yield;
    digests.add(filesystem.chunk(ref).record.digest.toString('latin1'));
  }
  return digests;
}

const NONE: Pieces = { count: 0, bytes: 0 };

class Sum implements Pieces {
  count = 0;
  bytes = 0;

  add(bytes: number): void {
    this.count += 1;
    this.bytes += bytes;
  }
}

/** Every chunk that a file uses, once. */
function* chunksOf({ root }: Filesystem): Steps<ReadonlySet<ChunkRef>> {
  const refs = new Set<ChunkRef>();
  let count = 0;
  for (const step of walkInSteps(root)) {
    if (step === undefined) yield;
    if (step?.node.inode.kind !== 'file') continue;
    for (const ref of step.node.inode.chunks) {
      refs.add(ref);
      if (isPause(++count)) yield;
    }
  }
  return refs;
}
