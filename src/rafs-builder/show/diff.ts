/**
 * Compares two bootstraps by their meaning: trees, attributes, contents by chunk digest, hard links, blobs. The places
 * of structures, and the distribution of chunks over blobs, do not count.
 */
import { displayName, type RawPath } from '../../oci/raw-name.js';
import { attributesOf } from './describe.js';
import type { RafsImage } from '../versions.js';
import type { Inode } from '../model/tree.js';
import { walk } from '../model/walk.js';

/**
 * Yields `- path` for paths only in the first, `+ path` for those only in the second, and `~ path: attribute first →
 * second`. Equal images give no line.
 */
export function* diffImages(first: RafsImage, second: RafsImage): Generator<string> {
  for (const what of ['chunkSize', 'digester'] as const) {
    const [a, b] = [first.bootstrap[what], second.bootstrap[what]];
    if (a !== b) yield `~ ${what}: ${a} → ${b}`;
  }
  yield* diffBlobs(first, second);
  const before = new Names(first);
  const after = new Names(second);
  for (const [path, inode] of before.paths) {
    const other = after.paths.get(path);
    if (other === undefined) {
      yield `- ${show(path)}`;
      continue;
    }
    yield* diffAttributes(show(path), attributesOf(first, inode), attributesOf(second, other));
    const [a, b] = [before.firstName(inode), after.firstName(other)];
    if (a !== b) yield `~ ${show(path)}: linked to ${show(a)} → ${show(b)}`;
  }
  for (const path of after.paths.keys()) {
    if (!before.paths.has(path)) yield `+ ${show(path)}`;
  }
}

function* diffBlobs(first: RafsImage, second: RafsImage): Generator<string> {
  const before = new Set(first.bootstrap.blobs.map(({ record }) => record.id));
  const after = new Set(second.bootstrap.blobs.map(({ record }) => record.id));
  for (const id of before) if (!after.has(id)) yield `- blob ${id}`;
  for (const id of after) if (!before.has(id)) yield `+ blob ${id}`;
}

function* diffAttributes(
  path: string,
  before: ReadonlyMap<string, string>,
  after: ReadonlyMap<string, string>,
): Generator<string> {
  for (const what of new Set([...before.keys(), ...after.keys()])) {
    const [a, b] = [before.get(what), after.get(what)];
    if (a === b) continue;
    yield what === 'content'
      ? `~ ${path}: content differs`
      : `~ ${path}: ${what} ${a ?? 'none'} → ${b ?? 'none'}`;
  }
}

function show(path: RawPath): string {
  return `/${displayName(path)}`;
}

/** All paths of an image; the first of its names identifies a hard link. */
class Names {
  readonly paths = new Map<RawPath, Inode>();
  readonly #first = new Map<Inode, RawPath>();

  constructor(image: RafsImage) {
    for (const { node, path } of walk(image.bootstrap.root)) {
      this.paths.set(path, node.inode);
      if (!this.#first.has(node.inode)) this.#first.set(node.inode, path);
    }
  }

  firstName(inode: Inode): RawPath {
    return this.#first.get(inode) ?? ('' as RawPath); // every inode of the image has a name
  }
}
