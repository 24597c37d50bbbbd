/** The types of the addon, declared in native/node/src. Written by tools/docs/main.ts. Do not edit: npm run docs. */
import type { FsVersion, OldestReader, WrittenCompressor } from './formats.js';
import type { Outcome } from './outcome.js';

/** The most that the images of one run may take. Each has a default that real images stay far below. */
export interface Limits {
  /** Entries of all layers, of each layer as often as the image lists it. */
  readonly maxEntries?: number | undefined;
  /** Bytes of metadata, beyond those that the compressed layers account for. */
  readonly maxMetadata?: number | undefined;
  /** Bytes of chunk data in files, beyond those that the compressed layers account for. */
  readonly maxDisk?: number | undefined;
  /** Uncompressed bytes for each compressed byte, from 1 GiB on. */
  readonly maxExpansion?: number | undefined;
}

/** What the images of one run have taken together. */
export interface NativeBudget {
  /** Charges bytes of metadata that no layer accounts for. */
  metadata(bytes: number): Outcome<undefined>;
}

/** A place from which a gzip layer is inflated. */
export interface NativeContext {
  /** The byte before the first one, of which `bits` bits are pending. */
  readonly byte: number;
  /** The number of these bits, from the top of the byte. */
  readonly bits: number;
  /** The bytes that come before the output. */
  readonly dictionary: Buffer;
  /** Bytes to make. */
  readonly size: number;
}

/** The levels that users may choose. */
export interface NativeLevels {
  /** The fastest level. */
  readonly min: number;
  /** The level with the smallest output. */
  readonly max: number;
  /** The reference builder's level. */
  readonly default: number;
}

/** A row of the table of codecs. */
export interface NativeCodec {
  /** Name in the format; users write it in options, too. */
  readonly name: string;
  /** True if chunks can be stored with it. */
  readonly isWritten: boolean;
  /** The levels, if the codec has any. */
  readonly levels?: NativeLevels | undefined;
  /** Version of the library that writes the compressed bytes; the digests of images depend on it. */
  readonly version?: string | undefined;
}

/** A row of the table of readers; `Reader` of `nydus-core` explains the fields. */
export interface NativeReader {
  /** Name in options. */
  readonly name: string;
  /** True if it knows checksums of chunks. */
  readonly checksums: boolean;
  /** True if it knows chunks that are compressed together. */
  readonly batches: boolean;
}

/** The files that are compressed together if the caller leaves the choice. */
export interface NativeAutoBatches {
  /** Bytes below which a batch stays, or the chunk size if that is less. */
  readonly size: number;
  /** Bytes below which a file is in one, or half a batch if that is less. */
  readonly below: number;
}

/** The codecs, versions and readers that images can be written with and for. */
export interface NativeFormats {
  /** Every codec that the format names, in the order of their numbers. */
  readonly codecs: readonly NativeCodec[];
  /** RAFS versions. */
  readonly versions: readonly number[];
  /** The oldest readers, the default first. */
  readonly readers: readonly NativeReader[];
  /** The rule of batches that the caller leaves to the packer. */
  readonly autoBatches: NativeAutoBatches;
  /** The values of options that the caller leaves out. */
  readonly defaults: FormatOptions;
}

/** A blob of a dictionary, as the dictionary's blob table describes it. Sizes and offsets are in bytes, below 2^53. */
export interface NativeDictionaryBlob {
  /** SHA-256 of the RAFS blob in hex. */
  readonly id: string;
  /** Chunks stored in the blob. */
  readonly chunkCount: number;
  /** Size of its chunks. */
  readonly chunkSize: number;
  /** Name of the codec that compresses its chunks. */
  readonly compressor: string;
  /** Name of the algorithm that digests its chunks. */
  readonly digester: string;
  /** `BlobFeatures`. */
  readonly features: number;
  /** Offset of the bootstrap section in the RAFS blob. */
  readonly compressedSize: number;
  /** Size of the uncompressed address space. */
  readonly uncompressedSize: number;
  /** Name of the codec that compresses the chunk records. */
  readonly metaCompressor: string;
  /** Offset of the chunk records in the RAFS blob. */
  readonly metaOffset: number;
  /** Size of the stored chunk records. */
  readonly metaCompressedSize: number;
  /** Size of the chunk records when decoded. */
  readonly metaUncompressedSize: number;
}

/** The chunks of another image that files may refer to. */
export interface NativeDictionary {
  /** The blobs that hold them. */
  readonly blobs: readonly NativeDictionaryBlob[];
  /** `DictionaryChunk` records; of equal chunks the first one is referred to. */
  readonly chunks: Buffer;
}

