/**
 * Only this folder imports the addon: it loads the addon, turns outcomes into values or errors, and converts to our
 * types.
 *
 * All promises settle from threads of the addon. Errors are FormatError, UnsupportedError, LocalIoError (a spool file,
 * an addon that is not built), InternalError (a panic, a call out of order) and, after `abort`, InterruptedError.
 */
import { addon, asBuffer } from './addon.js';
import type {
  FormatOptions,
  LayerWarning,
  NativeBlobVerifier,
  NativeGrowth,
  NativeLayerPacker,
  NativeLayerScanner,
  NativeLayerSummary,
  NativeMergedImage,
  ScannedTables,
  ScannerOptions,
} from './addon-types.js';
import { unwrap } from './outcome.js';
import { decodeEntries, PackedChunkTable } from './tables.js';
import type { DiffId, Digest } from '../oci/digest.js';
import type { ChunkTable, CompressorName, LayerEntry } from '../rafs-builder/model/tree.js';
import type { PackStats, StageTimes } from '../reporter.js';

export {
  type JudgedBootstrap,
  judgeBootstrap,
  NO_CHUNKS,
  openBootstrap,
  readAndJudge,
  type VerifiableChunks,
} from './judge.js';
export type {
  LayerWarning,
  NativeMergedImage as MergedImage,
  NativeSection,
  ScannedTables,
} from './addon-types.js';

export interface ImagePackerOptions extends FormatOptions {
  /** Compression threads; the output does not depend on it. */
  readonly threads: number;
  /**
   * The number of layers that will be opened, if known. The packer then frees its dictionary of chunks after the last
   * one.
   */
  readonly layers?: number | undefined;
}

/** Packs one image, with one dictionary of chunks and one pool of compression threads. */
export interface ImagePacker extends Disposable {
  /**
   * Layers must be opened lowest first; ChunkRefs carry the number `layer`, and numbers may be skipped. Packing
   * overlaps, but duplicates are decided in the order of opening.
   */
  openLayer(layer: number, blobPath: string): LayerPacker;
  /**
   * Makes the image's bootstrap. `places` are the numbers of its layers, lowest first; a number may occur several
   * times. Settles when these layers are sealed and the bootstrap is written; a second call fails. Throws FormatError
   * and UnsupportedError for layers that the format cannot hold.
   */
  bootstrap(places: readonly number[]): Promise<NativeMergedImage>;
  /** The time that the addon's threads have spent so far, by kind of thread. */
  stages(): readonly StageTimes[];
}

/** Scans the layers of one image and returns their contents without storing blobs. */
export interface ImageScanner extends Disposable {
  /** See `ImagePacker.openLayer`. A path is needed only if chunks are kept. */
  openLayer(layer: number, blobPath?: string): LayerScanner;
}

/** Takes the bytes of a layer. */
interface LayerFeed {
  /** Passes compressed layer bytes to the addon, which owns them from then on; settles when it has room for more. */
  write(bytes: Uint8Array): Promise<void>;
  /** Ends the layer's threads and removes its file unless the blob is sealed. More than one call does no harm. */
  abort(): void;
}

export interface LayerPacker extends LayerFeed {
  /**
   * Settles when the file has more than `size` bytes of the blob, or all of it; rejects when the layer fails or is
   * aborted. Any number of calls may wait at the same time, and none of them occupies a thread.
   */
  grown(size: number): Promise<NativeGrowth>;
  /** Ends the input. Settles when all data of the layer is in the blob file. */
  finish(): Promise<PackedLayer>;
  /**
   * After `finish`: appends the tail (chunk records, digests, the layer's own bootstrap, table of contents) and closes
   * the file. It waits for lower layers whose chunks this layer refers to, since the tail names their blobs, and fails
   * when one of them does. Throws FormatError and UnsupportedError for layers that no file system or not the format can
   * hold.
   */
  seal(): Promise<SealedBlob>;
}

