/**
 * The order in which RAFS numbers, stores and merges: all names of one directory sorted by bytes, then its directories,
 * each with everything below it. (Nydus calls this breadth-first; it is not.)
 */
import { compareRaw, type RawPath } from '../../oci/raw-name.js';
import { isPause, type Steps, sortSteps } from '../../turns.js';
import type { TreeNode } from './tree.js';

export interface WalkStep {
  readonly node: TreeNode;
  /** Undefined for the root. */
  readonly parent: TreeNode | undefined;
  /** Empty for the root. */
  readonly path: RawPath;
}

/** Returns the children in byte order of their names, the order of directory entries. */
export function sortedChildren(node: TreeNode): TreeNode[] {
  if (node.children === undefined) return [];
  return Array.from(node.children.values()).sort((a, b) => compareRaw(a.name, b.name));
}

/** `sortedChildren` in steps. */
export function sortedChildrenSteps({ children }: TreeNode): Steps<TreeNode[]> {
  return sortSteps(Array.from(children?.values() ?? []), (a, b) => compareRaw(a.name, b.name));
}

/** Yields every name once, the root first, without recursion. */
export function* walk(root: TreeNode): Generator<WalkStep> {
  for (const step of walkInSteps(root)) if (step !== undefined) yield step;
}

/** `walk`, with pauses (undefined) in between, at which a caller may let the event loop turn. */
export function* walkInSteps(root: TreeNode): Generator<WalkStep | undefined, void> {
  let count = 0;
  yield { node: root, parent: undefined, path: '' as RawPath }; // the root's path is empty by definition
  const pending: { readonly node: TreeNode; readonly path: RawPath }[] = [
    { node: root, path: '' as RawPath },
  ];
  for (let directory = pending.pop(); directory !== undefined; directory = pending.pop()) {
    const below = pending.length;
    for (const child of yield* sortedChildrenSteps(directory.node)) {
      if (isPause(++count)) yield undefined;
      const path = (directory.path === '' ? child.name : `${directory.path}/${child.name}`) as RawPath; // joins components with '/'
      yield { node: child, parent: directory.node, path };
      if (child.children !== undefined) pending.push({ node: child, path });
    }
    reverseFrom(pending, below);
  }
}

/** Reverses the end of a stack, so that the first directory in order is popped next. */
export function reverseFrom(stack: unknown[], start: number): void {
  for (let i = start, j = stack.length - 1; i < j; i++, j--) [stack[i], stack[j]] = [stack[j], stack[i]];
}
