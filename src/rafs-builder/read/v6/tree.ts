/**
 * Finds the inodes of a bootstrap from its root. All of them lie in the file, each is read once, and together they are
 * no longer than the file, so reading ends whatever the bytes are.
 */
import { FormatError, InternalError } from '../../../errors.js';
import { displayName, type RawName } from '../../../oci/raw-name.js';
import { isPause, type Steps } from '../../../turns.js';
import * as v6 from '../../layout/v6.js';
import type { TreeNode } from '../../model/tree.js';
import { type Extent, type InodeSource, StoredInode } from './inode.js';

export class StoredTree {
  /** Inodes by nid, in the order in which names led to them. */
  readonly inodes = new Map<number, StoredInode>();
  readonly #source: InodeSource;
  #root: StoredInode | undefined;
  /** Bytes of the inodes read so far, with their bodies. */
  #claimed = 0;

  private constructor(source: InodeSource) {
    this.#source = source;
  }

  /** Throws FormatError, with the offset. */
  static *read(source: InodeSource, rootNid: number): Steps<StoredTree> {
    const tree = new StoredTree(source);
    yield* tree.#readFrom(rootNid);
    return tree;
  }

  *#readFrom(rootNid: number): Steps<void> {
    let count = 0;
    this.#root = this.#add(rootNid, undefined, '' as RawName); // the root has no name
    const pending = [this.#root];
    for (let directory = pending.pop(); directory !== undefined; directory = pending.pop()) {
      for (const { name, nid, offset } of directory.rows) {
        if (isPause(++count)) yield;
        if (isDots(name)) continue;
        const known = this.inodes.get(nid);
        if (known?.kind === 'directory')
          throw v6.dirent.fault(
            'nid',
            offset,
            `${displayName(name)} is a directory that stands elsewhere already`,
          );
        const child = known ?? this.#add(nid, directory, name);
        if (child.kind === 'directory') pending.push(child);
      }
    }
  }

  /** Makes the whole tree as objects; names of one nid share one inode. */
  *nodes(): Steps<TreeNode> {
    const stored = this.#root;
    if (stored === undefined) throw new InternalError('this tree was not read');
    let count = 0;
    const root = node('' as RawName, stored);
    const pending = [{ stored, children: root.children }];
    for (let open = pending.pop(); open !== undefined; open = pending.pop()) {
      for (const { name, nid } of open.stored.rows) {
        if (isPause(++count)) yield;
        const stored = isDots(name) ? undefined : this.inodes.get(nid);
        if (stored === undefined) continue;
        const child = node(name, stored);
        open.children?.set(name, child);
        if (child.children !== undefined) pending.push({ stored, children: child.children });
      }
    }
    return root;
  }

  #add(nid: number, parent: StoredInode | undefined, name: RawName): StoredInode {
    const stored = new StoredInode(this.#source, nid, parent, name);
    const { offset, kind } = stored;
    this.#claim(stored, { offset, size: stored.bodyOffset - offset });
    if (kind === 'file') this.#claim(stored, stored.chunkEntries);
    if (kind === 'directory' || kind === 'symlink') {
      const { blocks, tail } = stored.dataRuns;
      for (const run of [blocks, tail]) this.#claim(stored, run);
    }
    this.inodes.set(nid, stored);
    return stored;
  }

  #claim(stored: StoredInode, { offset, size }: Extent): void {
    const { length } = this.#source.buffer;
    this.#claimed += size;
    if (size > 0 && (offset + size > length || this.#claimed > length)) {
      throw new FormatError(`inode at offset ${stored.offset}: ${size} bytes of it leave the file`, {
        offset: stored.offset,
      });
    }
  }
}

function isDots(name: RawName): boolean {
  return name === '.' || name === '..';
}

interface OpenNode extends TreeNode {
  readonly children?: Map<RawName, TreeNode>;
}

function node(name: RawName, { kind, inode }: StoredInode): OpenNode {
  return kind === 'directory' ? { name, inode, children: new Map() } : { name, inode };
}
