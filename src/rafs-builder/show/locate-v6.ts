/** Locates all structures of a v6 bootstrap. */
import { displayName } from '../../oci/raw-name.js';
import type { AnyStruct } from '../layout/struct.js';
import { array, bytes, located, type LocatedStruct, one, type Region, run } from './regions.js';
import * as v6 from '../layout/v6.js';
import { dataBlocks } from '../read/v6/inode.js';
import type { StoredInode, V6Image } from '../read/v6/read.js';

/** Yields all regions, in no particular order. */
export function* locateV6(image: V6Image): Generator<Region> {
  const { tables } = image;
  const { extended } = tables;
  yield one(v6.superBlock, v6.SUPER_OFFSET);
  yield one(v6.extendedSuperBlock, v6.EXTENDED_SUPER_OFFSET);
  yield array('device table', v6.deviceSlot, v6.DEVICE_TABLE_OFFSET, tables.devices.length);
  yield array('blob table', v6.blobEntry, extended.blobTableOffset, tables.blobs.length);
  yield array('prefetch table', v6.prefetchEntry, extended.prefetchTableOffset, tables.prefetch.length);
  yield array('chunk table', v6.chunkInfo, extended.chunkTableOffset, tables.chunkCount);
  for (const stored of image.inodes.values()) yield* inodeRegions(stored);
}

/**
 * Yields the regions of an image that cannot be read: the tables that its super blocks announce, if they are inside the
 * file.
 */
export function* fixedRegions(buffer: Buffer): Generator<Region> {
  if (buffer.length < v6.DEVICE_TABLE_OFFSET) return;
  yield one(v6.superBlock, v6.SUPER_OFFSET);
  yield one(v6.extendedSuperBlock, v6.EXTENDED_SUPER_OFFSET);
  const devices = buffer.readUInt16LE(v6.SUPER_OFFSET + fieldOffset(v6.superBlock, 'extraDevices'));
  const wide = (field: string): number =>
    Number(buffer.readBigUInt64LE(v6.EXTENDED_SUPER_OFFSET + fieldOffset(v6.extendedSuperBlock, field)));
  const narrow = (field: string): number =>
    buffer.readUInt32LE(v6.EXTENDED_SUPER_OFFSET + fieldOffset(v6.extendedSuperBlock, field));
  const tables = [
    ['device table', v6.deviceSlot, v6.DEVICE_TABLE_OFFSET, devices * v6.deviceSlot.size],
    ['blob table', v6.blobEntry, wide('blobTableOffset'), narrow('blobTableSize')],
    ['prefetch table', v6.prefetchEntry, wide('prefetchTableOffset'), narrow('prefetchTableSize')],
    ['chunk table', v6.chunkInfo, wide('chunkTableOffset'), wide('chunkTableSize')],
  ] as const;
  for (const [name, struct, offset, size] of tables) {
    const room = Math.max(0, Math.min(size, buffer.length - offset));
    yield array(name, struct, offset, Math.floor(room / struct.size));
  }
}

function fieldOffset(struct: AnyStruct, name: string): number {
  return struct.fields.find((field) => field.name === name)?.offset ?? 0;
}

function* inodeRegions(stored: StoredInode): Generator<Region> {
  const { path } = stored;
  yield one(stored.compact ? v6.inodeCompact : v6.inodeExtended, stored.offset, path);
  const { afterInode } = stored;
  if (stored.xattrs.length > 0) {
    const size = stored.bodyOffset - afterInode;
    yield { name: 'xattrs', offset: afterInode, size, path, structs: () => xattrStructs(stored, afterInode) };
  }
  if (stored.kind === 'file') {
    const { offset, size } = stored.chunkEntries;
    yield array('chunk entries', v6.chunkIndexEntry, offset, size / v6.chunkIndexEntry.size, path);
  } else if (stored.kind === 'symlink') {
    for (const { offset, size } of dataBlocks(stored)) yield run('symlink target', offset, size, path);
  } else if (stored.kind === 'directory') {
    yield* directoryRegions(stored);
  }
}

/** Yields one region for each block, up to its last used byte. */
function* directoryRegions(stored: StoredInode): Generator<Region> {
  // `rows` is read once, because each access makes the objects anew.
  const { path, rows: all } = stored;
  let first = 0;
  for (const block of dataBlocks(stored)) {
    let next = first;
    while (next < all.length && isWithin(all[next]?.offset, block.offset, block.size)) next += 1;
    const rows = all.slice(first, next);
    const last = rows.at(-1);
    first = next;
    if (last === undefined) continue;
    const size = last.nameStart + last.name.length - block.offset;
    yield {
      name: 'directory entries',
      offset: block.offset,
      size,
      path,
      structs: function* () {
        for (const row of rows) yield located(v6.dirent, row.offset);
        for (const row of rows)
          yield bytes(() => `name ${displayName(row.name)}`, row.nameStart, row.name.length);
      },
    };
  }
}

function isWithin(offset: number | undefined, start: number, size: number): boolean {
  return offset !== undefined && offset >= start && offset < start + size;
}

function* xattrStructs(stored: StoredInode, offset: number): Generator<LocatedStruct> {
  yield located(v6.xattrHeader, offset);
  for (const { name, value, offset: at, storedNameSize } of stored.xattrs) {
    const nameStart = at + v6.xattrEntry.size;
    yield located(v6.xattrEntry, at);
    yield bytes(() => `name of xattr ${displayName(name)}`, nameStart, storedNameSize);
    yield bytes(() => `value of xattr ${displayName(name)}`, nameStart + storedNameSize, value.length);
  }
}
