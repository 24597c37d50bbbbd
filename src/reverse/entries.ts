/**
 * The entries of a layer in canonical order: a directory before what is in it, names by their bytes, and whiteouts first, because
 * some runtimes apply an entry as they read it. The order depends on the tree alone, so every format gives one tar.
 */
import type { RawName, RawPath } from '../oci/raw-name.js';
import { sortedChildrenSteps } from '../rafs-builder/model/walk.js';
import type { Inode, TreeNode } from '../rafs-builder/model/tree.js';
import { isPause, type Steps } from '../turns.js';

export interface LayerFile {
  readonly path: RawPath;
  readonly inode: Inode;
  /** The first name of the inode, if this is another one. */
  readonly link: RawPath | undefined;
}

interface Place {
  readonly node: TreeNode;
  readonly path: RawPath;
  /** What the whole image has at this path. */
  readonly merged: TreeNode | undefined;
  /** True below a symlink of the whole image, through which the entries of the layer lead. */
  readonly isThroughLink: boolean;
}

/**
 * Yields the entries, with pauses (undefined) between. `merged` is the root of the whole image: it says which directories have no
 * entry in the layer.
 */
export function* entriesInSteps(root: TreeNode, merged: TreeNode): Generator<LayerFile | undefined, void> {
  const linked = yield* linkedInSteps(root);
  /** The first names of inodes with several: those of all files would take more memory than the tree. */
  const names = new Map<Inode, RawPath>();
  const pending: Place[] = [{ node: root, path: '' as RawPath, merged, isThroughLink: false }]; // the root's path is empty by definition
  let count = 0;
  for (let place = pending.pop(); place !== undefined; place = pending.pop()) {
    if (isPause(++count)) yield undefined;
    const { node, path } = place;
    const { inode } = node;
    const link = inode.kind === 'directory' ? undefined : names.get(inode);
    if (link === undefined && linked.has(inode)) names.set(inode, path);
    if (!isImplied(place)) yield { path, inode, link };
    const children = yield* sortedChildrenSteps(node);
    const isThroughLink = place.isThroughLink || place.merged?.inode.kind === 'symlink';
    const inOrder = [...children.filter(isWhiteout), ...children.filter((child) => !isWhiteout(child))];
    for (const child of inOrder.reverse()) {
      pending.push({
        node: child,
        path: (path === '' ? child.name : `${path}/${child.name}`) as RawPath, // joins components with '/'
        merged: place.merged?.children?.get(child.name),
        isThroughLink,
      });
    }
  }
}

/** The inodes with several names. */
function* linkedInSteps(root: TreeNode): Generator<undefined, ReadonlySet<Inode>> {
  const seen = new Set<Inode>();
  const linked = new Set<Inode>();
  const pending = [root];
  let count = 0;
  for (let node = pending.pop(); node !== undefined; node = pending.pop()) {
    if (isPause(++count)) yield;
    if (node.children !== undefined) for (const child of node.children.values()) pending.push(child);
    else if (seen.has(node.inode)) linked.add(node.inode);
    else seen.add(node.inode);
  }
  return linked;
}

/** The directories and symlinks of a tree alone: all that `entriesInSteps` needs of an image, which then takes no memory for its files. */
export function* directoriesInSteps(root: TreeNode): Steps<TreeNode> {
  const copy = (node: TreeNode): { readonly node: TreeNode; readonly children: Map<RawName, TreeNode> } => {
    const children = new Map<RawName, TreeNode>();
    return { node: { name: node.name, inode: node.inode, children }, children };
  };
  const top = copy(root);
  const pending = [{ from: root, to: top.children }];
  let count = 0;
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    for (const child of next.from.children?.values() ?? []) {
      if (isPause(++count)) yield;
      if (child.inode.kind === 'symlink') next.to.set(child.name, child);
      if (child.inode.kind !== 'directory') continue;
      const { node, children } = copy(child);
      next.to.set(child.name, node);
      pending.push({ from: child, to: children });
    }
  }
  return top.node;
}

function isWhiteout({ name }: TreeNode): boolean {
  return name.startsWith('.wh.');
}

/**
 * True for a directory without an entry, which must not change the attributes of the one below. A bootstrap shows it as one with
 * mode 0755, owner 0:0 and time 0. A directory whose entry says just that looks the same; but then the image has these attributes,
 * too, unless a layer above says otherwise, and an entry would change nothing. Where the image has a symlink, an entry would replace it.
 */
function isImplied({ node, path, merged, isThroughLink }: Place): boolean {
  if (!looksImplied(node.inode)) return false;
  if (node.children?.size === 0) return path === '';
  if (isThroughLink || merged?.inode.kind === 'symlink') return true;
  return merged?.inode.kind === 'directory' && !looksImplied(merged.inode);
}

function looksImplied({ kind, mode, uid, gid, mtime, mtimeNsec, xattrs }: Inode): boolean {
  const isBare = uid === 0 && gid === 0 && mtime === 0 && mtimeNsec === 0 && xattrs.length === 0;
  return kind === 'directory' && mode === 0o755 && isBare;
}
