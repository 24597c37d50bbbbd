/**
 * The names of a layer by number: a directory before what is in it, names by their bytes. A recipe names entries by these numbers,
 * since most tars list them in nearly this order.
 */
import type { RawName, RawPath } from '../oci/raw-name.js';
import type { Inode, TreeNode } from '../rafs-builder/model/tree.js';
import { sortedChildrenSteps } from '../rafs-builder/model/walk.js';
import { isPause, type Steps } from '../turns.js';

export class LayerNodes {
  readonly #nodes: TreeNode[] = [];
  readonly #parents: number[] = [];
  readonly #numbers = new Map<TreeNode, number>();
  readonly #linked = new Set<Inode>();

  /** Numbers the names of a tree in steps. */
  static *of(root: TreeNode): Steps<LayerNodes> {
    const nodes = new LayerNodes();
    const seen = new Set<Inode>();
    const pending: { readonly node: TreeNode; readonly parent: number }[] = [{ node: root, parent: -1 }];
    for (let place = pending.pop(); place !== undefined; place = pending.pop()) {
      const { node, parent } = place;
      const number = nodes.#nodes.length;
      if (isPause(number)) yield;
      nodes.#nodes.push(node);
      nodes.#parents.push(parent);
      nodes.#numbers.set(node, number);
      if (seen.has(node.inode)) nodes.#linked.add(node.inode);
      else if (node.inode.kind !== 'directory') seen.add(node.inode);
      const children = yield* sortedChildrenSteps(node);
      for (const child of children.reverse()) pending.push({ node: child, parent: number });
    }
    return nodes;
  }

  get length(): number {
    return this.#nodes.length;
  }

  at(number: number): TreeNode | undefined {
    return this.#nodes[number];
  }

  /** The number of a path; undefined if the layer has no such name. */
  find(path: RawPath): number | undefined {
    let node = this.#nodes[0];
    if (path === '') return 0;
    for (const name of path.split('/')) node = node?.children?.get(name as RawName); // components of a path are names
    return node === undefined ? undefined : this.#numbers.get(node);
  }

  path(number: number): RawPath {
    const names: string[] = [];
    for (let at = number; at > 0; at = this.#parents[at] ?? 0) names.push(this.#nodes[at]?.name ?? '');
    return names.reverse().join('/') as RawPath; // joins components with '/'
  }

  /** True for an inode with several names. */
  isLinked(inode: Inode): boolean {
    return this.#linked.has(inode);
  }
}
