/** The part of an image that is extracted: the paths that were asked for, and the directories that lead to them. */
import type { Found } from '../look/lookup.js';
import type { RawName } from '../oci/raw-name.js';
import type { TreeNode } from '../rafs-builder/model/tree.js';

/** A directory of which a part is wanted. */
type Part = Map<RawName, Part | 'whole'>;

/** Returns the tree itself when the root is among the paths. */
export function selectedTree(root: TreeNode, found: readonly Found[]): TreeNode {
  const wanted: Part = new Map();
  for (const { path } of found) {
    if (path === '') return root;
    add(wanted, path.split('/') as RawName[]); // components of a raw path are raw names
  }
  return partOf(root, wanted);
}

function add(part: Part, names: readonly RawName[]): void {
  let inside = part;
  for (const [i, name] of names.entries()) {
    const known = inside.get(name);
    if (known === 'whole') return;
    if (i === names.length - 1) {
      inside.set(name, 'whole');
      return;
    }
    const next = known ?? (new Map() as Part);
    inside.set(name, next);
    inside = next;
  }
}

function partOf(node: TreeNode, part: Part): TreeNode {
  const children = new Map<RawName, TreeNode>();
  for (const [name, wanted] of part) {
    const child = node.children?.get(name);
    if (child !== undefined) children.set(name, wanted === 'whole' ? child : partOf(child, wanted));
  }
  return { name: node.name, inode: node.inode, children };
}
