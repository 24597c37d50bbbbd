/**
 * A tree under construction. A path that leads through symlinks is followed inside the root, as container runtimes do
 * when they unpack, and directories without an entry are made on the way.
 */
import type { Effort } from './effort.js';
import { type RawName, type RawPath, displayName } from '../oci/raw-name.js';
import type { Inode, TreeNode } from '../rafs-builder/model/tree.js';

export type DirectoryInode = Inode & { readonly kind: 'directory' };

/** A finished tree. Its type distinguishes directories from other nodes. */
export interface Directory extends TreeNode {
  readonly inode: DirectoryInode;
  readonly hides?: boolean;
  readonly children: ReadonlyMap<RawName, Directory | Leaf>;
}
export interface Leaf extends TreeNode {
  readonly children?: undefined;
}

/** A directory that is still being filled. */
export interface DraftDirectory extends Directory {
  inode: DirectoryInode;
  /** True for a directory whose name an entry has made a whiteout: files below a whiteout lie in such a directory. */
  hides?: boolean;
  readonly children: Map<RawName, Draft>;
}
export type Draft = DraftDirectory | Leaf;

/** A directory with the way back to the root. */
export interface Place {
  readonly directory: DraftDirectory;
  /** Undefined for the root. */
  readonly parent: Place | undefined;
  /** 0 for the root. */
  readonly depth: number;
}

/** No path that Linux accepts is deeper (PATH_MAX is 4096), and recursion over trees of this depth fits the stack. */
export const MAX_DEPTH = 2048;
/** The kernel follows at most this many links (MAXSYMLINKS). */
const MAX_LINKS = 40;
const MAX_NAME = 255;

/**
 * Only the name of an entry makes it a whiteout: builders have stored whiteouts as files, devices, directories, symlinks and hard
 * links, and container runtimes apply all of them.
 */
export const WHITEOUT = '.wh.';

export const ROOT_NAME = '' as RawName; // the root's name is empty by definition

/** Makes a directory that has no entry: 0755, 0:0, time 0, as Nydus does (builder/src/tarball.rs). */
export function impliedDirectory(name: RawName, layer: number): DraftDirectory {
  return {
    name,
    inode: {
      kind: 'directory',
      implied: true,
      mode: 0o755,
      uid: 0,
      gid: 0,
      mtime: 0,
      mtimeNsec: 0,
      xattrs: [],
      layer,
    },
    children: new Map(),
  };
}

export function components(path: RawPath): RawName[] {
  return path === '' ? [] : (path.split('/') as RawName[]); // a component of a raw path is a raw name
}

/** Returns the path of `name` in a directory. */
export function pathIn(place: Place, name: RawName): RawPath {
  const names = [name];
  for (let at = place; at.parent !== undefined; at = at.parent) names.push(at.directory.name);
  return names.reverse().join('/') as RawPath; // raw names joined by `/` are a raw path
}

export type Descent =
  | { readonly kind: 'found'; readonly place: Place }
  /** A directory is missing, and `makeFor` is undefined. */
  | { readonly kind: 'missing' }
  /** A part of the path is no directory; `reason` completes "entry X: …". */
  | { readonly kind: 'blocked'; readonly reason: string };

/**
 * Walks from a directory along `names`. It makes missing directories for layer `makeFor`, and stops at one when that is
 * undefined. `..` occurs in targets of symlinks and never leads above the root.
 */
export function descend(
  from: Place,
  names: readonly RawName[],
  makeFor: number | undefined,
  effort: Effort,
): Descent {
  let place = from;
  let links = 0;
  // The next name is at the end, so that the target of a symlink can be put before the remaining names.
  const ahead = names.toReversed();
  for (let name = ahead.pop(); name !== undefined; name = ahead.pop()) {
    if (name === '' || name === '.') continue;
    if (name === '..') {
      place = place.parent ?? place;
      continue;
    }
    let child = place.directory.children.get(name);
    if (child === undefined) {
      if (makeFor === undefined) return { kind: 'missing' };
      if (name.length > MAX_NAME) {
        return blocked(
          `a symlink on its path leads to a name of ${name.length} bytes; ${MAX_NAME} is the limit`,
        );
      }
      effort.imply();
      child = impliedDirectory(name, makeFor);
      place.directory.children.set(name, child);
    }
    if (child.children !== undefined) {
      if (place.depth >= MAX_DEPTH) return blocked(`it lies deeper than ${MAX_DEPTH} directories`);
      place = { directory: child, parent: place, depth: place.depth + 1 };
    } else if (child.inode.kind === 'symlink') {
      links += 1;
      if (links > MAX_LINKS) return blocked(`its path goes through more than ${MAX_LINKS} symlinks`);
      if (child.inode.target.startsWith('/')) place = rootOf(place);
      const target = components(child.inode.target);
      effort.follow(target.length);
      ahead.push(...target.reverse());
    } else if (makeFor !== undefined && child.name.startsWith(WHITEOUT)) {
      const directory = { ...impliedDirectory(name, makeFor), hides: true };
      place.directory.children.set(name, directory);
      place = { directory, parent: place, depth: place.depth + 1 };
    } else {
      return blocked(
        `"${displayName(pathIn(place, name))}" on its path is not a directory but a ${child.inode.kind}`,
      );
    }
  }
  return { kind: 'found', place };
}

function rootOf(place: Place): Place {
  let root = place;
  while (root.parent !== undefined) root = root.parent;
  return root;
}

function blocked(reason: string): Descent {
  return { kind: 'blocked', reason };
}
