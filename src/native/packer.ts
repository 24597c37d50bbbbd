/** Packs the layers of one image into blobs and writes its bootstrap. */
import { addon, asBuffer } from './addon.js';
import type {
  FormatOptions,
  NativeDictionary,
  NativeDirectorySource,
  NativeFlatImage,
  NativeFrame,
  NativeGrowth,
  NativeLayerPacker,
  NativeMergedImage,
  NativeRecalledLayer,
  NativeSealedBlob,
} from './addon-types.js';
import {
  type LayerFeed,
  NativeFeed,
  type PackedFiles,
  packedFiles,
  type PackedLayer,
  packedLayer,
} from './layer.js';
import { unwrap } from './outcome.js';
import type { Budget, Limits } from '../limits.js';
import { nativeBudget } from './budget.js';
import { type Digest, digestHex } from '../oci/digest.js';
import type { StageTimes } from '../reporter.js';

export interface ImagePackerOptions extends FormatOptions {
  /** Compression threads; the output does not depend on it. */
  readonly threads: number;
  /**
   * The number of layers that will be opened, if known. The packer then frees its dictionary of chunks after the last
   * one.
   */
  readonly layers?: number | undefined;
  /** Chunks of other images that files may refer to. */
  readonly dictionary?: NativeDictionary | undefined;
  readonly limits?: Partial<Limits> | undefined;
  readonly budget?: Budget | undefined;
}

/** Packs one image, with one dictionary of chunks and one pool of compression threads. */
export interface ImagePacker extends Disposable {
  /**
   * Layers must be opened lowest first; ChunkRefs carry the number `layer`, and numbers may be skipped. Packing
   * overlaps, but duplicates are decided in the order of opening.
   */
  openLayer(layer: number, blobPath: string, how?: OpenOptions): LayerPacker;
  /** Opens the next layer, which is a directory of this machine. It is read at once, and nothing is written to it. */
  openDirectory(layer: number, blobPath: string, directory: NativeDirectorySource): DirectoryPacker;
  /**
   * Makes the image's bootstrap. `places` are the numbers of its layers, lowest first; a number may occur several
   * times. Settles when these layers are sealed and the bootstrap is written; a second call fails. Throws FormatError
   * and UnsupportedError for layers that the format cannot hold.
   */
  bootstrap(places: readonly number[]): Promise<NativeMergedImage>;
  /**
   * Makes the blobs and the bootstrap of an image that is to be flattened, instead of sealing each blob and of `bootstrap`: only
   * what a container sees is stored. All of these layers must be held.
   */
  flatten(places: readonly number[]): Promise<FlatImage>;
  /** Takes the layer's place in the order of layers, as `openLayer` does. */
  reserve(layer: number): ReservedLayer;
  /**
   * Takes an image that is there as the layer with this number, below all others, which `places` then begins with. Its blobs stay as they
   * are; with `dedup: 'image'` the layers refer to their chunks. Returns the number of its names. Throws FormatError for a bootstrap that cannot be read back, and UnsupportedError where the
   * chunks of the blob that is left out are in none of the others.
   */
  base(layer: number, image: BaseImage): Promise<number>;
  /** The time that the addon's threads have spent so far, by kind of thread. */
  stages(): readonly StageTimes[];
}

export interface OpenOptions {
  /** True: the layer's chunks are stored even where the format lets others stay in their layers. */
  readonly stored?: boolean;
}

/** A layer that has its place, and that is recalled, opened or released. */
export interface ReservedLayer {
  /**
   * Takes the layer from the end of a blob that an earlier conversion made with equal options, instead of opening and packing it. It
   * waits for lower layers that the blob depends on. Undefined if packing would make another blob, because a lower layer stores one of
   * its chunks or the blob does not describe all of them. Throws FormatError for other bytes. Then the layer can still be opened.
   */
  recall(tail: BlobTail): Promise<NativeRecalledLayer | undefined>;
  open(blobPath: string): LayerPacker;
  /** Gives the layer up, and the image with it; ends a running `recall`. */
  release(): void;
}

export interface LayerPacker extends LayerFeed {
  /**
   * Spares the digest of the source, because the caller verifies while it writes that it is this one: `finish` gives none. Only
   * before the first `write`.
   */
  spareDigest(digest: Digest): void;
  /** Takes the marks of an upper directory of overlayfs for whiteouts, too. Only before the first `write`. */
  takeOverlayMarks(): void;
  /** Logs the structure of the layer's tar, for `structure`. Only before the first `write`. */
  logStructure(): void;
  /** After `finish`: takes the log; undefined if there is none, or it was too long. */
  structure(): readonly NativeFrame[] | undefined;
  /** Records how the layer is compressed, for `compression`. Only before the first `write`. */
  learnCompression(): void;
  /** After `finish`: takes the record; undefined if none can be made, as of layers that no known encoder compressed. */
  compression(): Buffer | undefined;
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
  /** After `finish`: leaves the layer to `flatten` of its image, instead of `seal`. Throws what `seal` throws. */
  hold(): void;
}

/** A layer that is a directory of this machine. */
export interface DirectoryPacker extends Pick<LayerPacker, 'grown' | 'seal' | 'abort'> {
  /** Settles when all of the directory is in the blob file. Throws LocalIoError for what cannot be read, or changes meanwhile. */
  finish(): Promise<PackedFiles>;
}