/** How entries are made. */
export interface NativeExtractOptions {
  /** Whether files get the owners of the image. */
  readonly owners: boolean;
  /** Whether files with other content, and entries of another kind, are replaced. */
  readonly overwrite: boolean;
}

/** An extended attribute. */
export interface NativeExtractXattr {
  /** The whole name. */
  readonly name: Buffer;
  /** The value. */
  readonly value: Buffer;
}

/** The attributes of entries of every kind. */
export interface NativeExtractAttributes {
  /** Permission bits. */
  readonly mode: number;
  /** User. */
  readonly uid: number;
  /** Group. */
  readonly gid: number;
  /** Whole seconds since 1970. */
  readonly mtime: number;
  /** The rest of the time. */
  readonly mtimeNsec: number;
  /** Extended attributes. */
  readonly xattrs: readonly NativeExtractXattr[];
}

/**
 * A step. `directory`, `file`, `symlink`, `link`, `settle` and the kinds of nodes have a path; `bytes` and `complete` go on with the
 * file that was begun last.
 */
export interface NativeExtractStep {
  /** `directory`, `file`, `bytes`, `complete`, `symlink`, `link`, `settle`, `fifo`, `socket`, `char` or `block`. */
  readonly step:
    | 'directory'
    | 'file'
    | 'bytes'
    | 'complete'
    | 'symlink'
    | 'link'
    | 'settle'
    | 'fifo'
    | 'socket'
    | 'char'
    | 'block';
  /** Path in the image. */
  readonly path?: Buffer | undefined;
  /** Of a file: its size. Below 2^53. */
  readonly size?: number | undefined;
  /** Of `bytes`: the next ones of the file. They are copied. */
  readonly bytes?: Buffer | undefined;
  /** The target of a symbolic link, or the first name of a file with several. */
  readonly target?: Buffer | undefined;
  /** Of a device. */
  readonly major?: number | undefined;
  /** Of a device. */
  readonly minor?: number | undefined;
  /** Of everything but `directory`, `file`, `bytes` and `link`. */
  readonly attributes?: NativeExtractAttributes | undefined;
}

/** A file that may be there already. */
export interface NativeExisting {
  /** Path in the image. */
  readonly path: Buffer;
  /** Packed chunk records of its content, in order. */
  readonly chunks: Buffer;
}

/** A part of an entry that could not be made. */
export interface NativeNotExtracted {
  /** Path in the image. */
  readonly path: Buffer;
  /** `char`, `block`, `fifo`, `socket`, or `xattr` and a name. */
  readonly what: string;
  /** The system's reason. */
  readonly reason: string;
}

/** A thread that makes entries in one directory. */
export interface NativeExtractLane {
  /** Makes entries in order; settles with what was left out. A caller waits before it calls again. */
  make(steps: readonly NativeExtractStep[]): Promise<Outcome<readonly NativeNotExtracted[]>>;
  /** Settles with whether each file is there with its content. A caller waits before it calls again. */
  compare(files: readonly NativeExisting[], digester: string): Promise<Outcome<readonly boolean[]>>;
  /** Ends the thread, and removes a file that was not completed. */
  close(): void;
}

/**
 * A file or folder that is removed when the Node thread ends before `release` is called. No JavaScript runs in a worker that is
 * terminated, so only the addon can remove the files that such a worker leaves.
 */
export interface NativeGuard {
  /** Leaves the file or folder to the caller. A second call does nothing. */
  release(): void;
}

/** A fault of a bootstrap or a blob; `Finding` of `nydus-judge` explains the fields. */
export interface NativeFinding {
  /** Position of its sentence in the table of sentences. */
  readonly sentence: number;
  /** Arguments for the sentence's placeholders, in their order. */
  readonly args: readonly string[];
  /** Path of the file, with one character for each byte. */
  readonly path?: string | undefined;
  /** Bytes from the start of the bootstrap. */
  readonly offset?: number | undefined;
  /** The value of a sound bootstrap, for people. */
  readonly expected?: string | undefined;
  /** The value of this bootstrap, for people. */
  readonly found?: string | undefined;
}

/** A bootstrap that has been read and judged. */
export interface NativeBootstrap {
  /** Everything that is wrong with the bootstrap. */
  findings(): readonly NativeFinding[];
  /**
   * True if layers unpack to the tree that the bootstrap shows; false, too, if it cannot be read, or if the layers describe too
   * much. The layers are copied, and compared on another thread.
   */
  isTreeOf(layers: readonly ScannedTables[]): Promise<Outcome<boolean>>;
  /**
   * Finds everything that is wrong with a blob of the image whose bootstrap this is. `number` is the position of the blob in
   * the bootstrap; without one, no file uses the blob.
   */
  judgeBlob(blob: NativeBlob, number?: number | null): NativeJudgedBlob;
}

