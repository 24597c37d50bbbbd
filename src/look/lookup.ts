/** Finds the paths that people type. Symbolic links are followed inside the image and never out of it. */
import { NoSuchPathError } from '../errors.js';
import { displayName, rawNameFromText, type RawName, type RawPath } from '../oci/raw-name.js';
import type { TreeNode } from '../rafs-builder/model/tree.js';

export interface Found {
  readonly node: TreeNode;
  /** The node's path without symbolic links; empty for the root. */
  readonly path: RawPath;
}

export interface LookupOptions {
  /** True: a link as the last component is followed. Links before it always are. */
  readonly follow: boolean;
}

/** Linux follows at most this many links (MAXSYMLINKS). */
const MAX_LINKS = 40;

/**
 * Converts typed text to bytes: UTF-8, and `\xHH` for one byte, the form in which names that are not UTF-8 are printed.
 * Paths start at the root of the image with or without a leading slash.
 */
export function pathFromText(text: string): RawPath {
  const bytes = rawNameFromText(text).replace(/\\x([0-9a-fA-F]{2})/g, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
  return bytes as RawPath; // `bytes` holds one byte in each character
}

/** Formats a path for people, with a leading slash. */
export function showPath(path: RawPath): string {
  return `/${displayName(path)}`;
}

/** The reason why a path leads nowhere. */
export interface DeadEnd {
  readonly reason: string;
  /** The directory without the next name of the path; undefined when something else stops the way. */
  readonly missing:
    { readonly directory: TreeNode; readonly at: RawPath; readonly name: RawName } | undefined;
}

/** Throws NoSuchPathError; its hint names similar paths that exist. */
export function lookup(root: TreeNode, path: RawPath, options: LookupOptions): Found {
  const end = follow(root, path, options);
  if ('node' in end) return end;
  const { reason, missing } = end;
  throw new NoSuchPathError(`${shown(path)}: ${reason}`, {
    hint: missing && nearest(missing.name, missing.directory.children?.keys() ?? []),
  });
}

/** Follows a path as far as it goes. */
export function follow(root: TreeNode, path: RawPath, options: LookupOptions): Found | DeadEnd {
  const stack: TreeNode[] = [root];
  let rest = path.split('/');
  let links = 0;
  const here = (): RawPath =>
    stack
      .slice(1)
      .map(({ name }) => name)
      .join('/') as RawPath; // joins components with `/`
  while (rest.length > 0) {
    const [component = '', ...behind] = rest;
    rest = behind;
    const directory = stack.at(-1) ?? root;
    if (directory.children === undefined) {
      // A path continues below a file, or ends with a slash after one.
      const reason = `${showPath(here())} is a ${directory.inode.kind}, not a directory`;
      return { reason, missing: undefined };
    }
    if (component === '' || component === '.') continue;
    if (component === '..') {
      // The root is its own parent.
      if (stack.length > 1) stack.pop();
      continue;
    }
    const name = component as RawName; // a component of a raw path is a raw name
    const node = directory.children.get(name);
    if (node === undefined) {
      const reason = `there is no ${displayName(name)} in ${showPath(here())}`;
      return { reason, missing: { directory, at: here(), name } };
    }
    const { inode } = node;
    if (inode.kind !== 'symlink' || (rest.length === 0 && !options.follow)) {
      stack.push(node);
      continue;
    }
    links += 1;
    if (links > MAX_LINKS) {
      return { reason: `more than ${MAX_LINKS} symbolic links on the way`, missing: undefined };
    }
    if (inode.target.startsWith('/')) stack.length = 1;
    rest = [...inode.target.split('/'), ...rest];
  }
  return { node: stack.at(-1) ?? root, path: here() };
}

function shown(path: RawPath): string {
  return showPath(path.replace(/^\/+/, '') as RawPath); // a raw path without leading slashes is a raw path
}

/** The most names in a hint. */
const SUGGESTIONS = 3;

/** Returns a hint with the names most like `name`; undefined when none is similar. */
function nearest(name: RawName, names: Iterable<RawName>): string | undefined {
  const reach = Math.max(1, Math.floor(name.length / 3));
  const near: { readonly name: RawName; readonly distance: number }[] = [];
  for (const candidate of names) {
    const distance = likeness(name, candidate, reach);
    if (distance <= reach) near.push({ name: candidate, distance });
  }
  near.sort((a, b) => a.distance - b.distance || (a.name < b.name ? -1 : 1));
  const listed = near.slice(0, SUGGESTIONS).map((one) => displayName(one.name));
  return listed.length === 0 ? undefined : `did you mean ${listed.join(' or ')}?`;
}

/**
 * Returns 0 if only the case differs, 1 if one name begins with the other, else the edit distance; above `reach` it may
 * be too large.
 */
function likeness(a: string, b: string, reach: number): number {
  const [left, right] = [a.toLowerCase(), b.toLowerCase()];
  if (left === right) return 0;
  if (left.length >= 2 && right.startsWith(left)) return 1;
  return Math.abs(left.length - right.length) > reach ? reach + 1 : editDistance(left, right);
}

/** Computes the Levenshtein distance: insertions, deletions and substitutions. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
