/**
 * Dumps a v5 bootstrap as text; `dump.ts` describes the lines. In v5 every name has attributes of its own, hard links
 * too.
 */
import { chunkFields, escapeRaw, hex8, KIND_LETTERS, toHex } from './dump-fields.js';
import { compareRaw } from '../../oci/raw-name.js';
import type { StoredV5Inode, V5Image } from '../read/v5/read.js';
import { ROOT_INO } from '../layout/v5.js';
import { chunkInfo } from '../layout/v6.js';

export function* dumpV5(image: V5Image): Generator<string> {
  const { superBlock: sb, blobEntries, prefetch } = image.tables;
  yield (
    `S v5 flags=${hex8(sb.flags)} chunk_size=0x${sb.chunkSize.toString(16)} inodes=${sb.inodes}` +
    ` inode_table=${sb.inodeTableOffset}+${sb.inodeTableEntries} prefetch=${sb.prefetchTableOffset}+${sb.prefetchTableEntries}` +
    ` blob_table=${sb.blobTableOffset}+${sb.blobTableSize} extended=${sb.extendedOffset}+${sb.extendedEntries}` +
    ` size=${image.bytes.length}`
  );
  for (const [i, { id, extended, readaheadOffset, readaheadSize }] of blobEntries.entries()) {
    yield (
      `B ${i} id=${id} chunks=${extended.chunkCount} features=${hex8(extended.features)} usize=${extended.uncompressedSize}` +
      ` csize=${extended.compressedSize} readahead=${readaheadOffset}+${readaheadSize}`
    );
  }
  if (prefetch.length > 0) yield `P ${prefetch.join(' ')}`;
  const pending = [image.inodes.get(ROOT_INO)];
  for (let stored = pending.pop(); stored !== undefined; stored = pending.pop()) {
    yield* inodeLines(image, stored);
    if (stored.kind !== 'directory') continue;
    const { childIndex, childCount } = stored.fields;
    for (let k = childCount - 1; k >= 0; k--) pending.push(image.inodes.get(childIndex + k));
  }
}

function* inodeLines(image: V5Image, stored: StoredV5Inode): Generator<string> {
  const { fields, kind, number } = stored;
  yield [
    'I',
    escapeRaw(`/${stored.path}`),
    KIND_LETTERS[kind],
    (fields.mode & 0o7777).toString(8).padStart(4, '0'),
    fields.uid,
    fields.gid,
    fields.size,
    fields.mtime,
    fields.mtimeNsec,
    fields.nlink,
    fields.ino,
    number,
    fields.rdev,
    fields.flags,
  ].join(' ');
  yield `D ${toHex(fields.digest)} ${fields.blocks}`;
  if (kind === 'symlink') yield `L ${escapeRaw(stored.target)}`;
  for (const { name, value } of Array.from(stored.xattrs).sort((a, b) => compareRaw(a.name, b.name)))
    yield `X ${escapeRaw(name)} ${toHex(value) || '-'}`;
  for (let k = 0; k < stored.chunkCount; k++) {
    const info = chunkInfo.read(image.bytes, stored.chunksOffset + k * chunkInfo.size);
    yield `C ${chunkFields(info, info.fileOffset)}`;
  }
}
