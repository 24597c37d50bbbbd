/** Scans the layers of one image without storing blobs. */
import { addon } from './addon.js';
import type { NativeLayerScanner, ScannedTables, ScannerOptions } from './addon-types.js';
import { type LayerFeed, NativeFeed, type PackedLayer, packedLayer } from './layer.js';
import { unwrap } from './outcome.js';
import type { Budget, Limits } from '../limits.js';
import { nativeBudget } from './budget.js';
import { decodeEntries, PackedChunkTable } from './tables.js';
import type { ChunkTable, LayerEntry } from '../rafs-builder/model/tree.js';

/** Scans the layers of one image and returns their contents without storing blobs. */
export interface ImageScanner extends Disposable {
  /** See `ImagePacker.openLayer`. A path is needed only if chunks are kept. */
  openLayer(layer: number, blobPath?: string): LayerScanner;
}

export interface LayerScanner extends LayerFeed {
  /** Ends the input. */
  finish(): Promise<ScannedLayer>;
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

export interface ImageScannerOptions extends ScannerOptions {
  readonly limits?: Partial<Limits> | undefined;
  readonly budget?: Budget | undefined;
}

/** Starts the scan of one image. */
export function openImageScanner({ limits, budget, ...options }: ImageScannerOptions): ImageScanner {
  const scanner = unwrap(addon().openImageScanner(options, nativeBudget({ limits, budget })));
  return {
    openLayer: (layer, blobPath = '') => new NativeScanner(unwrap(scanner.openLayer(layer, blobPath)), layer),
    [Symbol.dispose]: () => {
      scanner.dispose();
    },
  };
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

