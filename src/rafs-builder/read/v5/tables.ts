/** Reads the fixed part of a v5 bootstrap: super block, inode table, prefetch table and the two blob tables. */
import type { BlobRecord, CompressorName, DigesterName } from '../../model/tree.js';
import * as v5 from '../../layout/v5.js';
import { readSuperFlags } from '../v6/tables.js';

export interface V5BlobEntry {
  /** The offset of the entry's prefix in the blob table; the id follows the prefix. */
  readonly offset: number;
  readonly id: string;
  readonly readaheadOffset: number;
  readonly readaheadSize: number;
  readonly extended: v5.ExtendedBlob;
}

export interface V5Tables {
  readonly superBlock: v5.SuperBlock;
  readonly compressor: CompressorName;
  readonly digester: DigesterName;
  readonly prefetch: readonly number[];
  readonly blobEntries: readonly V5BlobEntry[];
  readonly blobs: readonly BlobRecord[];
}

/** True for bytes that begin like a v5 bootstrap; a v6 bootstrap begins with zeros. */
export function isV5(bytes: Uint8Array): boolean {
  return bytes[0] === 0x53 && bytes[1] === 0x46 && bytes[2] === 0x41 && bytes[3] === 0x52;
}

/** Throws FormatError, with the offset, for a table that leaves the file. */
export function readV5Tables(buffer: Buffer): V5Tables {
  const superBlock = v5.superBlock.read(buffer, 0);
  const { compressor, digester } = readSuperFlags(superBlock.flags, (reason) =>
    v5.superBlock.fault('flags', 0, reason),
  );
  const blobEntries = Array.from(readBlobEntries(buffer, superBlock));
  const prefetch: number[] = [];
  for (let i = 0; i < superBlock.prefetchTableEntries; i++) {
    const offset = superBlock.prefetchTableOffset + i * v5.prefetchEntry.size;
    prefetch.push(v5.prefetchEntry.read(buffer, offset).ino);
  }
  return {
    superBlock,
    compressor,
    digester,
    blobEntries,
    prefetch,
    blobs: blobEntries.map(({ id, extended }) => ({
      id,
      ...extended,
      chunkSize: superBlock.chunkSize,
      compressor,
      digester,
      metaCompressor: 'none',
      metaOffset: 0,
      metaCompressedSize: 0,
      metaUncompressedSize: 0,
    })),
  };
}

/** Reads entries one after the other, each a prefix and an id that ends with a NUL or with the table. */
function* readBlobEntries(buffer: Buffer, sb: v5.SuperBlock): Generator<V5BlobEntry> {
  const end = sb.blobTableOffset + sb.blobTableSize;
  let offset = sb.blobTableOffset;
  for (let i = 0; i < sb.extendedEntries; i++) {
    const extended = v5.extendedBlob.read(buffer, sb.extendedOffset + i * v5.extendedBlob.size);
    const prefix = v5.blobPrefix.read(buffer, offset);
    const start = offset + v5.blobPrefix.size;
    const nul = buffer.indexOf(0, start);
    const stop = nul < 0 || nul > end ? end : nul;
    yield { offset, id: buffer.toString('latin1', start, stop), ...prefix, extended };
    offset = stop + 1;
  }
}
