/**
 * The only importer of the addon: loads it, unwraps outcomes, maps to our types.
 *
 * Everything that waits settles from threads of the addon. Errors are FormatError, UnsupportedError, LocalIoError (spool,
 * addon not built), InternalError (a panic, a call out of order) and, after `abort`, InterruptedError.
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
  ScannedTables,
  ScannerOptions,
} from './addon-types.js';
import { unwrap } from './outcome.js';
import { decodeEntries, PackedChunkTable } from './tables.js';
import type { DiffId, Digest } from '../oci/digest.js';
import type { ChunkTable, CompressorName, LayerEntry } from '../rafs-builder/model/tree.js';
import type { PackStats, StageTimes } from '../reporter.js';

export { isTreeOfLayers, judgeBootstrap, openBootstrap } from './judge.js';
export type { LayerWarning, ScannedTables } from './addon-types.js';
export { PackedChunkTable } from './tables.js';

export interface ImagePackerOptions extends FormatOptions {
  /** Compression threads; the output does not depend on it. */
  readonly threads: number;
  /** Layers that will be opened, where that is known: the dictionary of chunks is freed behind the last one. */
  readonly layers?: number | undefined;
}

/** The packing of one image: one dictionary of chunks, one pool of compression threads. */
export interface ImagePacker extends Disposable {
  /**
   * Layers must be opened lowest first; `layer` is the number that ChunkRefs will carry (it may skip numbers). Packing
   * overlaps, decisions about duplicates are taken in order of opening.
   */
  openLayer(layer: number, blobPath: string): LayerPacker;
  /**
   * The image's bootstrap, out of all layers; `places` are their numbers, lowest first, and one may occur several times. Settles
   * when all of them are sealed and it is written; no second one can be had. Throws FormatError and UnsupportedError for what
   * the format cannot hold.
   */
  bootstrap(places: readonly number[]): Promise<Buffer>;
  /** What the addon's threads have done with their time so far. */
  stages(): readonly StageTimes[];
}

/** The scan of one image, which says what its layers hold. */
export interface ImageScanner extends Disposable {
  /** As for `ImagePacker`. A path is needed only where chunks are kept. */
  openLayer(layer: number, blobPath?: string): LayerScanner;
}

/** Takes the bytes of a layer. */
interface LayerFeed {
  /** Hands compressed layer bytes over (the caller does not touch them again); settles when there is room for more. */
  write(bytes: Uint8Array): Promise<void>;
  /** Idempotent; ends the layer's threads and removes the file unless it is sealed. */
  abort(): void;
}

export interface LayerPacker extends LayerFeed {
  /**
   * Settles when more than `size` bytes of the blob are in its file, or all of them; rejects when the layer fails or is aborted.
   * Any number of calls may wait at the same time; none of them occupies a thread.
   */
  grown(size: number): Promise<NativeGrowth>;
  /** The layer has ended. Settles when all of its data is in the blob file. */
  finish(): Promise<PackedLayer>;
  /**
   * After `finish`: appends the tail (chunk records, digests, the layer's own bootstrap, table of contents) and closes the file.
   * Waits for lower layers whose chunks the layer refers to, since it names their blobs; fails when one of them does. Throws
   * FormatError and UnsupportedError for what no file system, or not the format, could hold.
   */
  seal(): Promise<SealedBlob>;
}

export interface LayerScanner extends LayerFeed {
  /** The layer has ended. */
  finish(): Promise<ScannedLayer>;
}

export interface PackedLayer {
  /** Of the compressed bytes as written: to be compared with the descriptor. */
  readonly source: { readonly digest: Digest; readonly size: number };
  readonly diffId: DiffId;
  /** Bytes of chunk data in the blob file. */
  readonly dataSize: number;
  /** Of the uncompressed address space; every chunk starts at a multiple of 4096. */
  readonly uncompressedSize: number;
  readonly warnings: readonly LayerWarning[];
  /** `blobBytes` is the data alone until the blob is sealed. */
  readonly stats: PackStats;
}

/** A layer that was only read. */
export interface ScannedLayer extends PackedLayer {
  /** As they have crossed, for `SoundBootstrap`. */
  readonly tables: ScannedTables;
  /** In tar order; made anew each time. */
  entries(): Promise<LayerEntry[]>;
  /** The chunks that are new; stored sizes and offsets mean something only where they are kept. */
  readonly chunks: ChunkTable;
}

export interface SealedBlob {
  readonly digest: Digest;
  readonly size: number;
  /** Content of its `.blob.meta` file; empty when the layer stores no chunk. */
  readonly blobMeta: Uint8Array;
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

/** Starts the scan of one image, whose layers are read and not converted. */
export function openImageScanner(options: ScannerOptions): ImageScanner {
  const scanner = unwrap(addon().openImageScanner(options));
  return {
    openLayer: (layer, blobPath = '') => new NativeScanner(unwrap(scanner.openLayer(layer, blobPath)), layer),
    [Symbol.dispose]: () => {
      scanner.dispose();
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

/** Compresses as chunks are, with the default codec; undefined when that would not be smaller than `bytes`. */
export async function compress(bytes: Uint8Array, level: number): Promise<Buffer | undefined> {
  return unwrap(await addon().compress(asBuffer(bytes), level)) ?? undefined;
}

/** One gzip member of all parts together: the same bytes on every machine, which zlib does not promise. */
export async function gzip(parts: readonly Uint8Array[]): Promise<Buffer> {
  return unwrap(await addon().gzip(parts.map(asBuffer)));
}

/** Throws FormatError unless `bytes` decode to exactly `size` bytes. `size` is allocated: check it before. */
export async function decompress(
  bytes: Uint8Array,
  compressor: CompressorName,
  size: number,
): Promise<Buffer> {
  return unwrap(await addon().decompress(asBuffer(bytes), compressor, size));
}

/** The calling thread computes it: `bytes` should be no more than a chunk. */
export function blake3(bytes: Uint8Array): Buffer {
  return addon().blake3(asBuffer(bytes));
}

/**
 * From now on the process gives freed memory back to the system at once, where its allocator can be told to: for programs
 * that do nothing else. Others may hold other views of speed and memory.
 */
export function returnFreedMemory(): void {
  addon().returnFreedMemory();
}

/** Versions of the addon and of the codecs that decide about bytes, for `--version` and bug reports. */
export function versions(): {
  readonly addon: string;
  readonly codecs: Readonly<Record<string, string>>;
} {
  const { codecs } = addon().formats();
  const known = codecs.flatMap(({ name, version }) => (version === undefined ? [] : [[name, version]]));
  return { addon: addon().version(), codecs: Object.fromEntries(known) as Record<string, string> }; // pairs of strings
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
    // The addon writes sha256 digests in their canonical form.
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
    return { digest: digest as Digest, prefixDigest: prefixDigest as Digest | undefined, size, faults }; // canonical, as above
  }

  abort(): void {
    this.#native.abort();
  }
}
