/** Files of images for people and for programs: the long form, columns, colours, JSON. */
import { Chalk } from 'chalk';
import { pathJson, rawJson } from './path-json.js';
import { formatTime, permissions, TYPE_LETTERS } from '../../rafs-builder/show/describe.js';
import { displayName, type RawPath } from '../../oci/raw-name.js';
import { walkInSteps } from '../../rafs-builder/index.js';
import { isPause, type Steps } from '../../turns.js';
import type { Inode, TreeNode } from '../../rafs-builder/model/tree.js';
import type { CliContext } from '../context.js';
import { longTable, textWidth } from './columns.js';
import { hasColours } from './colours.js';
import { painted } from './paint.js';

/** A name as it is to be shown. */
export interface ShownEntry {
  readonly name: string;
  readonly node: TreeNode;
}

/** Counts the names of each inode of a tree. A directory counts itself and its subdirectories, as file systems do. */
export class LinkCounts {
  readonly #names = new Map<Inode, RawPath[]>();

  static *of(root: TreeNode): Steps<LinkCounts> {
    const counts = new LinkCounts();
    for (const step of walkInSteps(root)) {
      if (step === undefined) {
        yield;
        continue;
      }
      const { inode } = step.node;
      if (inode.kind === 'directory') continue;
      const names = counts.#names.get(inode);
      if (names === undefined) counts.#names.set(inode, [step.path]);
      else names.push(step.path);
    }
    return counts;
  }

  count(node: TreeNode): number {
    if (node.children === undefined) return this.namesOf(node.inode).length;
    let count = 2;
    for (const child of node.children.values()) if (child.children !== undefined) count += 1;
    return count;
  }

  namesOf(inode: Inode): readonly RawPath[] {
    return this.#names.get(inode) ?? [];
  }
}

export type NameColours = (name: string, inode: Inode) => string;

/** The colours of `ls`. */
export function nameColours(context: CliContext): NameColours {
  if (!hasColours(context, 'stdout')) return (name) => name;
  const chalk = new Chalk({ level: 1 });
  return (name, { kind, mode }) => {
    switch (kind) {
      case 'directory':
        return painted(chalk.blue.bold, name);
      case 'symlink':
        return painted(chalk.cyan, name);
      case 'char':
      case 'block':
      case 'fifo':
      case 'socket':
        return painted(chalk.yellow, name);
      case 'file':
        return (mode & 0o111) === 0 ? name : painted(chalk.green, name);
    }
  };
}

/** `ls -l`: mode, links, owner, size or device, time in UTC, name, target. */
export function* longLines(
  entries: readonly ShownEntry[],
  links: LinkCounts,
  colours: NameColours,
): Generator<string | undefined, void> {
  const rows: string[][] = [];
  for (const { node } of entries) {
    if (isPause(rows.length)) yield undefined;
    rows.push([
      `${TYPE_LETTERS[node.inode.kind]}${permissions(node.inode.mode)}`,
      String(links.count(node)),
      `${node.inode.uid}:${node.inode.gid}`,
      sizeText(node),
      formatTime(node.inode),
    ]);
  }
  yield* longTable(rows, new Set([0, 2]), (i) => {
    const entry = entries[i];
    if (entry === undefined) return '';
    const { inode } = entry.node;
    const target = inode.kind === 'symlink' ? ` -> ${displayName(inode.target)}` : '';
    return `${colours(entry.name, inode)}${target}`;
  });
}

function sizeText({ inode, children }: TreeNode): string {
  switch (inode.kind) {
    case 'file':
      return String(inode.size);
    case 'symlink':
      return String(inode.target.length);
    case 'char':
    case 'block':
      return `${inode.major},${inode.minor}`;
    case 'directory':
      // The size of a directory depends on how it is stored; the number of its entries does not.
      return `(${children?.size ?? 0})`;
    case 'fifo':
    case 'socket':
      return '0';
  }
}

/** Names down, then across, in as many columns as fit into `width` terminal cells. */
export function* inColumns(
  entries: readonly ShownEntry[],
  width: number,
  colours: NameColours,
): Generator<string> {
  const widths = entries.map(({ name }) => textWidth(name));
  const cell = widths.reduce((widest, each) => Math.max(widest, each), 0) + 2;
  const columns = Math.max(1, Math.floor((width + 2) / cell));
  const height = Math.ceil(entries.length / columns);
  for (let row = 0; row < height; row++) {
    const cells: string[] = [];
    for (let i = row; i < entries.length; i += height) {
      const entry = entries[i];
      if (entry === undefined) continue;
      const last = i + height >= entries.length;
      cells.push(colours(entry.name, entry.node.inode) + (last ? '' : ' '.repeat(cell - (widths[i] ?? 0))));
    }
    yield cells.join('');
  }
}

/** An entry as JSON. A name that is no UTF-8 comes twice: as it is shown, and as bytes in base64. */
export function entryJson(
  path: RawPath,
  node: TreeNode,
  links: LinkCounts,
): Readonly<Record<string, unknown>> {
  const { inode } = node;
  return {
    ...pathJson('path', path),
    type: inode.kind,
    mode: inode.mode.toString(8).padStart(4, '0'),
    uid: inode.uid,
    gid: inode.gid,
    mtime: inode.mtime,
    ...(inode.mtimeNsec === 0 ? {} : { mtimeNsec: inode.mtimeNsec }),
    links: links.count(node),
    ...(inode.kind === 'file' ? { size: inode.size } : {}),
    ...(inode.kind === 'symlink' ? rawJson('target', inode.target) : {}),
    ...(inode.kind === 'char' || inode.kind === 'block' ? { major: inode.major, minor: inode.minor } : {}),
    ...(inode.kind === 'directory' ? { entries: node.children?.size ?? 0 } : {}),
  };
}
