/**
 * The files to load first as the tar of a layer: each with all its names, since a file whose names were in two layers would be two
 * files, and with the directories that it lies in, so that the blob shows a layer which any tool may unpack over the others.
 */
import { FormatError } from '../errors.js';
import type { NydusFilesystem } from '../look/nydus.js';
import type { PrefetchedFile } from '../look/prefetch.js';
import type { RawPath } from '../oci/raw-name.js';
import type { Inode, TreeNode } from '../rafs-builder/model/tree.js';
import { walkInSteps } from '../rafs-builder/model/walk.js';
import type { CallOptions } from '../reporter.js';
import type { LayerFile } from '../reverse/entries.js';
import { TAR_END, tarEntry, tarPadding } from '../reverse/tar-entry.js';
import type { Steps } from '../turns.js';

/** The entries of the layer: a directory before what is in it, and the files in the order of the list. */
export function* hotEntries(root: TreeNode, files: readonly PrefetchedFile[]): Steps<readonly LayerFile[]> {
  const names = yield* namesOf(root, new Set<Inode>(files.map(({ inode }) => inode)));
  const entries: LayerFile[] = [{ path: '' as RawPath, inode: root.inode, link: undefined }]; // the root's path is empty by definition
  const made = new Set<string>(['']);
  const add = (path: RawPath, inode: Inode, link: RawPath | undefined): void => {
    for (const directory of directoriesAbove(root, path)) {
      if (made.has(directory.path)) continue;
      made.add(directory.path);
      entries.push(directory);
    }
    entries.push({ path, inode, link });
  };
  for (const { path, inode } of files) {
    add(path, inode, undefined);
    for (const other of names.get(inode) ?? []) if (other !== path) add(other, inode, path);
  }
  return entries;
}

/** All names of these files. */
function* namesOf(root: TreeNode, files: ReadonlySet<Inode>): Steps<ReadonlyMap<Inode, readonly RawPath[]>> {
  const names = new Map<Inode, RawPath[]>();
  for (const step of walkInSteps(root)) {
    if (step === undefined) {
      yield;
      continue;
    }
    const { inode } = step.node;
    if (!files.has(inode)) continue;
    const known = names.get(inode);
    if (known === undefined) names.set(inode, [step.path]);
    else known.push(step.path);
  }
  return names;
}

function* directoriesAbove(root: TreeNode, path: RawPath): Generator<LayerFile> {
  let node = root;
  const parts = path.split('/');
  for (const [depth, name] of parts.slice(0, -1).entries()) {
    const next = node.children?.get(name as TreeNode['name']); // a component of a path in the tree
    if (next === undefined) return;
    node = next;
    yield { path: parts.slice(0, depth + 1).join('/') as RawPath, inode: node.inode, link: undefined }; // joins components with '/'
  }
}

/** The bytes of the tar. Chunks are verified as they are read. */
export async function* hotTar(
  filesystem: NydusFilesystem,
  entries: readonly LayerFile[],
  call: CallOptions,
): AsyncGenerator<Uint8Array> {
  const files = entries.flatMap(({ path, inode, link }) =>
    inode.kind === 'file' && link === undefined ? [{ file: inode, path }] : [],
  );
  const content: AsyncIterator<Uint8Array, unknown> = filesystem.openAll(files, call)[Symbol.asyncIterator]();
  try {
    for (const { path, inode, link } of entries) {
      const header = tarEntry(path, inode, link);
      if (header === undefined) continue;
      yield header;
      if (inode.kind !== 'file' || link !== undefined) continue;
      // No chunk has bytes of two files.
      for (let left = inode.size; left > 0;) {
        const next = await content.next();
        if (next.done === true || next.value.length > left)
          throw new FormatError(`/${path} has other bytes than its chunks`);
        yield next.value;
        left -= next.value.length;
      }
      yield tarPadding(inode.size);
    }
    yield TAR_END;
  } finally {
    await content.return?.();
  }
}
