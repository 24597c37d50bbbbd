/**
 * The two inputs of the writer: the bootstrap inside one layer's blob, and the one of the whole image.
 */
import {
  type Blob,
  type BootstrapInput,
  type CompressorName,
  type DigesterName,
  type LayerEntry,
  chunkBlob,
} from '../../src/rafs-builder/model/tree.js';
import { blobFeatures } from '../../src/rafs-builder/layout/v6.js';
import { numberBlobs, storedOffsets } from './blobs.js';
import type { LayerTree } from '../../src/merge/layer-tree.js';
import { overlay } from '../../src/merge/overlay.js';

/** Settings about chunks that all bootstraps of an image share. */
export interface ChunkSettings {
  readonly chunkSize: number;
  readonly compressor: CompressorName;
  readonly digester: DigesterName;
}

export interface LayerBootstrapInput extends ChunkSettings {
  readonly tree: LayerTree;
  /** Layers whose chunks the tree refers to, in the order in which packing first used them (`blobOrder`). */
  readonly order: readonly number[];
  /** By number of the layer, the tree's own among them (none: the layer stores no chunk). */
  readonly blobs: readonly (Blob | undefined)[];
}

/** Numbers of the layers whose chunks these entries, in tar order, refer to: the first one used is the first. */
export function blobOrder(entries: readonly LayerEntry[]): readonly number[] {
  const order = new Set<number>();
  for (const { body } of entries) {
    if (body.kind === 'file') for (const ref of body.chunks) order.add(chunkBlob(ref));
  }
  return Array.from(order);
}

/**
 * The bootstrap of one layer. Its blobs stand in the order in which packing first used them, its own among those of lower
 * layers, which are what a chunk dictionary is to the reference (Nydus builder/src/core/node.rs).
 */
export function layerBootstrap({
  tree,
  order,
  blobs,
  chunkSize,
  compressor,
  digester,
}: LayerBootstrapInput): BootstrapInput {
  const positions = new Map<number, number>();
  const used: Blob[] = [];
  for (const number of order) {
    const blob = blobs[number];
    if (blob === undefined) continue;
    positions.set(number, used.length);
    used.push(number === tree.layer ? blob : withoutBootstrap(blob));
  }
  return { root: tree.root, linked: tree.linked, blobs: used, positions, chunkSize, compressor, digester };
}

/** The chunk size in the bootstrap of an image without any chunk, for every option (Nydus builder/src/merge.rs). */
const CHUNKLESS_CHUNK_SIZE = 0x10_0000;

export interface MergedBootstrapInput extends ChunkSettings {
  /** Lowest first. */
  readonly trees: readonly LayerTree[];
  /** By number of the layer that stores them, with the ids of the finished blobs. */
  readonly blobs: readonly (Blob | undefined)[];
}

/** The bootstrap of the image. Throws what `overlay` throws. */
export function mergedBootstrap({
  trees,
  blobs,
  chunkSize,
  compressor,
  digester,
}: MergedBootstrapInput): BootstrapInput {
  const root = overlay(trees);
  const numbered = numberBlobs(root, blobs);
  const stored = new Map(trees.map((tree) => [tree.layer, storedOffsets(tree.root, chunkSize)]));
  return {
    root,
    linked: new Set(trees.flatMap(({ linked }) => Array.from(linked))),
    blobs: numbered.blobs.map(withoutBootstrap),
    positions: numbered.positions,
    chunkSize: blobs.some((blob) => blob !== undefined) ? chunkSize : CHUNKLESS_CHUNK_SIZE,
    compressor,
    digester,
    storedFileOffset: (layer, ref) => stored.get(layer)?.get(ref),
    forceXattrFlag: true,
  };
}

/** A blob as a bootstrap other than its own describes it. */
function withoutBootstrap({ record, chunks }: Blob): Blob {
  const features = (record.features & ~blobFeatures.bits.INLINED_FS_META) >>> 0;
  return { record: { ...record, features }, chunks };
}