export interface LayerScanner extends LayerFeed {
  /** Ends the input. */
  finish(): Promise<ScannedLayer>;
}

export interface PackedLayer {
  /** Digest and size of the compressed bytes, which the caller compares with the descriptor. */
  readonly source: { readonly digest: Digest; readonly size: number };
  readonly diffId: DiffId;
  /** Bytes of chunk data in the blob file. */
  readonly dataSize: number;
  /** Bytes of the uncompressed address space; every chunk starts at a multiple of 4096. */
  readonly uncompressedSize: number;
  readonly warnings: readonly LayerWarning[];
  /** `blobBytes` counts only the data until the blob is sealed. */
  readonly stats: PackStats;
}

/** A layer that was read and not converted. */
export interface ScannedLayer extends PackedLayer {
  /** The packed tables, in the form that `JudgedBootstrap.isTreeOf` takes. */
  readonly tables: ScannedTables;
  /** Decodes the entries, in tar order, anew with each call. */
  entries(): Promise<LayerEntry[]>;
  /** The new chunks; their stored sizes and offsets are valid only if chunks are kept. */
  readonly chunks: ChunkTable;
}

export interface SealedBlob {
  readonly digest: Digest;
  readonly size: number;
  /** The content of its `.blob.meta` file; empty when the layer stores no chunk. */
  readonly blobMeta: Uint8Array;
}

export interface BlobVerifierOptions {
  readonly chunks: ChunkTable;
  readonly compressor: CompressorName;
  readonly digester: 'blake3' | 'sha256';
  readonly threads: number;
  /** Also digest this many bytes from the start of the blob. */
  readonly prefix?: number | undefined;
}

export interface ChunkFault {
  readonly index: number;
  readonly message: string;
}

/** Takes a blob's bytes in order, and decodes, measures and digests every chunk of the table. */
export interface BlobVerifier {
  write(bytes: Uint8Array): Promise<void>;
  /** Returns digest and size of all bytes written, and the faults in chunk order. */
  finish(): Promise<{
    readonly digest: Digest;
    /** SHA-256 of the prefix; undefined when the caller wanted none, or the blob is shorter. */
    readonly prefixDigest: Digest | undefined;
    readonly size: number;
    readonly faults: readonly ChunkFault[];
  }>;
  abort(): void;
}

/** Starts the compression threads of one image. */
export function openImagePacker(options: ImagePackerOptions): ImagePacker {
  const packer = unwrap(addon().openImagePacker(options, options.threads, options.layers));
  return {
    openLayer: (layer, blobPath) => new NativePacker(unwrap(packer.openLayer(layer, blobPath))),
    bootstrap: async (places) => unwrap(await packer.bootstrap(places)),
    stages: () => packer.stages(),
    [Symbol.dispose]: () => {
      packer.dispose();
    },
  };
}

/** Starts the scan of one image. */
export function openImageScanner(options: ScannerOptions): ImageScanner {
  const scanner = unwrap(addon().openImageScanner(options));
  return {
    openLayer: (layer, blobPath = '') => new NativeScanner(unwrap(scanner.openLayer(layer, blobPath)), layer),
    [Symbol.dispose]: () => {
      scanner.dispose();
    },
  };
}

/** Throws UnsupportedError for a compressor that the addon cannot decode. */
export function openBlobVerifier(options: BlobVerifierOptions): BlobVerifier {
  const { bytes } = PackedChunkTable.from(options.chunks);
  const { compressor, digester, threads, prefix } = options;
  return new NativeVerifier(
    unwrap(addon().openBlobVerifier({ chunks: bytes, compressor, digester, threads, prefix })),
  );
}

/** Compresses with the default codec of chunks; undefined when the result would not be smaller than `bytes`. */
export async function compress(bytes: Uint8Array, level: number): Promise<Buffer | undefined> {
  return unwrap(await addon().compress(asBuffer(bytes), level)) ?? undefined;
}

