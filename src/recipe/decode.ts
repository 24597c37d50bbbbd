/** Makes the tar of a layer again: what a recipe says of its structure, and the files of the tree between. */
import { FormatError } from '../errors.js';
import type { RawPath } from '../oci/raw-name.js';
import type { Inode, TreeNode } from '../rafs-builder/model/tree.js';
import { isPause } from '../turns.js';
import { ByteReader } from './bytes.js';
import { FactsOfEntries } from './facts.js';
import { entryBytes, type EntryForm, padding } from './form.js';
import { LayerNodes } from './nodes.js';
import type { Recipe } from './recipe.js';

/** Bytes of stored data that are handed on at a time. */
const PIECE = 1024 * 1024;

type FileInode = Extract<Inode, { readonly kind: 'file' }>;

/** Bytes of a file, from one offset to another. */
export interface FilePart {
  readonly file: FileInode;
  readonly path: RawPath;
  readonly start: number;
  readonly end: number;
}

/** Yields the parts of the tar, with pauses (undefined) between. Throws FormatError for a recipe of another tree. */
export function* decodeRecipe(
  recipe: Recipe,
  root: TreeNode,
): Generator<Buffer | FilePart | undefined, void> {
  const nodes = yield* LayerNodes.of(root);
  const facts = new FactsOfEntries(nodes);
  const [places, shapes, args, stored] = [recipe.places, recipe.shapes, recipe.args, recipe.stored].map(
    (list) => new ByteReader(list),
  );
  if (places === undefined || shapes === undefined || args === undefined || stored === undefined) return;
  let next = 0;
  for (let entry = 0; entry < recipe.head.entries; entry++) {
    if (isPause(entry)) yield undefined;
    const form = recipe.forms[shapes.number()];
    if (form === undefined) throw otherTree();
    const number = form.known ? next + places.signed() : undefined;
    if (number !== undefined) next = number + 1;
    const node = nodes.at(number ?? 0);
    if (node === undefined) throw otherTree();
    yield entryBytes(form, facts.next(number), args);
    const path = nodes.path(number ?? 0);
    let size = 0;
    for (const part of dataOf(form, { node, path }, args, stored)) {
      yield part;
      size += 'file' in part ? part.end - part.start : part.length;
    }
    const rest = form.isPadded ? padding(size) : args.string();
    if (rest.length > 0) yield rest;
  }
  if (recipe.tail.length > 0) yield recipe.tail;
}

function* dataOf(
  { data }: EntryForm,
  { node: { inode }, path }: { readonly node: TreeNode; readonly path: RawPath },
  args: ByteReader,
  stored: ByteReader,
): Generator<Buffer | FilePart> {
  if (data === 'none') return;
  if (data === 'stored') {
    for (let left = args.number(); left > 0; left -= PIECE) yield stored.raw(Math.min(left, PIECE));
    return;
  }
  if (inode.kind !== 'file') throw otherTree();
  if (data === 'whole') {
    yield { file: inode, path, start: 0, end: inode.size };
    return;
  }
  let at = 0;
  for (let left = args.number(); left > 0; left--) {
    const start = at + args.number();
    at = start + args.number();
    if (at > inode.size) throw otherTree();
    yield { file: inode, path, start, end: at };
  }
}

function otherTree(): FormatError {
  return new FormatError('the recipe of a tar does not belong to the layer');
}
