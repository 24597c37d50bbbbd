/** The types of the addon, declared in native/node/src. Written by tools/docs/main.ts. Do not edit: npm run docs. */
import type { FsVersion, WrittenCompressor } from './formats.js';
import type { Outcome } from './outcome.js';

/** Levels that users may ask for. */
export interface NativeLevels {
  /** The fastest. */
  readonly min: number;
  /** The smallest output. */
  readonly max: number;
  /** The reference builder's. */
  readonly default: number;
}

/** A row of the table of codecs. */
export interface NativeCodec {
  /** Name in the format, which users type too. */
  readonly name: string;
  /** Whether chunks can be stored with it. */
  readonly isWritten: boolean;
  /** Levels, where it has some. */
  readonly levels?: NativeLevels | undefined;
  /** Version of the library whose output the digests of images depend on. */
  readonly version?: string | undefined;
}

/** What images can be written with. */
export interface NativeFormats {
  /** Every codec that the format names, in the order of their numbers. */
  readonly codecs: readonly NativeCodec[];
  /** RAFS versions. */
  readonly versions: readonly number[];
  /** What is taken for options that the caller leaves out. */
  readonly defaults: FormatOptions;
}

/** See `Finding` of `nydus-judge`. */
export interface NativeFinding {
  /** Position in the table of sentences. */
  readonly sentence: number;
  /** For its placeholders, in their order. */
  readonly args: readonly string[];
  /** One character a byte. */
  readonly path?: string | undefined;
  /** Bytes from the start of the bootstrap. */
  readonly offset?: number | undefined;
  /** For people. */
  readonly expected?: string | undefined;
  /** For people. */
  readonly found?: string | undefined;
}

/** How blobs and bootstraps are written. */
export interface FormatOptions {
  /** RAFS version. */
  readonly fsVersion: FsVersion;
  /** Name of the codec that chunks are stored with. */
  readonly compressor: WrittenCompressor;
  /** Level of the codec, where it has levels, and of bootstraps inside of blobs. */
  readonly compressionLevel: number;
  /** Bytes; a power of two, 4 KiB … 16 MiB. */
  readonly chunkSize: number;
  /** `image`: chunks of lower layers are referred to; `layer`: every blob stands alone, as the reference has it. */
  readonly dedup: 'image' | 'layer';
}

/** How an image is scanned. */
export interface ScannerOptions {
  /** Bytes; a power of two, 4 KiB … 16 MiB. */
  readonly chunkSize: number;
  /** Which chunks count as known, as for a conversion. */
  readonly dedup: 'image' | 'layer';
  /** Threads that write chunks, where they are kept. */
  readonly threads: number;
  /** True: new chunks are stored, as they are, at the layers' paths. */
  readonly keep?: boolean | undefined;
}

/** Something that was dropped or mended on the way. */
export interface LayerWarning {
  /** Stable name. */
  readonly code: string;
  /** The sentence. */
  readonly message: string;
}

/** A layer that has been read to its end. Sizes in bytes, below 2^53. */
export interface NativeLayerSummary {
  /** Digest of the bytes as written in. */
  readonly sourceDigest: string;
  /** Bytes as written in. */
  readonly sourceSize: number;
  /** Digest of the uncompressed tar. */
  readonly diffId: string;
  /** Size of the uncompressed tar. */
  readonly tarSize: number;
  /** Number of entries. */
  readonly entryCount: number;
  /** Size of the chunk data in the file. */
  readonly dataSize: number;
  /** Size of the uncompressed address space. */
  readonly uncompressedSize: number;
  /** Chunks that files refer to. */
  readonly chunkCount: number;
  /** Chunks that are new. */
  readonly newChunkCount: number;
  /** Uncompressed bytes that are not stored again. */
  readonly duplicateBytes: number;
  /** What was dropped or mended. */
  readonly warnings: readonly LayerWarning[];
}

/** A complete blob. */
export interface NativeSealedBlob {
  /** `sha256:…`. */
  readonly digest: string;
  /** Bytes. */
  readonly size: number;
  /** Content of its `.blob.meta` file. */
  readonly blobMeta: Buffer;
}

/** How far a blob file is. */
export interface NativeGrowth {
  /** Bytes that are in the file. */
  readonly size: number;
  /** The blob is sealed: no more bytes come. */
  readonly complete: boolean;
}

/** The threads of one kind, added up; seconds. */
export interface NativeStage {
  /** What the threads do. */
  readonly name: string;
  /** How many there have been. */
  readonly threads: number;
  /** From start to end, or to now. */
  readonly alive: number;
  /** On a core; 0 where the system does not say. */
  readonly busy: number;
  /** Ready, but all cores were taken; 0 where the system does not say. */
  readonly ready: number;
  /** Waiting for input. */
  readonly starved: number;
  /** Waiting for room. */
  readonly blocked: number;
}

/** The conversion of one image. */
export interface NativeImagePacker {
  /** Opens the next layer, lowest first. */
  openLayer(layer: number, blobPath: string): Outcome<NativeLayerPacker>;
  /** What the threads have done so far. */
  stages(): readonly NativeStage[];
  /** The merged bootstrap of the layers with these numbers, lowest first. */
  bootstrap(places: readonly number[]): Promise<Outcome<Buffer>>;
  /** Aborts the layers that are not sealed. */
  dispose(): void;
}

