/** What the tree of a layer says of an entry: the values that its headers are made of. */
import type { RawPath } from '../oci/raw-name.js';
import type { Inode, TreeNode } from '../rafs-builder/model/tree.js';
import type { LayerNodes } from './nodes.js';

/** `perms`: permission bits; `mode`: with the bits of the kind. */
export type NumberName = 'perms' | 'mode' | 'uid' | 'gid' | 'size' | 'mtime' | 'major' | 'minor' | 'body';
export const NUMBER_NAMES = [
  'perms',
  'mode',
  'uid',
  'gid',
  'size',
  'mtime',
  'major',
  'minor',
  'body',
] as const satisfies readonly NumberName[];

export interface Facts {
  readonly path: string;
  /** The target of a symbolic link, or the first name that the archive has of the inode. */
  readonly link: string;
  readonly numbers: Readonly<Record<Exclude<NumberName, 'body'>, number>>;
  readonly nanoseconds: number;
  readonly xattrs: ReadonlyMap<string, Uint8Array>;
}

const KIND_BITS: Readonly<Record<Inode['kind'], number>> = {
  file: 0o10_0000,
  directory: 0o4_0000,
  symlink: 0o12_0000,
  char: 0o2_0000,
  block: 0o6_0000,
  fifo: 0o1_0000,
  socket: 0o14_0000,
};

/** Knows the facts of the entries of one archive, in whose order they must be asked for. */
export class FactsOfEntries {
  readonly #nodes: LayerNodes;
  /** The first name of each inode with several names. */
  readonly #names = new Map<Inode, RawPath>();

  constructor(nodes: LayerNodes) {
    this.#nodes = nodes;
  }

  /** The facts of the next entry. One that the tree does not have counts as the root. */
  next(number: number | undefined): Facts {
    const node = this.#nodes.at(number ?? 0);
    const path = number === undefined ? ('' as RawPath) : this.#nodes.path(number); // the root's path is empty by definition
    return factsOf(node, path, this.#linkOf(node, path));
  }

  #linkOf(node: TreeNode | undefined, path: RawPath): string {
    if (node === undefined) return '';
    const { inode } = node;
    if (!this.#nodes.isLinked(inode)) return inode.kind === 'symlink' ? inode.target : '';
    const first = this.#names.get(inode);
    if (first !== undefined) return first;
    this.#names.set(inode, path);
    return inode.kind === 'symlink' ? inode.target : '';
  }
}

function factsOf(node: TreeNode | undefined, path: RawPath, link: string): Facts {
  const inode = node?.inode;
  const perms = inode?.mode ?? 0;
  const isDevice = inode?.kind === 'char' || inode?.kind === 'block';
  return {
    path,
    link,
    numbers: {
      perms,
      mode: perms + KIND_BITS[inode?.kind ?? 'file'],
      uid: inode?.uid ?? 0,
      gid: inode?.gid ?? 0,
      size: inode?.kind === 'file' ? inode.size : 0,
      mtime: inode?.mtime ?? 0,
      major: isDevice ? inode.major : 0,
      minor: isDevice ? inode.minor : 0,
    },
    nanoseconds: inode?.mtimeNsec ?? 0,
    xattrs: new Map(inode?.xattrs.map(({ name, value }) => [name, value])),
  };
}
