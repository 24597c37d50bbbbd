/** Compares trees in the canonical form of `native/reference/src/line.rs` (that of the fixtures' `expected.tree`). */

/** Names of the fields between path and xattrs. */
const FIELDS = ['type', 'mode', 'uid', 'gid', 'size', 'mtime', 'content', 'first link'] as const;

export interface TreeComparison {
  /** Compare times to the second only. */
  readonly wholeSeconds?: boolean;
  /** umoci does not set attributes with an empty value: leave them out on both sides. */
  readonly dropEmptyXattrs?: boolean;
  /**
   * When unpacking began, in seconds: a directory that is no older there was touched by unpacking itself, for want of an
   * entry or by a whiteout in it, and says nothing about the image.
   */
  readonly unpackedSince?: number;
}

interface Line {
  readonly fields: readonly string[];
  readonly xattrs: readonly string[];
}

function parse(text: string): Map<string, Line> {
  const lines = new Map<string, Line>();
  for (const line of text.split('\n')) {
    if (line === '') continue;
    const [path = '', ...rest] = line.split(' ');
    lines.set(path, { fields: rest.slice(0, FIELDS.length), xattrs: rest.slice(FIELDS.length) });
  }
  return lines;
}

function isTouched(mtime: string, { unpackedSince }: TreeComparison): boolean {
  return unpackedSince !== undefined && Number(mtime) >= unpackedSince;
}

function sameTime(ours: Line, theirs: Line, options: TreeComparison): boolean {
  const mine = ours.fields[5] ?? '';
  const other = theirs.fields[5] ?? '';
  if (mine === other || other === '-') return true;
  if (ours.fields[0] === 'd' && isTouched(other, options)) return true;
  return options.wholeSeconds === true && Math.floor(Number(mine)) === Math.floor(Number(other));
}

function* lineDifferences(
  path: string,
  ours: Line,
  theirs: Line,
  options: TreeComparison,
): Generator<string> {
  for (const [i, name] of FIELDS.entries()) {
    const same = name === 'mtime' ? sameTime(ours, theirs, options) : ours.fields[i] === theirs.fields[i];
    if (!same) yield `${path}: ${name} is ${ours.fields[i]}, expected ${theirs.fields[i]}`;
  }
  const keep = (xattr: string): boolean => options.dropEmptyXattrs !== true || !xattr.endsWith('=');
  const mine = ours.xattrs.filter(keep).join(' ');
  const other = theirs.xattrs.filter(keep).join(' ');
  if (mine !== other) yield `${path}: xattrs are "${mine}", expected "${other}"`;
}

/** Every difference as a sentence; none when the trees are equal. */
export function treeDifferences(ours: string, expected: string, options: TreeComparison = {}): string[] {
  const differences: string[] = [];
  const mine = parse(ours);
  const other = parse(expected);
  for (const [path, line] of mine) {
    const theirs = other.get(path);
    if (theirs === undefined) differences.push(`${path}: not expected`);
    else differences.push(...lineDifferences(path, line, theirs, options));
  }
  for (const path of other.keys()) if (!mine.has(path)) differences.push(`${path}: missing`);
  return differences;
}

/** How many directories have a time that comes from unpacking. */
export function touchedDirectories(tree: string, options: TreeComparison): number {
  const lines = [...parse(tree).values()];
  return lines.filter(({ fields }) => fields[0] === 'd' && isTouched(fields[5] ?? '', options)).length;
}

/** How many entries a tree has. */
export function countEntries(tree: string): number {
  return parse(tree).size;
}
