/**
 * Layers through the whole pipeline without a registry: packed by the addon, their blobs finished, merged to one bootstrap.
 * What `convert` does, less everything around it.
 */
import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { blobOrder, layerBootstrap, mergedBootstrap } from '../../src/merge/bootstraps.js';
import { type LayerTree, buildLayerTree } from '../../src/merge/layer-tree.js';
import {
  type ImagePacker,
  type PackedLayerTable,
  compress,
  decompress,
  openImagePacker,
} from '../../src/native.js';
import { buildBlobTail, foreignBlobRecord, rafsFormats } from '../../src/rafs-builder/index.js';
import {
  type Blob,
  type BootstrapInput,
  type ChunkRef,
  type Inode,
  chunkBlob,
  chunkIndex,
} from '../../src/rafs-builder/tree.js';

export interface PackingOptions {
  readonly compressor?: 'zstd' | 'none';
  readonly chunkSize?: number;
  readonly dedup?: 'image' | 'layer';
  readonly threads?: number;
}

export interface PackedLayer {
  readonly table: PackedLayerTable;
  readonly tree: LayerTree;
  /** The RAFS blob. */
  readonly bytes: Buffer;
  /** Undefined: the layer stores no chunk. */
  readonly blob: Blob | undefined;
  /** Its own bootstrap, uncompressed. */
  readonly bootstrap: Uint8Array;
}

export interface PackedImage {
  readonly layers: readonly PackedLayer[];
  readonly merged: BootstrapInput;
  /** `merged` as bytes. */
  readonly bootstrap: Uint8Array;
}

/** Packs layers as they would be pulled (tar, gzip or zstd), lowest first. */
export async function packImage(
  layers: readonly Uint8Array[],
  options: PackingOptions = {},
): Promise<PackedImage> {
  const { compressor = 'zstd', chunkSize = 0x10_0000, dedup = 'layer', threads = 2 } = options;
  const settings = { compressor, chunkSize, digester: 'blake3' } as const;
  const spool = await mkdtemp(join(tmpdir(), 'nydusify-ts-image-'));
  try {
    using packer = openImagePacker({ compressor, chunkSize, level: 3, dedup, threads });
    const packed: PackedLayer[] = [];
    for (const [number, layer] of layers.entries()) {
      const lower = packed.map(({ blob }) => blob);
      packed.push(
        await packLayer(packer, { number, layer, lower, path: join(spool, String(number)), settings }),
      );
    }
    const merged = mergedBootstrap({
      ...settings,
      trees: packed.map(({ tree }) => tree),
      blobs: packed.map(({ blob }) => blob),
    });
    return { layers: packed, merged, bootstrap: rafsFormats[6].write(merged) };
  } finally {
    await rm(spool, { recursive: true });
  }
}

interface LayerJob {
  readonly number: number;
  readonly layer: Uint8Array;
  readonly lower: readonly (Blob | undefined)[];
  readonly path: string;
  readonly settings: {
    readonly compressor: 'zstd' | 'none';
    readonly chunkSize: number;
    readonly digester: 'blake3';
  };
}

async function packLayer(
  packer: ImagePacker,
  { number, layer, lower, path, settings }: LayerJob,
): Promise<PackedLayer> {
  const own = packer.openLayer(number, path);
  try {
    if (layer.length > 0) await own.write(layer);
    const table = await own.finish();
    const tree = buildLayerTree(table.entries, number);
    const { tail, record, bootstrap } = await buildBlobTail({
      ...settings,
      chunks: table.chunks,
      dataSize: table.dataSize,
      uncompressedSize: table.uncompressedSize,
      compress: (bytes) => compress(bytes, 3),
      dataDigestWith: (suffix) => own.digestWith(suffix),
      bootstrapFor: (ownRecord) => {
        const blobs = [...lower];
        blobs[number] = ownRecord === undefined ? undefined : { record: ownRecord, chunks: table.chunks };
        return rafsFormats[6].write(
          layerBootstrap({ ...settings, tree, order: blobOrder(table.entries), blobs }),
        );
      },
    });
    const sealed = await own.seal(tail);
    const blob =
      record === undefined
        ? undefined
        : { record: foreignBlobRecord(record, sealed.digest), chunks: table.chunks };
    return { table, tree, bytes: await readFile(path), blob, bootstrap };
  } finally {
    own.abort();
  }
}

/** The blob that a chunk of the merged tree lies in. */
function blobOf({ merged }: PackedImage, ref: ChunkRef): Blob | undefined {
  return merged.blobs[merged.positions?.get(chunkBlob(ref)) ?? -1];
}

/** Hex SHA-256 of a file's content, decoded out of the blobs. `inode` is one of the merged tree. */
export async function contentDigest(
  image: PackedImage,
  inode: Inode & { readonly kind: 'file' },
): Promise<string> {
  const hash = createHash('sha256');
  for (const ref of inode.chunks) {
    const blob = blobOf(image, ref);
    const bytes = image.layers.find(
      (layer) => layer.blob !== undefined && layer.blob.record.id === blob?.record.id,
    )?.bytes;
    if (blob === undefined || bytes === undefined) throw new Error(`no blob ${chunkBlob(ref)}`);
    const chunk = blob.chunks.at(chunkIndex(ref));
    const stored = bytes.subarray(chunk.compressedOffset, chunk.compressedOffset + chunk.compressedSize);
    hash.update(
      chunk.compressed ? await decompress(stored, blob.record.compressor, chunk.uncompressedSize) : stored,
    );
  }
  return hash.digest('hex');
}
