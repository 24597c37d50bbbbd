/**
 * Merges layers in order to one tree. A whiteout hides files of lower layers wherever it stands in its tar, so each
 * layer is walked twice: first to hide, then to add. (OCI image-spec, layer.md, "Representing Changes")
 *
 * This differs from Nydus's merge in three places, on purpose: an implied directory or a missing root entry does not
 * reset the attributes below, whiteouts of the lowest layer do not remain as files, and an implied directory over a
 * symlink is that symlink's target.
 *
 * A whiteout makes neither a name nor the directories on its path. Files below a name that is a whiteout make a directory of that
 * name, as container runtimes do.
 */
import { FormatError } from '../errors.js';
import { type RawName, displayName } from '../oci/raw-name.js';
import type { TreeNode } from '../rafs-builder/model/tree.js';
import { atOnce, isPause, type Steps } from '../turns.js';
import { Effort } from './effort.js';
import {
  type Directory,
  type DraftDirectory,
  type Leaf,
  MAX_DEPTH,
  type Place,
  ROOT_NAME,
  WHITEOUT,
  descend,
  impliedDirectory,
  pathIn,
} from './draft.js';
import type { LayerTree } from './layer-tree.js';

/** AUFS reserves the names with this prefix; only the opaque marker has a meaning. At the root they vanish with their content. */
const RESERVED = '.wh..wh.';
const OPAQUE = '.wh..wh..opq';

/**
 * Returns the tree that a container sees; `layers` are lowest first and stay unchanged. The result shares their inodes,
 * so hard links stay hard links.
 *
 * Throws FormatError when symlinks of lower layers lead a file deeper than any path can be.
 */
export function overlay(layers: readonly LayerTree[]): TreeNode {
  return atOnce(overlaySteps(layers));
}

/** `overlay` in steps. */
export function* overlaySteps(layers: readonly LayerTree[]): Steps<TreeNode> {
  const root = impliedDirectory(ROOT_NAME, layers[0]?.layer ?? 0);
  const top: Place = { directory: root, parent: undefined, depth: 0 };
  const effort = new Effort(0);
  for (const { root: upper, rootExplicit, layer } of layers) {
    yield* hide(top, upper, effort);
    if (rootExplicit) root.inode = upper.inode;
    yield* add(top, upper, { layer, known: new Map(), effort });
    yield;
  }
  return root;
}

/** A directory of the upper layer over the lower one at `place`, and the entries of it that are still to be looked at. */
interface Open {
  readonly place: Place;
  readonly children: Iterator<Directory | Leaf, undefined>;
}

/** Removes the lower nodes that whiteouts in `upper` name; `upper` lies over the lower directory at `place`. */
function* hide(place: Place, upper: Directory, effort: Effort): Steps<void> {
  let count = 0;
  const open: Open[] = [];
  const enter = function* (place: Place, upper: Directory): Steps<void> {
    const lower = place.directory.children;
    if (lower.size === 0) return;
    let hasDirectories = false;
    for (const child of upper.children.values()) {
      if (isPause(++count)) yield;
      hasDirectories ||= child.children !== undefined;
      if (child.name.startsWith(WHITEOUT) && (child.children === undefined || child.hides === true)) {
        if (child.name === OPAQUE) lower.clear();
        else if (!child.name.startsWith(RESERVED)) lower.delete(child.name.slice(WHITEOUT.length) as RawName); // the rest of a raw name is a raw name
      }
    }
    if (hasDirectories) open.push({ place, children: upper.children.values() });
  };
  yield* enter(place, upper);
  // Without recursion, since a generator inside of generators pays for each of them at every pause.
  for (let top = open.at(-1); top !== undefined; top = open.at(-1)) {
    const { done, value: child } = top.children.next();
    if (done === true) open.pop();
    if (isPause(++count)) yield;
    if (done === true || child.children === undefined) continue;
    const below = lowerDirectory(top.place, child, undefined, effort);
    if (below !== undefined) yield* enter(below, child);
  }
}

/** Adds the children of `upper` to the directory at `place`. */
function* add(
  place: Place,
  upper: Directory,
  {
    layer,
    known,
    effort,
  }: { readonly layer: number; readonly known: Map<Directory, boolean>; readonly effort: Effort },
): Steps<void> {
  let count = 0;
  const open: Open[] = [{ place, children: upper.children.values() }];
  for (let top = open.at(-1); top !== undefined; top = open.at(-1)) {
    const { done, value: child } = top.children.next();
    if (isPause(++count)) yield;
    if (done === true) {
      open.pop();
      continue;
    }
    if (top.place.depth === 0 && child.name.startsWith(RESERVED)) continue;
    if (child.children === undefined) {
      if (!child.name.startsWith(WHITEOUT)) top.place.directory.children.set(child.name, child);
      continue;
    }
    if (child.inode.implied && !leadsToNames(child, known)) continue;
    const below = lowerDirectory(top.place, child, layer, effort) ?? freshDirectory(top.place, child, layer);
    if (!child.inode.implied) below.directory.inode = child.inode;
    open.push({ place: below, children: child.children.values() });
  }
}

/** True if a directory leads to a name that is no whiteout. `known` has the answers so far. */
function leadsToNames(upper: Directory, known: Map<Directory, boolean>): boolean {
  const answer = known.get(upper);
  if (answer !== undefined) return answer;
  let found = false;
  for (const child of upper.children.values()) {
    if (child.children === undefined) found = !child.name.startsWith(WHITEOUT);
    else found = !child.inode.implied || leadsToNames(child, known);
    if (found) break;
  }
  known.set(upper, found);
  return found;
}

/**
 * Returns the lower directory that `upper` is merged with: the one of the same name, or the target of a symlink of that
 * name if the upper layer has no entry for it. Undefined means that `upper` replaces the lower node.
 */
function lowerDirectory(
  place: Place,
  upper: Directory,
  makeFor: number | undefined,
  effort: Effort,
): Place | undefined {
  const present = place.directory.children.get(upper.name);
  if (present === undefined) return undefined;
  if (present.children !== undefined) return { directory: present, parent: place, depth: place.depth + 1 };
  if (present.inode.kind !== 'symlink' || !upper.inode.implied) return undefined;
  // A symlink that leads to no directory is replaced, like a file.
  const descent = descend(place, [upper.name], makeFor, effort);
  return descent.kind === 'found' ? descent.place : undefined;
}

function freshDirectory(place: Place, upper: Directory, layer: number): Place {
  if (place.depth >= MAX_DEPTH) {
    const path = displayName(pathIn(place, upper.name));
    throw new FormatError(`"${path}" of layer ${layer}: it lies deeper than ${MAX_DEPTH} directories`);
  }
  const directory: DraftDirectory = { name: upper.name, inode: upper.inode, children: new Map() };
  place.directory.children.set(upper.name, directory);
  return { directory, parent: place, depth: place.depth + 1 };
}
