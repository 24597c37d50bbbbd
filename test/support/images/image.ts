/**
 * Layers through the whole pipeline without a registry, as `convert` sends them through the addon. What others may see of
 * the result is read back out of its bytes.
 */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { FormatOptions, LayerWarning, NativeDictionary } from '../../../src/native/addon-types.js';
import { decompress } from '../../../src/native/codec.js';
import { FORMAT_DEFAULTS } from '../../../src/native/formats.js';
import { type ImagePacker, openImagePacker } from '../../../src/native/packer.js';
import { digestHex } from '../../../src/oci/digest.js';
import { readBootstrapSection } from '../../../src/rafs-builder/blob/bootstrap.js';
import { sectionContent } from '../../../src/rafs-builder/blob/section.js';
import { OWN_BLOB_ID } from '../../../src/rafs-builder/layout/v6.js';
import { readBootstrap, type RafsImage } from '../../../src/rafs-builder/versions.js';
import {
  type BlobRecord,
  type ChunkRef,
  type Inode,
  chunkBlob,
  chunkIndex,
} from '../../../src/rafs-builder/model/tree.js';
import { digestWith } from './worked-example.js';

/** The options of a conversion; those that are left out have their usual values. */
export type PackingOptions = Partial<PackingSettings>;
export interface PackingSettings extends FormatOptions {
  readonly threads: number;
  readonly dictionary?: NativeDictionary | undefined;
}

/** A layer that the addon has packed and sealed. */
export interface SealedLayer {
  /** The RAFS blob. */
  readonly bytes: Buffer;
  /** Bytes of chunk data in the blob. */
  readonly dataSize: number;
  /** Content of the blob's `.blob.meta` file. */
  readonly blobMeta: Uint8Array;
  /** Chunks that the layer stores. */
  readonly newChunks: number;
  readonly warnings: readonly LayerWarning[];
}

export interface PackedLayer extends SealedLayer {
  /** The bootstrap in the blob, uncompressed. */
  readonly bootstrap: Buffer;
  /** The blob's row in that bootstrap, with the blob's true id; undefined when the layer stores no chunk. */
  readonly record: BlobRecord | undefined;
}

export interface PackedImage {
  readonly layers: readonly PackedLayer[];
  /** The merged bootstrap. */
  readonly bootstrap: Buffer;
  /** The merged bootstrap as it reads; blobs are known by their place in its table. */
  readonly merged: RafsImage['bootstrap'];
}

export function settingsOf(options: PackingOptions): PackingSettings {
  return { ...FORMAT_DEFAULTS, threads: 2, ...options };
}

/**
 * Packs layers as they would be pulled (tar, gzip or zstd), lowest first. `places` are the numbers of the layers to be merged,
 * lowest first, when they are not just all of them.
 */
export async function packImage(
  sources: readonly Uint8Array[],
  options: PackingOptions = {},
  places: readonly number[] = sources.map((_, number) => number),
): Promise<PackedImage> {
  const sealed: SealedLayer[] = [];
  const bootstrap = await packWithAddon(sources, settingsOf(options), places, sealed);
  return {
    layers: await Promise.all(sealed.map(readBack)),
    bootstrap,
    merged: readBootstrap(bootstrap).bootstrap,
  };
}

/** Packs and merges layers. `sealed` receives each layer that is complete, even when a later one fails. */
export async function packWithAddon(
  sources: readonly Uint8Array[],
  settings: PackingSettings,
  places: readonly number[],
  sealed: SealedLayer[],
): Promise<Buffer> {
  const spool = await mkdtemp(join(tmpdir(), 'nydusify-ts-image-'));
  try {
    using packer = openImagePacker({ ...settings, layers: sources.length });
    if (settings.flatten !== 'none') return await flattenWithAddon(packer, sources, places, spool, sealed);
    for (const [number, source] of sources.entries()) {
      const path = join(spool, String(number));
      const layer = packer.openLayer(number, path);
      try {
        if (source.length > 0) await layer.write(Buffer.from(source));
        const { dataSize, warnings, stats } = await layer.finish();
        const { blobMeta, digest, size } = await layer.seal();
        const bytes = await readFile(path);
        assert.deepEqual([digest, size], [digestOf(bytes), bytes.length]);
        sealed.push({ bytes, dataSize, blobMeta, newChunks: stats.newChunks, warnings });
      } finally {
        layer.abort();
      }
    }
    const { bootstrap } = await packer.bootstrap(places);
    return bootstrap;
  } finally {
    await rm(spool, { recursive: true });
  }
}

async function flattenWithAddon(
  packer: ImagePacker,
  sources: readonly Uint8Array[],
  places: readonly number[],
  spool: string,
  sealed: SealedLayer[],
): Promise<Buffer> {
  const handles = [];
  for (const [number, source] of sources.entries()) {
    const layer = packer.openLayer(number, join(spool, String(number)));
    handles.push(layer);
    if (source.length > 0) await layer.write(Buffer.from(source));
    await layer.finish();
    layer.hold();
  }
  const { blobs, image } = await packer.flatten(places);
  for (const { layer, sealed: blob } of blobs) {
    const { digest, size, blobMeta } = blob;
    const bytes = await readFile(join(spool, String(layer)));
    assert.deepEqual([digest, size], [digestOf(bytes), bytes.length]);
    sealed.push({ bytes, dataSize: 0, blobMeta, newChunks: 0, warnings: [] });
  }
  assert.deepEqual((await readdir(spool)).length, blobs.length, 'nothing else is left');
  return image.bootstrap;
}

const digestOf = (bytes: Uint8Array): ReturnType<ReturnType<typeof digestWith>> =>
  digestWith(bytes)(Buffer.alloc(0));

async function readBack(layer: SealedLayer): Promise<PackedLayer> {
  const { bytes } = layer;
  const section = await readBootstrapSection(bytes.length, async (start, end) => bytes.subarray(start, end));
  const bootstrap = await sectionContent(section, decompress);
  const own = readBootstrap(bootstrap).bootstrap.blobs.find(
    ({ record }) => record.id === OWN_BLOB_ID,
  )?.record;
  const record = own === undefined ? undefined : { ...own, id: digestHex(digestOf(bytes)) };
  return { ...layer, bootstrap, record };
}

/** Hex SHA-256 of a file's content, decoded out of the blobs. `inode` is one of the merged tree. */
export async function contentDigest(
  { layers, merged }: PackedImage,
  inode: Inode & { readonly kind: 'file' },
): Promise<string> {
  const hash = createHash('sha256');
  for (const ref of inode.chunks) hash.update(await chunkContent(layers, merged, ref));
  return hash.digest('hex');
}

async function chunkContent(
  layers: readonly PackedLayer[],
  { blobs }: RafsImage['bootstrap'],
  ref: ChunkRef,
): Promise<Uint8Array> {
  const blob = blobs[chunkBlob(ref)];
  const bytes = layers.find(({ record }) => record !== undefined && record.id === blob?.record.id)?.bytes;
  if (blob === undefined || bytes === undefined) throw new Error(`no blob ${chunkBlob(ref)}`);
  const chunk = blob.chunks.at(chunkIndex(ref));
  const stored = bytes.subarray(chunk.compressedOffset, chunk.compressedOffset + chunk.compressedSize);
  return chunk.compressed ? decompress(stored, blob.record.compressor, chunk.uncompressedSize) : stored;
}