/** An image that is there, on which a layer is put. */
export interface BaseImage {
  readonly bootstrap: Uint8Array;
  /** A blob that was put on it before, and is left out now. Its files go back to the chunks of the others. */
  readonly without?: LeavingBlob | undefined;
}

export interface LeavingBlob {
  readonly digest: Digest;
  /** The other blobs of the image, lowest first, each with the bootstrap inside it. */
  readonly others: readonly { readonly digest: Digest; readonly bootstrap: Uint8Array }[];
}

/** A flattened image. */
export interface FlatImage extends Pick<NativeFlatImage, 'leftOut' | 'image'> {
  /** The blobs, lowest first, with the number of the layer whose file each is in. */
  readonly blobs: readonly { readonly layer: number; readonly sealed: SealedBlob }[];
}

/** The end of a blob. */
export interface BlobTail {
  readonly digest: Digest;
  /** Bytes of the whole blob. */
  readonly size: number;
  /** The bytes from the end of the chunk data on. */
  readonly bytes: Uint8Array;
  /** As `SealedBlob` has it. */
  readonly entered: string;
  /** The layer that it was made of, if its chunks may stay there. */
  readonly layer?: SourceLayer | undefined;
}

/** The layer that a blob was made of. */
export interface SourceLayer {
  readonly digest: Digest;
  readonly size: number;
  /** True if a blob that holds its chunks itself is of no use. */
  readonly isStrict: boolean;
}

export interface SealedBlob {
  readonly digest: Digest;
  readonly size: number;
  /** The content of its `.blob.meta` file; empty when the layer stores no chunk. */
  readonly blobMeta: Uint8Array;
  /** The number of batches in which small files are compressed together. */
  readonly batches: number;
  /** The directories that look in the blob as if they had no entry, and have one. A merge treats them differently. */
  readonly entered: string;
  /** Whether files of the layer refer to chunks of lower layers. */
  readonly refersToLower: boolean;
  /** Whether files of the layer refer to chunks of the dictionary. */
  readonly refersToDictionary: boolean;
}

/** Starts the compression threads of one image. */
export function openImagePacker(options: ImagePackerOptions): ImagePacker {
  const packer = unwrap(
    addon().openImagePacker(
      options,
      options.threads,
      options.layers,
      nativeBudget(options),
      options.dictionary,
    ),
  );
  return {
    openLayer: (layer, blobPath, { stored = false } = {}) =>
      new NativePacker(unwrap(packer.openLayer(layer, blobPath, stored))),
    openDirectory: (layer, blobPath, directory) =>
      new NativeDirectoryPacker(unwrap(packer.openDirectory(layer, blobPath, directory))),
    bootstrap: async (places) => unwrap(await packer.bootstrap(places)),
    flatten: async (places) => {
      const { blobs, ...flat } = unwrap(await packer.flatten(places));
      return { ...flat, blobs: blobs.map(({ layer, sealed }) => ({ layer, sealed: sealedBlob(sealed) })) };
    },
    reserve: (layer) => {
      unwrap(packer.reserve(layer));
      return {
        recall: async ({ digest, size, bytes, entered, layer: source }) => {
          const tail = {
            id: digestHex(digest),
            size,
            bytes: asBuffer(bytes),
            entered,
            layer: source && { ...source, id: digestHex(source.digest) },
          };
          return unwrap(await packer.recall(layer, tail)) ?? undefined;
        },
        open: (blobPath) => new NativePacker(unwrap(packer.openLayer(layer, blobPath, false))),
        release: () => {
          packer.release(layer);
        },
      };
    },
    base: async (layer, { bootstrap, without }) => {
      const homes = (without?.others ?? []).map((other) => ({
        id: digestHex(other.digest),
        bootstrap: asBuffer(other.bootstrap),
      }));
      const left = without === undefined ? {} : { without: digestHex(without.digest) };
      return unwrap(await packer.base(layer, { bootstrap: asBuffer(bootstrap), ...left, homes }));
    },
    stages: () => packer.stages(),
    [Symbol.dispose]: () => {
      packer.dispose();
    },
  };
}

class NativeBlob extends NativeFeed<NativeLayerPacker> {
  async grown(size: number): Promise<NativeGrowth> {
    return unwrap(await this.native.grown(size));
  }

  async seal(): Promise<SealedBlob> {
    return sealedBlob(unwrap(await this.native.seal()));
  }
}

class NativeDirectoryPacker extends NativeBlob implements DirectoryPacker {
  async finish(): Promise<PackedFiles> {
    return packedFiles(unwrap(await this.native.finish()));
  }
}

class NativePacker extends NativeBlob implements LayerPacker {
  spareDigest(digest: Digest): void {
    this.native.spareDigest(digestHex(digest));
  }

  takeOverlayMarks(): void {
    this.native.takeOverlayMarks();
  }

  logStructure(): void {
    this.native.logStructure();
  }

  structure(): readonly NativeFrame[] | undefined {
    return this.native.structure() ?? undefined;
  }

  learnCompression(): void {
    this.native.learnCompression();
  }

  compression(): Buffer | undefined {
    return this.native.compression() ?? undefined;
  }

  async finish(): Promise<PackedLayer> {
    return packedLayer(unwrap(await this.native.finish()));
  }

  hold(): void {
    unwrap(this.native.hold());
  }
}

function sealedBlob({ digest, ...sealed }: NativeSealedBlob): SealedBlob {
  return { ...sealed, digest: digest as Digest }; // the addon writes digests in their canonical form
}

