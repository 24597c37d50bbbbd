/**
 * The only importer of the addon: loads it, unwraps outcomes, maps to our types.
 *
 * Everything that waits settles from threads of the addon. Errors are FormatError, UnsupportedError, LocalIoError (spool,
 * addon not built), InternalError (a panic, a call out of order) and, after `abort`, InterruptedError.
 */
import { addon, asBuffer, unwrap, type NativeBlobVerifier, type NativeLayerPacker } from './native/addon.js';
import { decodeEntries, PackedChunkTable } from './native/tables.js';
import { type DiffId, type Digest } from './oci/digest.js';
import { type ChunkTable, type CompressorName, type LayerEntry } from './rafs-builder/tree.js';
import { type PackStats, type StageTimes } from './reporter.js';

export { PackedChunkTable } from './native/tables.js';

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
  /** True: only read (entries, chunk digests, diffID); nothing is compressed, checksummed or stored, and blobPath is not used. */
  readonly scan?: boolean | undefined;
}

/** The packing of one image: one dictionary of chunks, one pool of compression threads. */
export interface ImagePacker extends Disposable {
  /**
   * Layers must be opened lowest first; `layer` is the number that ChunkRefs will carry (it may skip numbers). Packing
   * overlaps, decisions about duplicates are taken in order of opening.
   */
  openLayer(layer: number, blobPath: string): LayerPacker;
  /** What the addon's threads have done with their time so far. */
  stages(): readonly StageTimes[];
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
  /** Bytes from the start of the blob whose digest is wanted besides that of all. */
  readonly prefix?: number | undefined;
}

export interface ChunkFault {
  readonly index: number;
  readonly message: string;
}

/** Reads a blob's bytes in order and decodes, measures and digests every chunk of the table. */
export interface BlobVerifier {
  write(bytes: Uint8Array): Promise<void>;
  /** Digest and size of all bytes written; the faults found, in chunk order. */
  finish(): Promise<{
    readonly digest: Digest;
    /** SHA-256 of the prefix; undefined when none was asked for, or the blob ends before it does. */
    readonly prefixDigest: Digest | undefined;
    readonly size: number;
    readonly faults: readonly ChunkFault[];
  }>;
  abort(): void;
}

/** Starts the compression threads of one image. */
export function openImagePacker(options: ImagePackerOptions): ImagePacker {
  const packer = unwrap(addon().openImagePacker({ ...options, scan: options.scan ?? false }));
  return {
    openLayer: (layer, blobPath) => new NativeLayer(unwrap(packer.openLayer(layer, blobPath)), layer),
    stages: () => packer.stages(),
    [Symbol.dispose]: () => {
      packer.dispose();
    },
  };
}

/** Throws UnsupportedError for a compressor that is not decoded here. */
export function openBlobVerifier(options: BlobVerifierOptions): BlobVerifier {
  const { bytes } = PackedChunkTable.from(options.chunks);
  const { compressor, digester, threads, prefix } = options;
  return new NativeVerifier(
    unwrap(addon().openBlobVerifier({ chunks: bytes, compressor, digester, threads, prefix })),
  );
}

/** One zstd frame as chunks are stored; undefined when it would not be smaller than `bytes`. */
export async function compress(bytes: Uint8Array, level: number): Promise<Buffer | undefined> {
  return unwrap(await addon().compress(asBuffer(bytes), level)) ?? undefined;
}

/** One gzip member of all parts together: the same bytes on every machine, which zlib does not promise. */
export async function gzip(parts: readonly Uint8Array[]): Promise<Buffer> {
  return unwrap(await addon().gzip(parts.map(asBuffer)));
}

/** Throws FormatError unless `bytes` decode to exactly `size` bytes. `size` is allocated: check it before. */
export async function decompress(bytes: Uint8Array, encoding: CompressorName, size: number): Promise<Buffer> {
  return unwrap(await addon().decompress(asBuffer(bytes), encoding, size));
}

/**
 * From now on the process gives freed memory back to the system at once, where its allocator can be told to: for programs
 * that do nothing else. Others may hold other views of speed and memory.
 */
export function returnFreedMemory(): void {
  addon().returnFreedMemory();
}

/** Of the addon and of the codecs whose version decides about bytes: for `--version` and bug reports. */
export function versions(): { readonly addon: string; readonly zstd: string } {
  return addon().versions();
}

class NativeLayer implements LayerPacker {
  readonly #native: NativeLayerPacker;
  readonly #layer: number;

  constructor(native: NativeLayerPacker, layer: number) {
    this.#native = native;
    this.#layer = layer;
  }

  async write(bytes: Uint8Array): Promise<void> {
    if (!unwrap(this.#native.write(asBuffer(bytes)))) unwrap(await this.#native.room());
  }

  async finish(): Promise<PackedLayerTable> {
    const packed = unwrap(await this.#native.finish());
    const { entries, references, entryCount, sourceDigest, sourceSize, diffId, dataSize } = packed;
    return {
      // The addon writes sha256 digests in their canonical form.
      source: { digest: sourceDigest as Digest, size: sourceSize },
      diffId: diffId as DiffId,
      entries: await decodeEntries(entries, references, entryCount, this.#layer),
      chunks: new PackedChunkTable(packed.chunks),
      dataSize,
      uncompressedSize: packed.uncompressedSize,
      warnings: packed.warnings,
      stats: {
        sourceBytes: sourceSize,
        tarBytes: packed.tarSize,
        blobBytes: dataSize,
        entries: entryCount,
        chunks: packed.chunkCount,
        newChunks: packed.newChunkCount,
        duplicateBytes: packed.duplicateBytes,
      },
    };
  }

  digestWith(suffix: Uint8Array): Digest {
    return unwrap(this.#native.digestWith(asBuffer(suffix))) as Digest; // canonical, as above
  }

  async seal(tail: Uint8Array): Promise<SealedBlob> {
    const { digest, size } = unwrap(await this.#native.seal(asBuffer(tail)));
    return { digest: digest as Digest, size }; // canonical, as above
  }

  abort(): void {
    this.#native.abort();
  }
}

class NativeVerifier implements BlobVerifier {
  readonly #native: NativeBlobVerifier;

  constructor(native: NativeBlobVerifier) {
    this.#native = native;
  }

  async write(bytes: Uint8Array): Promise<void> {
    if (!unwrap(this.#native.write(asBuffer(bytes)))) unwrap(await this.#native.room());
  }

  async finish(): ReturnType<BlobVerifier['finish']> {
    const { digest, prefixDigest, size, faults } = unwrap(await this.#native.finish());
    return { digest: digest as Digest, prefixDigest: prefixDigest as Digest | undefined, size, faults }; // canonical, as above
  }

  abort(): void {
    this.#native.abort();
  }
}
