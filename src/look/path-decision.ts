/**
 * Decides, while the layers of an image are read from the top down, whether lower layers can still change where a path
 * leads. The merged tree is built anew only for a layer that brings the name at which the path ended before, so the work
 * grows with the layers and not with their square.
 */
import { isPause, type Steps } from '../turns.js';
import type { LayerTree } from '../merge/layer-tree.js';
import type { RawName, RawPath } from '../oci/raw-name.js';
import type { TreeNode } from '../rafs-builder/model/tree.js';
import { follow, type LookupOptions } from './lookup.js';

export class PathDecision {
  readonly #path: RawPath;
  readonly #options: LookupOptions;
  /** The place at which the path ended in the layers so far; undefined before the first layer. */
  #end: { readonly at: RawPath; readonly name: RawName } | undefined;
  /** True once only the lowest layer can end the reading. */
  #needsAll = false;

  constructor(path: RawPath, options: LookupOptions) {
    this.#path = path;
    this.#options = options;
  }

  /** Takes the next lower layer; `merged` makes the tree of all layers so far. True if no lower layer is needed. */
  *add({ root }: LayerTree, merged: () => Steps<TreeNode>): Steps<boolean> {
    // A directory without an entry may be a symbolic link in a lower layer, and its files then lie elsewhere.
    this.#needsAll ||= yield* hasImplied(root);
    if (this.#needsAll) return false;
    const before = this.#end;
    if (before !== undefined && !holds(root, before)) return false;
    const end = follow(yield* merged(), this.#path, this.#options);
    if ('node' in end) {
      // Lower layers may add names to a directory.
      this.#needsAll = end.node.children !== undefined;
      return !this.#needsAll;
    }
    // A name that stays missing though this layer has it is hidden by an upper layer.
    const isHidden = before?.at === end.missing?.at && before?.name === end.missing?.name;
    this.#needsAll = end.missing === undefined || isHidden;
    this.#end = end.missing;
    return false;
  }
}

function holds(root: TreeNode, { at, name }: { readonly at: RawPath; readonly name: RawName }): boolean {
  let node: TreeNode | undefined = root;
  for (const part of at === '' ? [] : at.split('/')) node = node?.children?.get(part as RawName); // parts of a raw path are raw names
  return node?.children?.has(name) === true;
}

function* hasImplied(root: TreeNode): Steps<boolean> {
  const pending = [root];
  let count = 0;
  for (let node = pending.pop(); node !== undefined; node = pending.pop()) {
    for (const child of node.children?.values() ?? []) {
      if (isPause(++count)) yield;
      if (child.children === undefined) continue;
      if (child.inode.kind === 'directory' && child.inode.implied) return true;
      pending.push(child);
    }
  }
  return false;
}
