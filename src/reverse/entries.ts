/**
 * The entries of a layer in canonical order: a directory before what is in it, names by their bytes, and whiteouts first, because
 * some runtimes apply an entry as they read it. The order depends on the tree alone, so every format gives one tar.
 */
import type { RawPath } from '../oci/raw-name.js';
import { sortedChildrenSteps } from '../rafs-builder/model/walk.js';
import type { Inode, TreeNode } from '../rafs-builder/model/tree.js';
import { isPause } from '../turns.js';

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
}

/**
 * Yields the entries, with pauses (undefined) between. `merged` is the root of the whole image: it says which directories have no
 * entry in the layer.
 */
export function* entriesInSteps(root: TreeNode, merged: TreeNode): Generator<LayerFile | undefined, void> {
  const names = new Map<Inode, RawPath>();
  const pending: Place[] = [{ node: root, path: '' as RawPath, merged }]; // the root's path is empty by definition
  let count = 0;
  for (let place = pending.pop(); place !== undefined; place = pending.pop()) {
    if (isPause(++count)) yield undefined;
    const { node, path } = place;
    const { inode } = node;
    const link = inode.kind === 'directory' ? undefined : names.get(inode);
    if (link === undefined && inode.kind !== 'directory') names.set(inode, path);
    if (!isImplied(place)) yield { path, inode, link };
    const children = yield* sortedChildrenSteps(node);
    const inOrder = [...children.filter(isWhiteout), ...children.filter((child) => !isWhiteout(child))];
    for (const child of inOrder.reverse()) {
      pending.push({
        node: child,
        path: (path === '' ? child.name : `${path}/${child.name}`) as RawPath, // joins components with '/'
        merged: place.merged?.children?.get(child.name),
      });
    }
  }
}

function isWhiteout({ name }: TreeNode): boolean {
  return name.startsWith('.wh.');
}

/**
 * True for a directory without an entry, which must not change the attributes of the one below. A bootstrap shows it as one with
 * mode 0755, owner 0:0 and time 0. A directory whose entry says just that looks the same; but then the image has these attributes,
 * too, unless a layer above says otherwise, and an entry would change nothing.
 */
function isImplied({ node, path, merged }: Place): boolean {
  if (!looksImplied(node.inode)) return false;
  if (node.children?.size === 0) return path === '';
  return merged?.inode.kind === 'directory' && !looksImplied(merged.inode);
}

function looksImplied({ kind, mode, uid, gid, mtime, mtimeNsec, xattrs }: Inode): boolean {
  const isBare = uid === 0 && gid === 0 && mtime === 0 && mtimeNsec === 0 && xattrs.length === 0;
  return kind === 'directory' && mode === 0o755 && isBare;
}
