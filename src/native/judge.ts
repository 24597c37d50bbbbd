/** The addon's quick verdicts on v6 bootstraps (native/judge): yes, or in doubt. What is wrong then, the rules tell. */
import { recordLimits } from '../rafs-builder/rules/tables.js';
import * as v6 from '../rafs-builder/layout/v6.js';
import type { V6Tables } from '../rafs-builder/read/v6/tables.js';
import { addon, type NativeExtent, type NativeFacts, unwrap } from './addon.js';
import type { ScannedTables } from './tables.js';

/** A bootstrap that keeps every rule over inodes, directories, chunk records and places. */
export interface SoundBootstrap {
  /** True: layers, lowest first, unpack to the very tree that it shows, contents included by their BLAKE3. */
  isSameAs(layers: readonly ScannedTables[]): boolean;
}

/** Undefined when something is wrong with the bootstrap, or looks as if it might be. Its tables have been judged. */
export function judgeBootstrap(buffer: Buffer, tables: V6Tables): SoundBootstrap | undefined {
  const facts = factsOf(tables);
  if (!unwrap(addon().isBootstrapSound(buffer, facts))) return undefined;
  return { isSameAs: (layers) => unwrap(addon().isTreeOfLayers(buffer, facts, layers)) };
}

function factsOf({ superBlock, extended, ...tables }: V6Tables): NativeFacts {
  return {
    metaOffset: tables.metaOffset,
    rootNid: superBlock.rootNid,
    names: superBlock.inos,
    chunkSize: extended.chunkSize,
    withXattrs: v6.superFlags.has(extended.flags, 'HAS_XATTR'),
    tables: [
      extent(v6.SUPER_OFFSET, v6.superBlock.size),
      extent(v6.EXTENDED_SUPER_OFFSET, v6.extendedSuperBlock.size),
      extent(v6.DEVICE_TABLE_OFFSET, v6.deviceSlot.size * tables.devices.length),
      extent(extended.blobTableOffset, v6.blobEntry.size * tables.blobs.length),
      extent(extended.prefetchTableOffset, v6.prefetchEntry.size * tables.prefetch.length),
      extent(extended.chunkTableOffset, v6.chunkInfo.size * tables.chunkCount),
    ],
    // An empty chunk table may stand in a block of its own.
    reach: extended.chunkTableOffset,
    prefetch: tables.prefetch,
    chunkOffset: extended.chunkTableOffset,
    chunkCount: tables.chunkCount,
    limits: tables.blobEntries.map(recordLimits),
  };
}

function extent(start: number, size: number): NativeExtent {
  return { start, end: start + size };
}
