/**
 * A filesystem in memory: nodes, inodes, and references to chunks in blobs.
 *
 * Chunks are not objects. A blob's chunks are in one packed ChunkTable, and a file holds ChunkRefs, plain numbers of
 * blob and index. This keeps an image of a million files small.
 */
import type { Branded } from '../../oci/digest.js';
import type { RawName, RawPath } from '../../oci/raw-name.js';

/**
 * `blob * 2^24 + index` identifies a chunk of a blob. The trees that are written number blobs by source layer
 * (`BootstrapInput`).
 */
export type ChunkRef = Branded<number, 'ChunkRef'>;

/** RAFS v6 has 24 bits for the index of a chunk in its blob (0 … 0xFFFFFE; Nydus builder/src/core/context.rs). */
const INDEX_RANGE = 2 ** 24;
export const MAX_CHUNKS_PER_BLOB = 0xff_ffff;

export function chunkRef(blob: number, index: number): ChunkRef {
  return (blob * INDEX_RANGE + index) as ChunkRef; // an index is below INDEX_RANGE by construction
}
export function chunkBlob(ref: ChunkRef): number {
  return Math.floor(ref / INDEX_RANGE);
}
export function chunkIndex(ref: ChunkRef): number {
  return ref % INDEX_RANGE;
}

export interface Xattr {
  /** The whole name with its prefix, as bytes: `user.mime_type`. */
  readonly name: RawName;
  readonly value: Uint8Array;
}

/** The attributes of inodes of every kind. */
export interface InodeBase {
  /** Permission bits with setuid, setgid and sticky: 0 … 0o7777. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Whole seconds since 1970, negative before. */
  readonly mtime: number;
  readonly mtimeNsec: number;
  /** Sorted by name, without duplicates. */
  readonly xattrs: readonly Xattr[];
  /** The source layer of the inode, where 0 is the lowest. */
  readonly layer: number;
}

export type Inode = InodeBase &
  (
    | { readonly kind: 'file'; readonly size: number; readonly chunks: readonly ChunkRef[] }
    /**
     * `implied`: the directory has no entry in its layer; it is 0755, 0:0, time 0, and must not overwrite attributes
     * below.
     */
    | { readonly kind: 'directory'; readonly implied: boolean }
    | { readonly kind: 'symlink'; readonly target: RawPath }
    | { readonly kind: 'fifo' | 'socket' }
    | { readonly kind: 'char' | 'block'; readonly major: number; readonly minor: number }
  );

export type InodeKind = Inode['kind'];

/** A name of an inode. Names that share one Inode object are hard links of each other. */
export interface TreeNode {
  readonly name: RawName;
  readonly inode: Inode;
  /** Present exactly for directories, in no particular order. */
  readonly children?: ReadonlyMap<RawName, TreeNode> | undefined;
}

/**
 * One entry of a layer's tar. Entries are in tar order, and paths are normalised (no `.`, no empty components, never
 * `..`).
 */
export interface LayerEntry {
  readonly path: RawPath;
  /** The offset of its header in the uncompressed tar. */
  readonly offset: number;
  /** A hard link's own attributes do not count; `target` is the normalised path that it links to. */
  readonly body: Inode | { readonly kind: 'hardlink'; readonly target: RawPath };
}

export type CompressorName = 'none' | 'lz4_block' | 'gzip' | 'zstd';
export type DigesterName = 'blake3' | 'sha256';

export interface ChunkRecord {
  /** The digest of the uncompressed bytes, 32 bytes long. */
  readonly digest: Buffer;
  /** CRC-32C of the uncompressed bytes; undefined when the image does not hold it. */
  readonly crc32: number | undefined;
  /** False: the chunk is stored raw, since compression did not shrink it. */
  readonly compressed: boolean;
  readonly compressedOffset: number;
  readonly compressedSize: number;
  readonly uncompressedOffset: number;
  readonly uncompressedSize: number;
  /**
   * The batch that the chunk is part of: `compressedOffset` is where the batch begins, and `compressedSize` the chunk's share of
   * the batch's bytes. In the records of a bootstrap, which does not know its batches, both are 0.
   */
  readonly batch?: ChunkBatch | undefined;
}

/** Chunks that are compressed together. */
export interface ChunkBatch {
  /** Bytes as stored. */
  readonly stored: number;
  /** Bytes of all its chunks. */
  readonly size: number;
  /** Where the chunk begins in these. */
  readonly offset: number;
}

/** The chunks of one blob in index order, packed, so that a million of them are one allocation. */
export interface ChunkTable {
  readonly length: number;
  /** Throws InternalError when there is no such chunk. */
  at(index: number): ChunkRecord;
  /**
   * Returns parts of a record, for tables that can do so without making a view of the digest, which costs more than
   * everything else. Callers use the functions below, and only for chunks that are present.
   */
  numbers?(index: number): ChunkNumbers;
  uncompressedOffset?(index: number): number;
  readonly digests?: PackedDigests | undefined;
}

/** A record without its digest. */
export type ChunkNumbers = Omit<ChunkRecord, 'digest'>;

/** Digests in a buffer, 32 bytes each. */
export interface PackedDigests {
  readonly bytes: Buffer;
  /** The offset of a chunk's digest. */
  offset(index: number): number;
}

