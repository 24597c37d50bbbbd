/** A merged tree in the form of the fixtures' `expected.tree`; fixtures/reference/README.md tells the fields. */
import type { RawPath } from '../../../src/oci/raw-name.js';
import { escapeRaw } from '../../../src/rafs-builder/show/dump-fields.js';
import type { Inode, TreeNode } from '../../../src/rafs-builder/model/tree.js';
import { sortedChildren } from '../../../src/rafs-builder/model/walk.js';

type File = Inode & { readonly kind: 'file' };
/** The digest of a file's content, hex. */
export type ContentDigest = (file: File) => Promise<string>;

const LETTERS: Readonly<Record<Inode['kind'], string>> = {
  file: 'f',
  directory: 'd',
  symlink: 'l',
  char: 'c',
  block: 'b',
  fifo: 'p',
  socket: 's',
};

export async function expectedTreeLines(root: TreeNode, digest: ContentDigest): Promise<string[]> {
  const names: { readonly path: string; readonly inode: Inode }[] = [];
  const visit = (node: TreeNode, path: string): void => {
    names.push({ path: path === '' ? '/' : path, inode: node.inode });
    for (const child of sortedChildren(node)) visit(child, `${path}/${child.name}`);
  };
  visit(root, '');
  const links = new Map<Inode, string[]>();
  for (const { path, inode } of names) links.set(inode, [...(links.get(inode) ?? []), path]);
  const lines: string[] = [];
  for (const { path, inode } of names) {
    const set = links.get(inode) ?? [];
    const mode = inode.mode.toString(8).padStart(4, '0');
    const fields = [
      escapeRaw(path),
      LETTERS[inode.kind],
      mode,
      inode.uid,
      inode.gid,
      sizeOf(inode),
      timeOf(inode),
      await contentOf(inode, digest),
      set.length > 1 && set[0] !== undefined ? escapeRaw(set[0]) : '-',
      ...inode.xattrs.map(({ name, value }) => `${escapeRaw(name)}=${Buffer.from(value).toString('hex')}`),
    ];
    lines.push(fields.join(' '));
  }
  return lines;
}

function sizeOf(inode: Inode): number {
  return inode.kind === 'file' ? inode.size : inode.kind === 'symlink' ? inode.target.length : 0;
}

function timeOf(inode: Inode): string {
  if (inode.kind === 'directory' && inode.implied) return '-';
  const fraction = String(inode.mtimeNsec).padStart(9, '0').replace(/0+$/, '');
  return fraction === '' ? String(inode.mtime) : `${inode.mtime}.${fraction}`;
}

async function contentOf(inode: Inode, digest: ContentDigest): Promise<string> {
  switch (inode.kind) {
    case 'file':
      return digest(inode);
    case 'symlink':
      return escapeRaw(inode.target satisfies RawPath);
    case 'char':
    case 'block':
      return `${inode.major}:${inode.minor}`;
    case 'directory':
    case 'fifo':
    case 'socket':
      return '-';
  }
}
