/**
 * Layer entries by hand, as the packer would return them: `entries(directory('etc'), file('etc/motd', 3))`. Offsets count
 * entries in steps of 512; a file's one chunk is named by a number.
 */
import { rawNameFromText, type RawPath } from '../../../src/oci/raw-name.js';
import {
  type Blob,
  type Inode,
  type InodeKind,
  type LayerEntry,
  type TreeNode,
  chunkIndex,
  chunkRef,
} from '../../../src/rafs-builder/model/tree.js';
import { type LayerTree, buildLayerTree } from '../../../src/merge/layer-tree.js';

export interface Attributes {
  readonly mode?: number;
  readonly uid?: number;
}
type Body = LayerEntry['body'];
export type Unplaced = Omit<LayerEntry, 'offset'>;

const base = { mode: 0o644, uid: 0, gid: 0, mtime: 1, mtimeNsec: 0, xattrs: [], layer: 0 } as const;

function path(text: string): RawPath {
  return rawNameFromText(text) as string as RawPath; // test paths are written normalised
}
function entry(name: string, body: Body): Unplaced {
  return { path: path(name), body };
}
/** Content: the index of its one chunk; 0 for an empty file. */
export function file(name: string, content = 0, attributes: Attributes = {}): Unplaced {
  const chunks = content === 0 ? [] : [chunkRef(0, content)];
  return entry(name, { ...base, kind: 'file', size: content, chunks, ...attributes });
}
/** Its chunks as [blob, index]. */
export function chunked(
  name: string,
  ...chunks: readonly (readonly [blob: number, index: number])[]
): Unplaced {
  const refs = chunks.map(([number, index]) => chunkRef(number, index));
  return entry(name, { ...base, kind: 'file', size: chunks.length * 4096, chunks: refs });
}
export function directory(name: string, attributes: Attributes = {}): Unplaced {
  return entry(name, { ...base, kind: 'directory', implied: false, mode: 0o755, ...attributes });
}
export function symlink(name: string, target: string): Unplaced {
  return entry(name, { ...base, kind: 'symlink', target: path(target) });
}
export function hardlink(name: string, target: string): Unplaced {
  return entry(name, { kind: 'hardlink', target: path(target) });
}
export function special(name: string, kind: 'fifo' | 'socket'): Unplaced {
  return entry(name, { ...base, kind });
}
export function device(name: string, kind: 'char' | 'block', major: number, minor: number): Unplaced {
  return entry(name, { ...base, kind, major, minor });
}
export function entries(...list: readonly Unplaced[]): LayerEntry[] {
  return list.map((one, index) => ({ ...one, offset: index * 512 }));
}
export function tree(layer: number, ...list: readonly Unplaced[]): LayerTree {
  return buildLayerTree(entries(...list), layer);
}
export function trees(...layers: readonly (readonly Unplaced[])[]): LayerTree[] {
  return layers.map((list, index) => tree(index, ...list));
}

/** One line a name, sorted: path, kind, and what tells it from others; `+` marks a directory without an entry. */
export function show(root: TreeNode): string[] {
  const lines: string[] = [];
  const visit = (node: TreeNode, at: string): void => {
    lines.push(`${at === '' ? '/' : at} ${describe(node.inode)}`);
    const names = Array.from(node.children?.keys() ?? []).sort();
    for (const name of names) {
      const child = node.children?.get(name);
      if (child !== undefined) visit(child, `${at}/${name}`);
    }
  };
  visit(root, '');
  return lines;
}

function describe(inode: Inode): string {
  switch (inode.kind) {
    case 'file':
      return inode.chunks[0] === undefined ? 'file' : `file ${chunkIndex(inode.chunks[0])}`;
    case 'directory':
      return `${inode.implied ? '+' : ''}dir ${inode.mode.toString(8)}`;
    case 'symlink':
      return `-> ${inode.target}`;
    case 'char':
    case 'block':
      return `${inode.kind} ${inode.major}:${inode.minor}`;
    case 'fifo':
    case 'socket':
      return inode.kind;
  }
}

/** A blob whose id is one digit 64 times; no test reads its chunks. */
export function blob(digit: string, features = 0): Blob {
  return {
    record: {
      id: digit.repeat(64),
      chunkCount: 1,
      chunkSize: 4096,
      compressor: 'zstd',
      digester: 'blake3',
      features,
      compressedSize: 4096,
      uncompressedSize: 4096,
      metaCompressor: 'none',
      metaOffset: 0,
      metaCompressedSize: 16,
      metaUncompressedSize: 16,
    },
    chunks: {
      length: 1,
      at: (index) => {
        throw new Error(`chunk ${index} is not there`);
      },
    },
  };
}

export function nodeAt(root: TreeNode, name: string): TreeNode | undefined {
  let node: TreeNode | undefined = root;
  for (const part of name.split('/')) node = node?.children?.get(rawNameFromText(part));
  return node;
}
export function inodeAt(root: TreeNode, name: string): Inode & { readonly kind: InodeKind } {
  const node = nodeAt(root, name);
  if (node === undefined) throw new Error(`no ${name} in the tree`);
  return node.inode;
}

/** CPU time, which other processes on a busy machine do not stretch as they do the clock. */
export function cpuMs(run: () => void): number {
  const start = process.cpuUsage();
  run();
  const { user, system } = process.cpuUsage(start);
  return (user + system) / 1000;
}