/** Compresses all parts to one gzip member: the same bytes on every machine, which zlib does not promise. */
export async function gzip(parts: readonly Uint8Array[]): Promise<Buffer> {
  return unwrap(await addon().gzip(parts.map(asBuffer)));
}

/**
 * Throws FormatError unless `bytes` decode to exactly `size` bytes. `size` is allocated, so the caller must bound it.
 */
export async function decompress(
  bytes: Uint8Array,
  compressor: CompressorName,
  size: number,
): Promise<Buffer> {
  return unwrap(await addon().decompress(asBuffer(bytes), compressor, size));
}

/** Digests on the calling thread, so `bytes` should be no larger than a chunk. */
export function blake3(bytes: Uint8Array): Buffer {
  return addon().blake3(asBuffer(bytes));
}

/**
 * Makes the process return freed memory to the system at once, if its allocator can. It is meant for programs that only
 * convert; others may prefer speed.
 */
export function returnFreedMemory(): void {
  addon().returnFreedMemory();
}

/** Returns the versions of the addon and of the codecs that decide about bytes, for `--version` and bug reports. */
export function versions(): {
  readonly addon: string;
  readonly codecs: Readonly<Record<string, string>>;
} {
  const { codecs } = addon().formats();
  const known = codecs.flatMap(({ name, version }) => (version === undefined ? [] : [[name, version]]));
  return { addon: addon().version(), codecs: Object.fromEntries(known) as Record<string, string> }; // the entries are pairs of strings
}

class NativeFeed<T extends NativeLayerPacker | NativeLayerScanner> {
  protected readonly native: T;

  constructor(native: T) {
    this.native = native;
  }

  async write(bytes: Uint8Array): Promise<void> {
    if (!unwrap(this.native.write(asBuffer(bytes)))) unwrap(await this.native.room());
  }

  abort(): void {
    this.native.abort();
  }
}

class NativePacker extends NativeFeed<NativeLayerPacker> implements LayerPacker {
  async grown(size: number): Promise<NativeGrowth> {
    return unwrap(await this.native.grown(size));
  }

  async finish(): Promise<PackedLayer> {
    return packedLayer(unwrap(await this.native.finish()));
  }

  async seal(): Promise<SealedBlob> {
    const { digest, size, blobMeta } = unwrap(await this.native.seal());
    return { digest: digest as Digest, size, blobMeta }; // the addon writes digests in their canonical form
  }
}

class NativeScanner extends NativeFeed<NativeLayerScanner> implements LayerScanner {
  readonly #layer: number;

  constructor(native: NativeLayerScanner, layer: number) {
    super(native);
    this.#layer = layer;
  }

  async finish(): Promise<ScannedLayer> {
    const { summary, tables } = unwrap(await this.native.finish());
    return {
      ...packedLayer(summary),
      tables,
      entries: () => decodeEntries(tables, summary.entryCount, this.#layer),
      chunks: new PackedChunkTable(tables.chunks),
    };
  }
}

function packedLayer(summary: NativeLayerSummary): PackedLayer {
  const { sourceDigest, sourceSize, dataSize } = summary;
  return {
    // The addon writes digests in their canonical form.
    source: { digest: sourceDigest as Digest, size: sourceSize },
    diffId: summary.diffId as DiffId,
    dataSize,
    uncompressedSize: summary.uncompressedSize,
    warnings: summary.warnings,
    stats: {
      sourceBytes: sourceSize,
      tarBytes: summary.tarSize,
      blobBytes: dataSize,
      entries: summary.entryCount,
      chunks: summary.chunkCount,
      newChunks: summary.newChunkCount,
      duplicateBytes: summary.duplicateBytes,
    },
  };
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
    return { digest: digest as Digest, prefixDigest: prefixDigest as Digest | undefined, size, faults }; // canonical digests, as in `seal`
  }

  abort(): void {
    this.#native.abort();
  }
}