/** A blob without its chunk data; `Blob` of `nydus-judge` explains the fields. */
export interface NativeBlob {
  /** The hexadecimal digest of the blob. */
  readonly id: string;
  /** Bytes of the whole blob. */
  readonly size: number;
  /** Bytes of chunk data, with which the blob starts. */
  readonly dataSize: number;
  /** All bytes behind the data. */
  readonly tail: Buffer;
  /** The sections; none if the blob is chunk data and nothing else. */
  readonly sections: readonly NativeSection[];
  /** The copy of the chunk table beside the image's bootstrap. */
  readonly copy?: Buffer | undefined;
}

/** A section of a blob. */
export interface NativeSection {
  /** The name in the table of contents. */
  readonly name: string;
  /** Bytes from the start of the blob. */
  readonly offset: number;
  /** Bytes as stored. */
  readonly compressedSize: number;
  /** Bytes after decompression. */
  readonly uncompressedSize: number;
  /** The decompressed bytes, if there are any that can be trusted. */
  readonly content?: Buffer | undefined;
}

/** The judgement of a blob. */
export interface NativeJudgedBlob {
  /** Findings about the bootstrap inside the blob. */
  readonly own: readonly NativeFinding[];
  /** Findings about everything else. */
  readonly findings: readonly NativeFinding[];
  /** Packed records of the chunks that can be verified. */
  readonly chunks: Buffer;
  /** The index of each of these chunks; without it they are all chunks of the blob. */
  readonly indexes?: readonly number[] | undefined;
  /** Inflate contexts, then their dictionaries, of a blob that refers to a gzip layer; else nothing. */
  readonly contexts: Buffer;
  /** The number of these contexts. */
  readonly contextCount: number;
  /** The number of the compressor of chunks. */
  readonly compressor: number;
  /** The number of the digester of chunks. */
  readonly digester: number;
}

/** The options of a conversion. */
export interface FormatOptions {
  /** RAFS version. */
  readonly fsVersion: FsVersion;
  /** Name of the codec that chunks are stored with. */
  readonly compressor: WrittenCompressor;
  /** Level of the codec, if it has levels, and of bootstraps inside blobs. */
  readonly compressionLevel: number;
  /** Bytes of a chunk; a power of two, 4 KiB … 16 MiB. */
  readonly chunkSize: number;
  /**
   * Files of less than half of this are compressed together; 0 compresses each chunk on its own. With `auto`, files below
   * 64 KiB that follow one another are, and blobs without such files are as ever.
   */
  readonly batchSize: number | 'auto';
  /** Name of the algorithm that digests chunks and, in RAFS v5, inodes. */
  readonly digester: 'blake3' | 'sha256';
  /** True if chunks of RAFS v5 start at multiples of 4 KiB in the uncompressed address space, as those of RAFS v6 always do. */
  readonly alignChunks: boolean;
  /** The oldest reader that takes the image. Before nydusd 2.3.2 chunks have no checksums, and before 2.3.0 there are no batches. */
  readonly compat: OldestReader;
  /** With `layer` every blob stands alone, as in the reference; with `image` files may refer to chunks of lower layers. */
  readonly dedup: 'image' | 'layer';
  /** `none` stores all of every layer; `layers` only what a container sees, in a blob for each layer; `one` that in one blob. */
  readonly flatten: 'none' | 'layers' | 'one';
  /** What clients load directly after mounting the image, in this order; the whole image if absent. */
  readonly prefetch?: readonly PrefetchPattern[] | undefined;
  /**
   * With `zran` or `upstream` chunks stay in the original layers where that is possible, and blobs hold only where they are;
   * with `upstream` as the reference builder does it, byte for byte.
   */
  readonly ociRef: 'off' | 'zran' | 'upstream';
  /** The most uncompressed bytes that reading a chunk in a gzip layer takes, unless a block or a chunk takes more. */
  readonly zranSpan: number;
}

/** A line of a prefetch list. */
export interface PrefetchPattern {
  /** The path from the root, with a leading slash; one character for each byte. */
  readonly path: string;
  /**
   * `exact` is the name itself, as upstream takes it; `path` follows links, and a directory stands for everything in it;
   * `file` is no directory; `glob` may match many names.
   */
  readonly kind: 'exact' | 'path' | 'file' | 'glob';
}

