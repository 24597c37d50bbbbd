/**
 * A tree under construction, and how a path finds its way in it: symlinks among the parents are followed inside the
 * root, as container runtimes do when they unpack, and directories that nobody named are made on the way.
 */
import { type RawName, type RawPath, displayName } from '../oci/raw-name.js';
import type { Inode, TreeNode } from '../rafs-builder/model/tree.js';

export type DirectoryInode = Inode & { readonly kind: 'directory' };

/** A finished tree whose directories are told from the rest by their type. */
export interface Directory extends TreeNode {
  readonly inode: DirectoryInode;
  readonly children: ReadonlyMap<RawName, Directory | Leaf>;
}
export interface Leaf extends TreeNode {
  readonly children?: undefined;
}

/** A directory that is still being filled. */
export interface DraftDirectory extends Directory {
  inode: DirectoryInode;
  readonly children: Map<RawName, Draft>;
}
export type Draft = DraftDirectory | Leaf;

/** Where a directory lies: the way back to the root. */
export interface Place {
  readonly directory: DraftDirectory;
  /** Undefined for the root. */
  readonly parent: Place | undefined;
  /** 0 for the root. */
  readonly depth: number;
}

/** Deeper than any path that Linux can name (PATH_MAX is 4096); keeps recursion over trees within the stack. */
export const MAX_DEPTH = 2048;
/** As the kernel has it (MAXSYMLINKS). */
const MAX_LINKS = 40;
const MAX_NAME = 255;

export const ROOT_NAME = '' as RawName; // by definition

/** A directory without an entry of its own: 0755, 0:0, time 0 (Nydus builder/src/tarball.rs makes the same). */
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
  return path === '' ? [] : (path.split('/') as RawName[]); // pieces of raw text are raw text
}

/** The path of `name` in a directory. */
export function pathIn(place: Place, name: RawName): RawPath {
  const names = [name];
  for (let at = place; at.parent !== undefined; at = at.parent) names.push(at.directory.name);
  return names.reverse().join('/') as RawPath; // pieces of raw text are raw text
}

export type Descent =
  | { readonly kind: 'found'; readonly place: Place }
  /** Only where nothing may be made. */
  | { readonly kind: 'missing' }
  /** The way does not lead to a directory; `reason` completes "entry X: …". */
  | { readonly kind: 'blocked'; readonly reason: string };

/**
 * Walks from a directory to the one that `names` lead to. Missing ones are made for layer `makeFor`, or, when that is
 * undefined, are the end of it. `..` occurs in targets of symlinks and never leads above the root.
 */
export function descend(from: Place, names: readonly RawName[], makeFor: number | undefined): Descent {
  let place = from;
  let links = 0;
  // The next name is at the end, so that a symlink's target can be put before what is left.
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
      ahead.push(...components(child.inode.target).reverse());
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