/** A layer that is converted. */
export interface NativeLayerPacker {
  /** Takes bytes without waiting; true when there is room for more, else `room` says when there is. */
  write(bytes: Buffer): Outcome<boolean>;
  /** Settles when there is room. */
  room(): Promise<Outcome<undefined>>;
  /** The layer has ended. */
  finish(): Promise<Outcome<NativeLayerSummary>>;
  /** Settles when more than `size` bytes are in the blob file, or all of them. */
  grown(size: number): Promise<Outcome<NativeGrowth>>;
  /** Completes the blob. */
  seal(): Promise<Outcome<NativeSealedBlob>>;
  /** Ends the layer's threads and removes its file unless it is sealed. */
  abort(): void;
}

/** What a layer holds, packed. The layouts are in src/rafs-builder/layout/wire.ts. */
export interface ScannedTables {
  /** Entries, in tar order. */
  readonly entries: Buffer;
  /** References, file after file. */
  readonly references: Buffer;
  /** Chunks that are new, by index. */
  readonly chunks: Buffer;
}

/** A layer that has been scanned. */
export interface NativeScannedLayer {
  /** What was read, and how much of it is new. */
  readonly summary: NativeLayerSummary;
  /** What the layer holds. */
  readonly tables: ScannedTables;
}

/** The scan of one image. */
export interface NativeImageScanner {
  /** Opens the next layer, lowest first. Chunks that are kept go to `path`. */
  openLayer(layer: number, path: string): Outcome<NativeLayerScanner>;
  /** Aborts all layers. */
  dispose(): void;
}

/** A layer that is scanned. */
export interface NativeLayerScanner {
  /** Takes bytes without waiting; true when there is room for more, else `room` says when there is. */
  write(bytes: Buffer): Outcome<boolean>;
  /** Settles when there is room. */
  room(): Promise<Outcome<undefined>>;
  /** The layer has ended. */
  finish(): Promise<Outcome<NativeScannedLayer>>;
  /** Ends the layer's threads and removes its file. */
  abort(): void;
}

/** How a blob is verified. */
export interface NativeVerifyOptions {
  /** Packed chunk records. */
  readonly chunks: Buffer;
  /** Name of the codec of compressed chunks. */
  readonly compressor: string;
  /** `blake3` or `sha256`. */
  readonly digester: string;
  /** Decoding threads. */
  readonly threads: number;
  /** Bytes from the start whose digest is wanted too. */
  readonly prefix?: number | undefined;
}

/** A chunk that is not what the table says. */
export interface NativeChunkFault {
  /** Position in the table. */
  readonly index: number;
  /** What is wrong. */
  readonly message: string;
}

/** The result of a run. */
export interface NativeVerified {
  /** `sha256:…` of the whole blob. */
  readonly digest: string;
  /** `sha256:…` of the prefix, when it was asked for and is there. */
  readonly prefixDigest?: string | undefined;
  /** Bytes. */
  readonly size: number;
  /** By index. */
  readonly faults: readonly NativeChunkFault[];
}

/** Reads a blob and looks at every chunk of a table. */
export interface NativeBlobVerifier {
  /** Takes bytes without waiting; true when there is room for more, else `room` says when there is. */
  write(bytes: Buffer): Outcome<boolean>;
  /** Settles when there is room. */
  room(): Promise<Outcome<undefined>>;
  /** The blob has ended. */
  finish(): Promise<Outcome<NativeVerified>>;
  /** Ends the threads. */
  abort(): void;
}

/** Everything that the addon exports. */
export interface Addon {
  /** Compresses as chunks are, with the default codec; null when that would not be smaller. */
  compress(bytes: Buffer, level: number): Promise<Outcome<Buffer | null>>;
  /** Decodes to exactly `size` bytes. */
  decompress(bytes: Buffer, compressor: string, size: number): Promise<Outcome<Buffer>>;
  /** One gzip member of all parts together, the same bytes on every machine. */
  gzip(parts: readonly Buffer[]): Promise<Outcome<Buffer>>;
  /** The tables that src/native/formats.ts is generated from. */
  formats(): NativeFormats;
  /** The version of this crate, for `--version` and bug reports. */
  version(): string;
  /** The BLAKE3 of at most a few megabytes: the calling thread computes it. */
  blake3(bytes: Buffer): Buffer;
  /** Everything that is wrong with a bootstrap. */
  judgeBootstrap(bytes: Buffer): Outcome<readonly NativeFinding[]>;
  /** Why no reader could follow a bootstrap; nothing for one that can be read, whatever else is wrong with it. */
  refusalOfBootstrap(bytes: Buffer): Outcome<NativeFinding | null>;
  /** Whether layers unpack to the tree that a bootstrap shows; false, too, when it cannot be read. */
  isTreeOfLayers(bytes: Buffer, layers: readonly ScannedTables[]): Outcome<boolean>;
  /**
   * Gives memory back to the system as soon as it is free, where the allocator can be told so. glibc otherwise takes the
   * sizes of freed blocks for a habit and keeps up to 64 MiB a heap, of which threads have their own.
   */
  returnFreedMemory(): void;
  /** A function instead of a constructor, so that a refusal is an outcome. `layers` is how many will be opened, where that is known. */
  openImagePacker(format: FormatOptions, threads: number, layers?: number | null): Outcome<NativeImagePacker>;
  /** A function instead of a constructor, so that a refusal is an outcome. */
  openImageScanner(options: ScannerOptions): Outcome<NativeImageScanner>;
  /** A function instead of a constructor, so that a refusal is an outcome. */
  openBlobVerifier(options: NativeVerifyOptions): Outcome<NativeBlobVerifier>;
}