/** The options of a scan. */
export interface ScannerOptions {
  /** Bytes of a chunk; a power of two, 4 KiB … 16 MiB. */
  readonly chunkSize: number;
  /** Name of the algorithm that digests chunks. */
  readonly digester?: 'blake3' | 'sha256' | undefined;
  /** The chunks that count as known, as for a conversion. */
  readonly dedup: 'image' | 'layer';
  /** The number of threads that store chunks, if chunks are stored. */
  readonly threads: number;
  /** True if new chunks are stored, uncompressed, at the layers' paths. */
  readonly keep?: boolean | undefined;
  /** If set, only the entry whose header lies at this offset of the uncompressed tar is recorded and stored. */
  readonly only?: number | undefined;
}

/** A warning about something that the parser has dropped or corrected. */
export interface LayerWarning {
  /** The stable name of this kind of warning. */
  readonly code: string;
  /** The sentence for the user. */
  readonly message: string;
}

/** The summary of a layer that has been read to its end. Sizes are in bytes, below 2^53. */
export interface NativeLayerSummary {
  /** Digest of the layer's bytes as the caller wrote them; absent if it was spared. */
  readonly sourceDigest?: string | undefined;
  /** The number of these bytes. */
  readonly sourceSize: number;
  /** Digest of the uncompressed tar; absent for a directory. */
  readonly diffId?: string | undefined;
  /** Size of the uncompressed tar, or of the directory's files. */
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
  /** Warnings about what the parser dropped or corrected. */
  readonly warnings: readonly LayerWarning[];
}

/** A complete blob. */
export interface NativeSealedBlob {
  /** `sha256:…` of the file. */
  readonly digest: string;
  /** Bytes in the file. */
  readonly size: number;
  /** Content of its `.blob.meta` file. */
  readonly blobMeta: Buffer;
  /** The number of batches in which small files are compressed together. */
  readonly batches: number;
  /** What the blob does not say of its directories: those that look as if they had no entry, and have one. `recall` takes it. */
  readonly entered: string;
  /** Whether files of the layer refer to chunks of lower layers. */
  readonly refersToLower: boolean;
  /** Whether files of the layer refer to chunks of the dictionary. */
  readonly refersToDictionary: boolean;
}

/** The end of a blob that an earlier conversion made with equal options. */
export interface NativeBlobTail {
  /** SHA-256 of the blob in hex. */
  readonly id: string;
  /** Bytes of the blob. */
  readonly size: number;
  /** The bytes from the end of the chunk data on. */
  readonly bytes: Buffer;
  /** As `NativeSealedBlob` has it. */
  readonly entered: string;
  /** The layer that it was made of, if its chunks may stay there. */
  readonly layer?: NativeSourceLayer | undefined;
}

/** The layer that a blob was made of. */
export interface NativeSourceLayer {
  /** SHA-256 of the layer in hex. */
  readonly id: string;
  /** Bytes of the layer. */
  readonly size: number;
  /** True if a blob that holds its chunks itself is of no use. */
  readonly isStrict: boolean;
}

/** A blob, and the bootstrap inside it. */
export interface NativeHome {
  /** SHA-256 of the blob in hex. */
  readonly id: string;
  /** Its own bootstrap. */
  readonly bootstrap: Buffer;
}

/** An image that is there, on which a layer is put. */
export interface NativeBaseImage {
  /** Its bootstrap. */
  readonly bootstrap: Buffer;
  /** SHA-256, in hex, of a blob that is to be left out. */
  readonly without?: string | undefined;
  /** The other blobs, lowest first, among whose chunks are those of the blob that is left out. */
  readonly homes: readonly NativeHome[];
}

/** A layer that was read back from the end of its blob. */
export interface NativeRecalledLayer {
  /** Content of its `.blob.meta` file. */
  readonly blobMeta: Buffer;
  /** The number of its inodes. */
  readonly inodes: number;
  /** Chunks that files refer to. */
  readonly chunkCount: number;
  /** Chunks that the blob stores. */
  readonly newChunkCount: number;
  /** The number of batches in which small files are compressed together. */
  readonly batches: number;
  /** Whether its chunks stay in the source layer. */
  readonly refers: boolean;
}

/** The metadata of a complete image. */
export interface NativeMergedImage {
  /** The bootstrap. */
  readonly bootstrap: Buffer;
  /** Stored bytes of chunks that a lower layer stores, too; 0 if the scope of deduplication is the image. */
  readonly repeatedBytes: number;
  /** The blobs of the dictionary that the bootstrap names, in the bootstrap's order. */
  readonly dictionaryBlobs: readonly NativeUsedBlob[];
  /** What the prefetch list means; absent if it is the whole image. */
  readonly prefetched?: NativePrefetched | undefined;
}

