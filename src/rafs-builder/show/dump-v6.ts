/** Dumps a v6 bootstrap as text; `dump.ts` describes the lines. */
import type { TreeNode } from '../model/tree.js';
import { chunkFields, escapeRaw, hex8, KIND_LETTERS, toHex } from './dump-fields.js';
import type { StoredInode, V6Image } from '../read/v6/read.js';
import { sortedChildren } from '../model/walk.js';

export function* dumpV6(image: V6Image): Generator<string> {
  yield superLine(image);
  yield* blobLines(image);
  if (image.tables.prefetch.length > 0) yield `P ${image.tables.prefetch.join(' ')}`;
  yield* treeLines(image);
  for (let i = 0; i < image.tables.chunkCount; i++) {
    const info = image.tables.chunks.at(i);
    yield `T ${chunkFields(info, info.fileOffset)}`;
  }
}

function superLine({ bytes, tables: { superBlock: sb, extended: ext, metaOffset } }: V6Image): string {
  return (
    `S v6 flags=${hex8(ext.flags)} chunk_size=0x${ext.chunkSize.toString(16)} inos=${sb.inos} blocks=${sb.blocks}` +
    ` root_nid=${sb.rootNid} meta=${metaOffset} blob_table=${ext.blobTableOffset}+${ext.blobTableSize}` +
    ` chunk_table=${ext.chunkTableOffset}+${ext.chunkTableSize} prefetch=${ext.prefetchTableOffset}+${ext.prefetchTableSize}` +
    ` size=${bytes.length}`
  );
}

function* blobLines({ tables }: V6Image): Generator<string> {
  for (const [i, entry] of tables.blobEntries.entries()) {
    const record = tables.blobs[i];
    const facts = {
      id: entry.blobId,
      chunks: entry.chunkCount,
      csize: entry.compressedSize,
      usize: entry.uncompressedSize,
      features: hex8(entry.features),
      compressor: record?.compressor,
      digester: record?.digester,
      chunk_size: `0x${entry.chunkSize.toString(16)}`,
      toc_size: entry.tocSize,
      toc_digest: toHex(entry.tocDigest),
      ci: record?.metaCompressor,
      ci_off: entry.metaOffset,
      ci_csize: entry.metaCompressedSize,
      ci_usize: entry.metaUncompressedSize,
      meta_digest: toHex(entry.metaDigest),
      meta_size: entry.metaSize,
      cipher: entry.cipher,
      mapped: tables.devices[i]?.mappedBlock,
    };
    yield `B ${i} ${Object.entries(facts)
      .map(([key, value]) => `${key}=${String(value)}`)
      .join(' ')}`;
  }
}

function* treeLines(image: V6Image): Generator<string> {
  const pending: { readonly node: TreeNode; readonly path: string }[] = [
    { node: image.bootstrap.root, path: '/' },
  ];
  for (let step = pending.pop(); step !== undefined; step = pending.pop()) {
    const { node, path } = step;
    yield* inodeLines(image, path, image.stored(node.inode));
    for (const child of sortedChildren(node).reverse()) {
      pending.push({ node: child, path: `${path === '/' ? '' : path}/${child.name}` });
    }
  }
}

function* inodeLines(image: V6Image, path: string, stored: StoredInode): Generator<string> {
  const { fields, inode } = stored;
  const rdev =
    inode.kind === 'file' || inode.kind === 'directory' || inode.kind === 'symlink' ? 0 : fields.union;
  yield [
    'I',
    escapeRaw(path),
    KIND_LETTERS[inode.kind],
    inode.mode.toString(8).padStart(4, '0'),
    inode.uid,
    inode.gid,
    fields.size,
    inode.mtime,
    inode.mtimeNsec,
    fields.nlink,
    fields.ino,
    stored.nid,
    rdev,
    fields.format >> 1,
  ].join(' ');
  if (inode.kind === 'symlink') yield `L ${escapeRaw(inode.target)}`;
  for (const { name, value } of inode.xattrs) yield `X ${escapeRaw(name)} ${toHex(value) || '-'}`;
  if (inode.kind !== 'file') return;
  for (const [k, ref] of inode.chunks.entries()) {
    yield `C ${chunkFields(image.chunkInfo(ref), k * image.bootstrap.chunkSize)}`;
  }
}
