/**
 * The only importer of the addon: loads it, unwraps outcomes, maps to our types.
 */
import { type PackStats } from './reporter.js';
import { type DiffId, type Digest } from './oci/digest.js';
import { type ChunkTable, type CompressorName, type LayerEntry } from './rafs-builder/tree.js';

export interface ImagePackerOptions {
  /** Bytes; power of two, 4 KiB … 16 MiB. */
  readonly chunkSize: number;
  readonly compressor: 'zstd' | 'none';
  /** zstd level; 3 is the reference's. */
  readonly level: number;
  /** `image`: chunks of lower layers are referred to; `layer`: every layer stands alone, as the reference has it. */
  readonly dedup: 'image' | 'layer';
  /** Compression threads; the output does not depend on it. */
  readonly threads: number;
  /** True: only read (entries, chunk digests, diffID); nothing is compressed or stored, and blobPath is not used. */
  readonly scan?: boolean | undefined;
}

/** The packing of one image: one dictionary of chunks, one pool of compression threads. */
export interface ImagePacker extends Disposable {
  /**
   * Layers must be opened lowest first; `layer` is the number that ChunkRefs will carry (it may skip numbers). Packing
   * overlaps, decisions about duplicates are taken in order of opening.
   */
  openLayer(layer: number, blobPath: string): LayerPacker;
}

export interface LayerPacker {
  /** Hands compressed layer bytes over (the caller does not touch them again); settles when there is room for more. */
  write(bytes: Uint8Array): Promise<void>;
  /** The layer has ended. Settles when all of its data is in the blob file. */
  finish(): Promise<PackedLayerTable>;
  /** SHA-256 of the blob file so far followed by `suffix`; after `finish`. */
  digestWith(suffix: Uint8Array): Digest;
  /** Appends the tail (meta, digests, bootstrap, ToC) and closes the file. */
  seal(tail: Uint8Array): Promise<SealedBlob>;
  /** Idempotent; ends the layer's threads and removes the file unless it is sealed. */
  abort(): void;
}

export interface PackWarning {
  readonly code: string;
  readonly message: string;
}

export interface PackedLayerTable {
  /** Of the compressed bytes as written: to be compared with the descriptor. */
  readonly source: { readonly digest: Digest; readonly size: number };
  readonly diffId: DiffId;
  readonly entries: readonly LayerEntry[];
  /** The chunks that this layer stores. */
  readonly chunks: ChunkTable;
  /** Bytes of chunk data in the blob file. */
  readonly dataSize: number;
  /** Of the uncompressed address space; every chunk starts at a multiple of 4096. */
  readonly uncompressedSize: number;
  readonly warnings: readonly PackWarning[];
  /** `blobBytes` is the data alone until the blob is sealed. */
  readonly stats: PackStats;
}

export interface SealedBlob {
  readonly digest: Digest;
  readonly size: number;
}

export interface BlobVerifierOptions {
  readonly chunks: ChunkTable;
  readonly compressor: CompressorName;
  readonly digester: 'blake3' | 'sha256';
  readonly threads: number;
}

export interface ChunkFault {
  readonly index: number;
  readonly message: string;
}

/** Reads a blob's bytes in order and decodes, measures and digests every chunk of the table. */
export interface BlobVerifier {
  write(bytes: Uint8Array): Promise<void>;
  /** Digest and size of all bytes written; the faults found, in chunk order. */
  finish(): Promise<{ readonly digest: Digest; readonly size: number; readonly faults: readonly ChunkFault[] }>;
  abort(): void;
}