/** A blob of the dictionary that files refer to. */
export interface NativeUsedBlob {
  /** Its position in the dictionary. */
  readonly position: number;
  /** Chunks that the layers would have stored without it, each once a layer. */
  readonly chunks: number;
  /** The stored bytes of these chunks. */
  readonly savedBytes: number;
}

/** A part of a whole. */
export interface NativePart {
  /** What the list names. */
  readonly listed: number;
  /** What the image has. */
  readonly all: number;
}

/** What a prefetch list means on an image. A file with several names and a chunk of several files count once. */
export interface NativePrefetched {
  /** The entries of the prefetch table. */
  readonly entries: number;
  /** The positions of the patterns that lead nowhere. */
  readonly missing: readonly number[];
  /** The number of patterns that an earlier one covers. */
  readonly covered: number;
  /** The number of patterns that lead only to what has no content. */
  readonly empty: number;
  /** Regular files. */
  readonly files: NativePart;
  /** Bytes of these files. */
  readonly bytes: NativePart;
  /** Chunks of these files. */
  readonly chunks: NativePart;
  /** Bytes of these chunks in the blobs. */
  readonly stored: NativePart;
}

/** A blob of a flattened image. */
export interface NativeFlatBlob {
  /** The number of the layer whose file it is in. */
  readonly layer: number;
  /** The blob. */
  readonly sealed: NativeSealedBlob;
}

/** Some files. */
export interface NativeFiles {
  /** Their number. */
  readonly files: number;
  /** Their bytes, unpacked. */
  readonly bytes: number;
}

/** Files of a directory. */
export interface NativeDirectory {
  /** The directory's path, which can be printed. */
  readonly path: string;
  /** The number of files. */
  readonly files: number;
  /** Their bytes, unpacked. */
  readonly bytes: number;
}

/** What a flattened image does not have of a layer. */
export interface NativeLeftOut {
  /** The number of the layer. */
  readonly layer: number;
  /** Files that upper layers hide. One with several names counts once. */
  readonly hidden: NativeFiles;
  /** Files that a later entry of the same layer replaces. */
  readonly overwritten: NativeFiles;
  /** Where the hidden files lie, those with most bytes first. A directory of whose files none stays stands for all below it. */
  readonly directories: readonly NativeDirectory[];
  /** The number of directories that are not named. */
  readonly moreDirectories: number;
  /** Bytes of chunk data that the blobs do not hold for it. */
  readonly storedBytes: number;
}

/** A flattened image. */
export interface NativeFlatImage {
  /** The blobs, lowest first. */
  readonly blobs: readonly NativeFlatBlob[];
  /** What the image does not have of each layer. */
  readonly leftOut: readonly NativeLeftOut[];
  /** The metadata of the image. */
  readonly image: NativeMergedImage;
}

/** The state of a blob file. */
export interface NativeGrowth {
  /** Bytes in the file. */
  readonly size: number;
  /** True if the blob is sealed, so that no more bytes follow. */
  readonly complete: boolean;
}

/** The sums over the threads of one kind, in seconds. */
export interface NativeStage {
  /** The stage of the threads. */
  readonly name: string;
  /** The number of threads. */
  readonly threads: number;
  /** Time from start to end, or until now. */
  readonly alive: number;
  /** Time on a core; 0 if the system does not report it. */
  readonly busy: number;
  /** Time in which a thread was ready but all cores were taken; 0 if the system does not report it. */
  readonly ready: number;
  /** Time spent waiting for input. */
  readonly starved: number;
  /** Time spent waiting for room. */
  readonly blocked: number;
}

