/** Packs layers of a test with the addon, all of them at the same time, into a folder that disposes of itself. */
import { createReadStream, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  openImagePacker,
  type ImagePackerOptions,
  type LayerPacker,
  type PackedLayerTable,
} from '../../src/native.js';

/** Bytes of a layer (tar, gzip or zstd), or the path of a file that holds them. */
export type LayerSource = Uint8Array | string;

export interface PackForTestOptions extends Partial<ImagePackerOptions> {
  /** Bytes per write; default 256 KiB. */
  readonly pieceSize?: number;
}

export interface PackedForTest {
  readonly table: PackedLayerTable;
  /** Chunk data alone until `packer.seal`. */
  readonly blobPath: string;
  readonly packer: LayerPacker;
}

export interface PackedImageForTest extends Disposable {
  readonly layers: readonly PackedForTest[];
}

/** zstd level 3, chunks of 1 MiB, duplicates found in the image, two threads. */
export const PACK_DEFAULTS: ImagePackerOptions = {
  chunkSize: 1 << 20,
  compressor: 'zstd',
  level: 3,
  dedup: 'image',
  threads: 2,
};

/** The layers of an image, lowest first. Disposing ends the packer and removes the blobs, sealed ones too. */
export async function packImage(
  sources: readonly LayerSource[],
  { pieceSize = 256 * 1024, ...options }: PackForTestOptions = {},
): Promise<PackedImageForTest> {
  const folder = mkdtempSync(join(tmpdir(), 'nydusify-pack-'));
  const packer = openImagePacker({ ...PACK_DEFAULTS, ...options });
  const dispose = (): void => {
    packer[Symbol.dispose]();
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    const opened = sources.map((source, layer) => {
      const blobPath = join(folder, `layer-${layer}.blob`);
      return { source, blobPath, packer: packer.openLayer(layer, blobPath) };
    });
    const layers = await Promise.all(
      opened.map(async ({ source, ...layer }) => {
        for await (const bytes of piecesOf(source, pieceSize)) await layer.packer.write(bytes);
        return { ...layer, table: await layer.packer.finish() };
      }),
    );
    return { layers, [Symbol.dispose]: dispose };
  } catch (cause) {
    dispose();
    throw cause;
  }
}

/** One layer on its own. */
export async function packLayer(
  source: LayerSource,
  options: PackForTestOptions = {},
): Promise<PackedForTest & Disposable> {
  const image = await packImage([source], options);
  const [layer] = image.layers;
  if (layer === undefined) throw new Error('one layer went in, none came out');
  return {
    ...layer,
    [Symbol.dispose]: () => {
      image[Symbol.dispose]();
    },
  };
}

async function* piecesOf(source: LayerSource, size: number): AsyncGenerator<Uint8Array> {
  if (typeof source === 'string') {
    yield* createReadStream(source, { highWaterMark: size }) as AsyncIterable<Buffer>; // without an encoding, it reads Buffers
    return;
  }
  for (let at = 0; at < source.length; at += size) yield source.subarray(at, at + size);
}