/** Digests at equal distances, with other fields of records between them. */
export class StridedDigests implements PackedDigests {
  readonly bytes: Buffer;
  readonly #start: number;
  readonly #stride: number;

  constructor(bytes: Buffer, start: number, stride: number) {
    this.bytes = bytes;
    this.#start = start;
    this.#stride = stride;
  }

  offset(index: number): number {
    return this.#start + index * this.#stride;
  }
}

export const DIGEST_SIZE = 32;

export function chunkNumbers(table: ChunkTable, index: number): ChunkNumbers {
  return table.numbers?.(index) ?? table.at(index);
}
export function uncompressedOffset(table: ChunkTable, index: number): number {
  return table.uncompressedOffset?.(index) ?? table.at(index).uncompressedOffset;
}
/** Returns the first 48 bits of a digest. */
export function digestPrefix(table: ChunkTable, index: number): number {
  const { digests } = table;
  return digests === undefined
    ? table.at(index).digest.readUIntBE(0, 6)
    : digests.bytes.readUIntBE(digests.offset(index), 6);
}
/** Copies byte by byte, because a call into the engine takes longer for so few bytes. */
export function copyDigest(table: ChunkTable, index: number, to: Buffer, offset: number): void {
  const { digests } = table;
  if (digests === undefined) {
    to.set(table.at(index).digest, offset);
    return;
  }
  const from = digests.offset(index);
  for (let i = 0; i < DIGEST_SIZE; i++) to[offset + i] = digests.bytes[from + i] ?? 0;
}
/** True when two chunks have the same digest. */
export function sameDigest(a: ChunkTable, i: number, b: ChunkTable, j: number): boolean {
  if (a.digests === undefined || b.digests === undefined) return a.at(i).digest.equals(b.at(j).digest);
  const ours = a.digests.offset(i);
  const theirs = b.digests.offset(j);
  for (let k = 0; k < DIGEST_SIZE; k++)
    if (a.digests.bytes[ours + k] !== b.digests.bytes[theirs + k]) return false;
  return true;
}

/** A data blob according to the blob table and device table. All sizes and offsets are in bytes. */
export interface BlobRecord {
  /**
   * 64 hex characters: SHA-256 of the file that holds the chunks, which is the RAFS blob or an original layer; or 64 times `x` in
   * a blob's own bootstrap if that is the blob itself, whose digest is not known yet.
   */
  readonly id: string;
  /** 64 hex characters: SHA-256 of the RAFS blob that leads to the chunks in an original layer. */
  readonly rafsBlob?: string | undefined;
  readonly chunkCount: number;
  readonly chunkSize: number;
  readonly compressor: CompressorName;
  readonly digester: DigesterName;
  /** Bits of BlobFeatures (layout/v6.ts). */
  readonly features: number;
  /** The offset of the bootstrap section in the RAFS blob, or the size of the original layer that holds the chunks. */
  readonly compressedSize: number;
  /** Bytes of the uncompressed address space; a multiple of 4096. */
  readonly uncompressedSize: number;
  readonly metaCompressor: CompressorName;
  readonly metaOffset: number;
  readonly metaCompressedSize: number;
  readonly metaUncompressedSize: number;
}

/** The id of the RAFS blob, which is a layer of the image; it differs from that of the file that holds the chunks if that is an original layer. */
export function rafsBlobOf({ id, rafsBlob }: BlobRecord): string {
  return rafsBlob ?? id;
}

/** A blob and the chunks that files may refer to. */
export interface Blob {
  readonly record: BlobRecord;
  readonly chunks: ChunkTable;
}

/** A filesystem and the blobs that hold its data: the result of reading a bootstrap. */
export interface Bootstrap {
  readonly root: TreeNode;
  /** A ChunkRef's blob number is a position in this list. */
  readonly blobs: readonly Blob[];
  readonly chunkSize: number;
  readonly compressor: CompressorName;
  readonly digester: DigesterName;
}

/** The input of writing a bootstrap. The writer keeps the order of `blobs` and writes all of them. */
export interface BootstrapInput extends Bootstrap {
  /**
   * Maps the blob number of a ChunkRef to a position in `blobs`, if these differ: trees of layers number blobs by
   * layer, and are written without renumbering.
   */
  readonly positions?: ReadonlyMap<number, number> | undefined;
  /**
   * The inodes that may have more than one name; undefined means that any may. Looking up each file in a set takes time
   * and memory.
   */
  readonly linked?: ReadonlySet<Inode> | undefined;
  /**
   * Returns the file offset that the chunk table shows for a chunk, if it is not the chunk's offset in the last file
   * that uses it in walk order: a merge inherits the offsets of each layer's own table. `layer` is the inode's. (Nydus
   * builder/src/merge.rs loads chunks from the layer's chunk table.)
   */
  readonly storedFileOffset?: ((layer: number, ref: ChunkRef) => number | undefined) | undefined;
  /** Nydus' merge always sets HAS_XATTR; a layer sets it only when it has an xattr. */
  readonly forceXattrFlag?: boolean | undefined;
}

/** Returns `positions` as a list by number, for quick access; -1 marks a number without a blob. */
export function blobPositions({ blobs, positions }: BootstrapInput): readonly number[] {
  if (positions === undefined) return blobs.map((_, position) => position);
  const list = new Array<number>(Math.max(-1, ...positions.keys()) + 1).fill(-1);
  for (const [number, position] of positions) list[number] = position;
  return list;
}