/** The conversion of one image. */
export interface NativeImagePacker {
  /** Opens the next layer, lowest first. If `stored`, its chunks are stored even where the format lets others stay in their layers. */
  openLayer(layer: number, blobPath: string, stored: boolean): Outcome<NativeLayerPacker>;
  /** Opens the next layer, lowest first, which is a directory of this machine and is read at once. */
  openDirectory(
    layer: number,
    blobPath: string,
    directory: NativeDirectorySource,
  ): Outcome<NativeLayerPacker>;
  /** Takes the next layer's place in line, lowest first. */
  reserve(layer: number): Outcome<undefined>;
  /** Ends a reserved layer that is neither recalled nor opened. */
  release(layer: number): void;
  /**
   * Takes a reserved layer from the end of its blob instead of packing it. Settles when the layer is there for `bootstrap`,
   * or without a value when packing it would make another blob; then, and after a failure, the layer can still be opened.
   */
  recall(layer: number, tail: NativeBlobTail): Promise<Outcome<NativeRecalledLayer | undefined>>;
  /**
   * Takes an image that is there as the layer with this number, below all others. Settles with the number of its names when it is
   * there for `bootstrap`.
   */
  base(layer: number, image: NativeBaseImage): Promise<Outcome<number>>;
  /** The times of the threads so far. */
  stages(): readonly NativeStage[];
  /** Writes the merged bootstrap of the layers with these numbers, lowest first. */
  bootstrap(places: readonly number[]): Promise<Outcome<NativeMergedImage>>;
  /** Makes the blobs and the bootstrap of the layers with these numbers, lowest first, without what no container sees of them. */
  flatten(places: readonly number[]): Promise<Outcome<NativeFlatImage>>;
  /** Aborts the layers that are not sealed. */
  dispose(): void;
}

/** A directory that is packed as a layer. */
export interface NativeDirectorySource {
  /** Its path. */
  readonly path: string;
  /** User and group of every entry, instead of the directory's. */
  readonly owner?: NativeOwner | undefined;
  /** Modification time of every entry in seconds since 1970, instead of the directory's. */
  readonly mtime?: number | undefined;
  /** Leaves out the attributes in which the machine keeps its own security labels and signatures. */
  readonly withoutLabels: boolean;
  /** The form of whiteouts. */
  readonly whiteouts: 'oci' | 'overlayfs' | 'none';
  /** True if nothing lies below, so that whiteouts are left out. */
  readonly isLowest: boolean;
}

/** An owner by numbers. */
export interface NativeOwner {
  /** The user. */
  readonly uid: number;
  /** The group. */
  readonly gid: number;
}

/** A part of the log of a tar's structure. */
export interface NativeFrame {
  /** One frame of zstd. */
  readonly bytes: Buffer;
  /** Bytes that it decompresses to. */
  readonly size: number;
}

/** A layer in conversion. */
export interface NativeLayerPacker {
  /**
   * Spares the digest of the bytes, because the caller verifies that it is this one, in hex. Only before the first bytes are
   * written.
   */
  spareDigest(digest: string): void;
  /** Takes the marks of an upper directory of overlayfs for whiteouts, too. Only before the first bytes are written. */
  takeOverlayMarks(): void;
  /** Logs the structure of the layer's tar, for `structure`. Only before the first bytes are written. */
  logStructure(): void;
  /** Takes the log of a layer that has been read; nothing if there is none, or it was too long. */
  structure(): readonly NativeFrame[] | null;
  /** Records how the layer is compressed, for `compression`. Only before the first bytes are written. */
  learnCompression(): void;
  /** Takes the record of a layer that has been read; nothing if none can be made. */
  compression(): Buffer | null;
  /** Takes a copy of the bytes without waiting. Returns true if there is room for more; if not, `room` settles when there is. */
  write(bytes: Buffer): Outcome<boolean>;
  /** Settles when there is room. */
  room(): Promise<Outcome<undefined>>;
  /** Ends the input; settles when the layer has been read and stored. */
  finish(): Promise<Outcome<NativeLayerSummary>>;
  /** Settles when the blob file has more than `size` bytes, or is complete. */
  grown(size: number): Promise<Outcome<NativeGrowth>>;
  /** Completes the blob; settles when it is sealed. */
  seal(): Promise<Outcome<NativeSealedBlob>>;
  /** Leaves the finished layer to `flatten` of its image, instead of sealing it. */
  hold(): Outcome<undefined>;
  /** Ends the layer's threads and removes its file unless it is sealed. */
  abort(): void;
}

/** What a list comes to in a tree. */
export interface NativeResolved {
  /** The rows in the order of the list. A directory stands for everything in it. */
  readonly rows: readonly number[];
  /** The positions of the patterns that lead nowhere. */
  readonly missing: readonly number[];
  /** The number of patterns that an earlier one covers. */
  readonly covered: number;
  /** The number of patterns that lead only to what has no content. */
  readonly empty: number;
}

/** A part of a tar, all of whose chunks lie in one blob. */
export interface NativeTarUnit {
  /** The blob's name, for messages. */
  readonly blob: string;
  /** Name of the codec of compressed chunks. */
  readonly compressor: string;
  /** `blake3` or `sha256`. */
  readonly digester: string;
  /** Headers and paddings, one after the other. */
  readonly literals: Buffer;
  /** Bytes of the literals, and the number of chunks that follow them; again and again, as numbers of 32 bits. */
  readonly steps: Buffer;
  /** Packed chunk records, in the order of the tar. */
  readonly chunks: Buffer;
  /** Chunks of which the tar has only a part: position, and where the part begins and ends, as numbers of 32 bits. */
  readonly cuts: Buffer;
  /** Ranges of the blob, by their offsets. */
  readonly ranges: readonly Buffer[];
  /** The offsets of the ranges. */
  readonly starts: readonly number[];
}

