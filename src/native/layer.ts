/** The part that packing and scanning a layer share: how it takes bytes, and its summary. */
import { asBuffer } from './addon.js';
import type { LayerWarning, NativeLayerPacker, NativeLayerScanner, NativeLayerSummary } from './addon-types.js';
import { unwrap } from './outcome.js';
import type { DiffId, Digest } from '../oci/digest.js';
import type { PackStats } from '../reporter.js';

/** Takes the bytes of a layer. */
export interface LayerFeed {
  /** Passes a copy of compressed layer bytes to the addon; settles when it has room for more. The bytes remain the caller's. */
  write(bytes: Uint8Array): Promise<void>;
  /** Ends the layer's threads and removes its file unless the blob is sealed. More than one call does no harm. */
  abort(): void;
}

/** What was packed, of a tar or of a directory. */
export interface PackedFiles {
  /** Bytes of chunk data in the blob file. */
  readonly dataSize: number;
  /** Bytes of the uncompressed address space; every chunk starts at a multiple of 4096. */
  readonly uncompressedSize: number;
  readonly warnings: readonly LayerWarning[];
  /** `blobBytes` counts only the data until the blob is sealed. */
  readonly stats: PackStats;
}

export interface PackedLayer extends PackedFiles {
  /** Digest and size of the compressed bytes, which the caller compares with the descriptor; no digest when it was spared. */
  readonly source: { readonly digest: Digest | undefined; readonly size: number };
  readonly diffId: DiffId;
}

export class NativeFeed<T extends NativeLayerPacker | NativeLayerScanner> {
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

export function packedLayer(summary: NativeLayerSummary): PackedLayer {
  const { sourceDigest, sourceSize, diffId } = summary;
  return {
    ...packedFiles(summary),
    // The addon writes digests in their canonical form, and has that of every tar.
    source: { digest: sourceDigest as Digest | undefined, size: sourceSize },
    diffId: diffId as DiffId,
  };
}

export function packedFiles(summary: NativeLayerSummary): PackedFiles {
  const { sourceSize, dataSize } = summary;
  return {
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
