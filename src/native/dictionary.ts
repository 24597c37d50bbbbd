/** Packs the chunks of a bootstrap for the addon, as the dictionary of a conversion. */
import type { RafsImage } from '../rafs-builder/versions.js';
import { superFlags } from '../rafs-builder/layout/v6.js';
import { chunkRecord, chunkRecordFlags, dictionaryChunk } from '../rafs-builder/layout/wire.js';
import {
  chunkBlob,
  chunkIndex,
  chunkNumbers,
  chunkRef,
  type ChunkRef,
  copyDigest,
} from '../rafs-builder/model/tree.js';
import { walkInSteps } from '../rafs-builder/model/walk.js';
import { isPause, type Steps } from '../turns.js';
import type { NativeDictionary } from './addon-types.js';

/**
 * Of equal chunks the first one is referred to, in the order in which the reference builder loads a dictionary: that of the tree, or
 * that of the chunk table for a bootstrap of RAFS v6 whose blobs hold no digests (Nydus builder/src/core/chunk_dict.rs).
 */
export function* nativeDictionarySteps(image: RafsImage): Steps<NativeDictionary> {
  const { blobs } = image.bootstrap;
  const refs = yield* isReadThroughTree(image) ? refsOfTree(image) : refsOfTables(image);
  const chunks = Buffer.alloc(refs.length * dictionaryChunk.size);
  for (const [n, ref] of refs.entries()) {
    if (isPause(n)) yield;
    const [blob, index] = [chunkBlob(ref), chunkIndex(ref)];
    const table = blobs[blob]?.chunks;
    if (table === undefined) continue;
    const at = n * dictionaryChunk.size;
    const chunk = chunkNumbers(table, index);
    const flags =
      (chunk.compressed ? chunkRecordFlags.bits.COMPRESSED : 0) |
      (chunk.crc32 === undefined ? 0 : chunkRecordFlags.bits.HAS_CRC32);
    copyDigest(table, index, chunks, at + chunkRecord.offset.digest);
    chunks.writeUInt32LE(chunk.crc32 ?? 0, at + chunkRecord.offset.crc32);
    chunks.writeUInt32LE(chunk.uncompressedSize, at + chunkRecord.offset.uncompressedSize);
    chunks.writeUInt32LE(chunk.compressedSize, at + chunkRecord.offset.compressedSize);
    chunks.writeUInt32LE(flags, at + chunkRecord.offset.flags);
    chunks.writeBigUInt64LE(BigInt(chunk.compressedOffset), at + chunkRecord.offset.compressedOffset);
    chunks.writeBigUInt64LE(BigInt(chunk.uncompressedOffset), at + chunkRecord.offset.uncompressedOffset);
    chunks.writeUInt32LE(blob, at + dictionaryChunk.offset.blob);
    chunks.writeUInt32LE(index, at + dictionaryChunk.offset.index);
  }
  return { blobs: blobs.map(({ record }) => ({ ...record })), chunks };
}

function isReadThroughTree(image: RafsImage): boolean {
  return (
    image.version === 5 || superFlags.has(image.tables.extended.flags, 'INLINED_CHUNK_DIGEST')
  );
}

function* refsOfTree({ bootstrap }: RafsImage): Steps<readonly ChunkRef[]> {
  const seen = new Set<ChunkRef>();
  for (const step of walkInSteps(bootstrap.root)) {
    if (step === undefined) yield;
    else if (step.node.inode.kind === 'file') for (const ref of step.node.inode.chunks) seen.add(ref);
  }
  return [...seen];
}

function* refsOfTables({ bootstrap }: RafsImage): Steps<readonly ChunkRef[]> {
  const refs: ChunkRef[] = [];
  for (const [blob, { chunks }] of bootstrap.blobs.entries()) {
    yield;
    const indexes = Uint32Array.from(chunks.indexes()).sort();
    for (const index of indexes) refs.push(chunkRef(blob, index));
  }
  return refs;
}