/** A complete layer. */
export interface NativeRebuilt {
  /** `sha256:…` of the compressed tar. */
  readonly digest: string;
  /** Bytes of the compressed tar. */
  readonly size: number;
  /** `sha256:…` of the tar. */
  readonly diffId: string;
  /** Bytes of the tar. */
  readonly tarSize: number;
}

/** A layer that is made again. */
export interface NativeRebuilder {
  /**
   * Takes a copy of the next part without waiting. Returns true if there is room for more; if not, `room` settles when there
   * is.
   */
  write(unit: NativeTarUnit): Outcome<boolean>;
  /** Settles when there is room. */
  room(): Promise<Outcome<undefined>>;
  /** Settles with the next bytes of the layer; with null behind the last ones. One call at a time. */
  read(): Promise<Outcome<Buffer | null>>;
  /** Ends the tar; settles when the layer is complete. Its bytes must be read meanwhile. */
  finish(): Promise<Outcome<NativeRebuilt>>;
  /** Ends the threads; promises that wait settle with an error. */
  abort(): void;
}

/** The packed contents of a layer. The layouts are in src/rafs-builder/layout/wire.ts. */
export interface ScannedTables {
  /** Entries in tar order. */
  readonly entries: Buffer;
  /** References to chunks, file after file. */
  readonly references: Buffer;
  /** New chunks, by index. */
  readonly chunks: Buffer;
}

/** The result of scanning a layer. */
export interface NativeScannedLayer {
  /** The source that was read, and how much of it is new. */
  readonly summary: NativeLayerSummary;
  /** The contents of the layer. */
  readonly tables: ScannedTables;
}

/** The scan of one image. */
export interface NativeImageScanner {
  /** Opens the next layer, lowest first. If chunks are stored, they go to `path`. */
  openLayer(layer: number, path: string): Outcome<NativeLayerScanner>;
  /** Aborts all layers. */
  dispose(): void;
}

/** A layer in a scan. */
export interface NativeLayerScanner {
  /** Takes a copy of the bytes without waiting. Returns true if there is room for more; if not, `room` settles when there is. */
  write(bytes: Buffer): Outcome<boolean>;
  /** Settles when there is room. */
  room(): Promise<Outcome<undefined>>;
  /** Ends the input; settles when the layer has been read. */
  finish(): Promise<Outcome<NativeScannedLayer>>;
  /** Ends the layer's threads and removes its file. */
  abort(): void;
}

/** Takes the bytes of a compressed archive in order; the format is recognised by its first bytes. */
export interface NativeArchiveUnpacker {
  /**
   * Decodes a copy of the next bytes; settles with the size of the file so far, and fails if that is above `limit`. A caller waits for
   * the answer before the next call.
   */
  write(bytes: Buffer, limit: number): Promise<Outcome<number>>;
  /** Ends the input; settles with the size of the file. */
  finish(limit: number): Promise<Outcome<number>>;
}

/** The options of a verification. */
export interface NativeVerifyOptions {
  /** Packed chunk records. */
  readonly chunks: Buffer;
  /** Name of the codec of compressed chunks. */
  readonly compressor: string;
  /** `blake3` or `sha256`. */
  readonly digester: string;
  /** The number of threads that decode. */
  readonly threads: number;
  /** Length of the blob's prefix whose digest is reported, too. */
  readonly prefix?: number | undefined;
  /**
   * If the bytes are a gzip layer: its contexts, then their dictionaries. The records then have the number of a context, and
   * the offset in what it makes, in place of the offset in the address space.
   */
  readonly contexts?: Buffer | undefined;
  /** The number of contexts. */
  readonly contextCount?: number | undefined;
}

/** A chunk that differs from the table's record. */
export interface NativeChunkFault {
  /** Position of the chunk in the table. */
  readonly index: number;
  /** The difference, as a sentence without its subject. */
  readonly message: string;
}

/** The result of a verification. */
export interface NativeVerified {
  /** `sha256:…` of the whole blob. */
  readonly digest: string;
  /** `sha256:…` of the prefix, if the caller asked for it and the blob is long enough. */
  readonly prefixDigest?: string | undefined;
  /** Bytes of the blob. */
  readonly size: number;
  /** The faults in the order of their chunks. */
  readonly faults: readonly NativeChunkFault[];
}

