/**
 * Makes the tree of one layer from its tar entries in their order. Whiteouts stay files here: they hide files of other
 * layers, and the layer's own bootstrap keeps them.
 */
import { FormatError } from '../errors.js';
import { type RawName, type RawPath, displayName } from '../oci/raw-name.js';
import type { Inode, LayerEntry } from '../rafs-builder/model/tree.js';
import { atOnce, type Steps } from '../turns.js';
import { Effort } from './effort.js';
import {
  type Directory,
  type DraftDirectory,
  type Place,
  ROOT_NAME,
  components,
  descend,
  impliedDirectory,
  WHITEOUT,
} from './draft.js';

/** An entry of a few bytes can imply a thousand directories. */
const ENTRIES_AT_ONCE = 16;

export interface LayerTree {
  readonly root: Directory;
  /** False: the tar has no entry for the root, so the root of the layer below keeps its attributes. */
  readonly rootExplicit: boolean;
  /** The source layer, where 0 is the lowest; all inodes carry it. */
  readonly layer: number;
  /** Directories without an entry. */
  readonly implied: number;
  /** The inodes that hard links refer to, even if some of their names were replaced later. */
  readonly linked: ReadonlySet<Inode>;
}

/**
 * Applies entries one after the other: the last entry of a path wins, a directory keeps its children, and a hard link
 * adds a name to the inode that its target has at that moment. A parent without an entry becomes an implied directory;
 * a parent that is a symlink is followed inside the root.
 *
 * Throws FormatError, with the entry and its offset in the tar, for entries that no file system can hold.
 */
export function buildLayerTree(entries: readonly LayerEntry[], layer: number): LayerTree {
  return atOnce(layerTreeSteps(entries, layer));
}

/** `buildLayerTree` in steps. */
export function* layerTreeSteps(entries: readonly LayerEntry[], layer: number): Steps<LayerTree> {
  const root = impliedDirectory(ROOT_NAME, layer);
  const top: Place = { directory: root, parent: undefined, depth: 0 };
  const effort = new Effort(entries.length);
  const parents = new ParentFinder(top, layer, effort);
  const linked = new Set<Inode>();
  for (const [count, entry] of entries.entries()) {
    addEntry(entry, top, parents, linked, layer);
    if (count % ENTRIES_AT_ONCE === 0) yield;
  }
  return { root, rootExplicit: !root.inode.implied, layer, implied: effort.implied, linked };
}

function addEntry(
  entry: LayerEntry,
  top: Place,
  parents: ParentFinder,
  linked: Set<Inode>,
  layer: number,
): void {
  const { path, body } = entry;
  if (path === '') {
    if (body.kind !== 'directory') throw refusal(entry, `the root must be a directory, not a ${body.kind}`);
    top.directory.inode = ofLayer(body, layer);
    return;
  }
  const cut = path.lastIndexOf('/');
  const name = path.slice(cut + 1) as RawName; // a component of a raw path is a raw name
  const parent = parents.find(entry, path.slice(0, Math.max(0, cut)) as RawPath); // the components before it are a raw path
  const present = parent.children.get(name);
  if (present?.children !== undefined && name.startsWith(WHITEOUT)) {
    present.hides = true;
    return;
  }
  if (body.kind === 'directory') {
    const inode = ofLayer(body, layer);
    if (present?.children !== undefined) {
      present.inode = inode;
      return;
    }
    parent.children.set(name, { name, inode, children: new Map() });
  } else if (body.kind === 'hardlink') {
    const inode = linkedInode(entry, body.target, top, { parent, name, effort: parents.effort });
    linked.add(inode);
    parent.children.set(name, { name, inode });
  } else {
    parent.children.set(name, { name, inode: ofLayer(body, layer) });
  }
  // The replaced node may have been on the way to directories that the finder remembers.
  if (present?.children !== undefined || present?.inode.kind === 'symlink') parents.forget();
}

/** Finds the parent directories of entries, and remembers each. */
class ParentFinder {
  readonly #top: Place;
  readonly #layer: number;
  readonly effort: Effort;
  readonly #found = new Map<RawPath, DraftDirectory>();

  constructor(top: Place, layer: number, effort: Effort) {
    this.effort = effort;
    this.#top = top;
    this.#layer = layer;
  }

  find(entry: LayerEntry, path: RawPath): DraftDirectory {
    const known = this.#found.get(path);
    if (known !== undefined) return known;
    const descent = descend(this.#top, components(path), this.#layer, this.effort);
    if (descent.kind !== 'found') {
      throw refusal(entry, descent.kind === 'blocked' ? descent.reason : 'its directory is missing');
    }
    const { directory } = descent.place;
    this.#found.set(path, directory);
    return directory;
  }

  forget(): void {
    this.#found.clear();
  }
}

/** Returns the inode that a hard link adds a name to. */
function linkedInode(
  entry: LayerEntry,
  target: RawPath,
  top: Place,
  link: { readonly parent: DraftDirectory; readonly name: RawName; readonly effort: Effort },
): Inode {
  const names = components(target);
  const name = names.pop() ?? ROOT_NAME;
  const descent = descend(top, names, undefined, link.effort);
  const shown = `a hard link to "${displayName(target)}"`;
  if (descent.kind === 'blocked') throw refusal(entry, `${shown}: ${descent.reason}`);
  const directory = descent.kind === 'found' ? descent.place.directory : undefined;
  if (directory === link.parent && name === link.name) throw refusal(entry, `${shown}, which is itself`);
  const node = name === ROOT_NAME ? top.directory : directory?.children.get(name);
  // A whiteout is no file that could have a second name.
  if (node === undefined || name.startsWith(WHITEOUT)) {
    throw refusal(
      entry,
      `${shown}, which has no entry before it in this layer`,
      'a layer must hold every file that its hard links name; build the image again with another tool',
    );
  }
  if (node.children !== undefined) throw refusal(entry, `${shown}, which is a directory`);
  return node.inode;
}

/**
 * Copies an inode for a layer, since a layer that is listed twice shares one table of entries, and links never cross
 * layers.
 */
function ofLayer<T extends Inode>(inode: T, layer: number): T {
  return inode.layer === layer ? inode : { ...inode, layer };
}

function refusal(entry: LayerEntry, reason: string, hint?: string): FormatError {
  const message = `tar entry "${displayName(entry.path)}" at offset ${entry.offset}: ${reason}`;
  return new FormatError(message, { offset: entry.offset, hint });
}
