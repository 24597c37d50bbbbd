/** Locates all structures of a v5 bootstrap. */
import { displayName } from '../../oci/raw-name.js';
import { array, bytes, located, type LocatedStruct, one, type Region, run } from './regions.js';
import * as v5 from '../layout/v5.js';
import type { StoredV5Inode, V5Image } from '../read/v5/read.js';
import type { V5BlobEntry } from '../read/v5/tables.js';
import { chunkInfo } from '../layout/v6.js';

/** Yields all regions, in no particular order. */
export function* locateV5({ tables, inodes }: V5Image): Generator<Region> {
  const { superBlock: sb, blobEntries } = tables;
  yield one(v5.superBlock, 0);
  yield array('inode table', v5.inodeTableEntry, sb.inodeTableOffset, sb.inodeTableEntries);
  yield array('prefetch table', v5.prefetchEntry, sb.prefetchTableOffset, sb.prefetchTableEntries);
  for (const entry of blobEntries) yield blobRegion(entry);
  yield array('extended blob table', v5.extendedBlob, sb.extendedOffset, sb.extendedEntries);
  for (const stored of inodes.values()) yield* inodeRegions(stored);
}

function blobRegion({ offset, id }: V5BlobEntry): Region {
  return {
    name: 'blob table',
    offset,
    size: v5.blobPrefix.size + id.length,
    path: undefined,
    structs: () => [
      located(v5.blobPrefix, offset),
      bytes(() => 'blob id', offset + v5.blobPrefix.size, id.length),
    ],
  };
}

function* inodeRegions(stored: StoredV5Inode): Generator<Region> {
  const { path, fields, offset } = stored;
  yield one(v5.inode, offset, path);
  yield run('name', stored.nameOffset, fields.nameSize, path);
  if (stored.kind === 'symlink') yield run('symlink target', stored.targetOffset, fields.symlinkSize, path);
  if (stored.xattrsSize > 0) {
    yield {
      name: 'xattrs',
      offset: stored.xattrsOffset,
      size: stored.xattrsSize,
      path,
      structs: () => xattrStructs(stored),
    };
  }
  yield array('chunk records', chunkInfo, stored.chunksOffset, stored.chunkCount, path);
}

function* xattrStructs({ xattrs, xattrsOffset }: StoredV5Inode): Generator<LocatedStruct> {
  yield located(v5.xattrTotal, xattrsOffset);
  for (const { name, value, offset } of xattrs) {
    const nameStart = offset + v5.xattrPair.size;
    yield located(v5.xattrPair, offset);
    yield bytes(() => `name of xattr ${displayName(name)}`, nameStart, name.length + 1);
    yield bytes(() => `value of xattr ${displayName(name)}`, nameStart + name.length + 1, value.length);
  }
}