/** Reads a blob and checks every chunk of a table. */
export interface NativeBlobVerifier {
  /** Takes a copy of the bytes without waiting. Returns true if there is room for more; if not, `room` settles when there is. */
  write(bytes: Buffer): Outcome<boolean>;
  /** Settles when there is room. */
  room(): Promise<Outcome<undefined>>;
  /** Ends the blob; settles when every chunk has been checked. */
  finish(): Promise<Outcome<NativeVerified>>;
  /** Ends the threads; promises that wait settle with an error. */
  abort(): void;
}

/** Everything that the addon exports. */
export interface Addon {
  /** Makes the budget of one run. */
  openBudget(limits: Limits): NativeBudget;
  /** Compresses like a chunk, with the default codec; null if the result would not be smaller. */
  compress(bytes: Buffer, level: number): Promise<Outcome<Buffer | null>>;
  /** Decodes data to exactly `size` bytes. */
  decompress(bytes: Buffer, compressor: string, size: number): Promise<Outcome<Buffer>>;
  /** Inflates a stretch of a gzip layer as clients do; an error says why they fail. */
  inflateContext(bytes: Buffer, context: NativeContext): Promise<Outcome<Buffer>>;
  /** Compresses all parts together to one gzip member, whose bytes are the same on every machine. */
  gzip(parts: readonly Buffer[]): Promise<Outcome<Buffer>>;
  /** Returns the tables that src/native/formats.ts is generated from. */
  formats(): NativeFormats;
  /** Returns the version of this crate, for `--version` and bug reports. */
  version(): string;
  /** Computes BLAKE3 on the calling thread, so the input should have at most a few megabytes. */
  blake3(bytes: Buffer): Buffer;
  /** Starts a lane. It is a function instead of a constructor, so that a refusal is an outcome. */
  openExtractLane(directory: string, options: NativeExtractOptions): Outcome<NativeExtractLane>;
  /** Guards a folder, which belongs to the caller alone. `parents`, nearest first, are removed with it as long as they are empty. */
  guardFolder(path: string, parents: readonly string[]): NativeGuard;
  /** Guards a file, which need not exist yet. With `content` it is removed only if it has just these bytes. */
  guardFile(path: string, content?: string | null): NativeGuard;
  /** Finds everything that is wrong with a bootstrap. */
  judgeBootstrap(bytes: Buffer): Outcome<readonly NativeFinding[]>;
  /** Returns the reason why no reader could follow a bootstrap, or null if it can be read, whatever other faults it has. */
  refusalOfBootstrap(bytes: Buffer): Outcome<NativeFinding | null>;
  /** Reads a copy of a bootstrap and judges it. */
  readBootstrap(bytes: Buffer): Outcome<NativeBootstrap>;
  /**
   * Makes the allocator return free memory to the system at once, if it has such a setting. glibc otherwise adapts to the
   * sizes of freed blocks and keeps up to 64 MiB in each heap, and threads have heaps of their own.
   */
  returnFreedMemory(): void;
  /**
   * Makes a packer. It is a function instead of a constructor, so that a refusal is an outcome. `layers` is the number of
   * layers that will be opened, if it is known.
   */
  openImagePacker(
    format: FormatOptions,
    threads: number,
    layers: number | undefined | null,
    budget: NativeBudget,
    dictionary?: NativeDictionary | null,
  ): Outcome<NativeImagePacker>;
  /** Looks the patterns up in a tree, packed as `src/look/prefetch.ts` packs it. */
  resolvePrefetch(listing: Buffer, patterns: readonly PrefetchPattern[]): Promise<Outcome<NativeResolved>>;
  /** Makes a rebuilder. It is a function instead of a constructor, so that a refusal is an outcome. */
  openRebuilder(
    compressor: string,
    level: number | undefined | null,
    threads: number,
    record?: Buffer | null,
  ): Outcome<NativeRebuilder>;
  /** Makes a scanner. It is a function instead of a constructor, so that a refusal is an outcome. */
  openImageScanner(options: ScannerOptions, budget: NativeBudget): Outcome<NativeImageScanner>;
  /** Makes a file for the uncompressed bytes. */
  openArchiveUnpacker(path: string, budget: NativeBudget): Outcome<NativeArchiveUnpacker>;
  /** Makes a verifier. It is a function instead of a constructor, so that a refusal is an outcome. */
  openBlobVerifier(options: NativeVerifyOptions): Outcome<NativeBlobVerifier>;
}
