/**
 * Packs layers of a test with the addon, all of them at the same time, into a folder that disposes of itself. What they hold is
 * reported by a scan of the same layers.
 */
import { createReadStream, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FORMAT_DEFAULTS } from '../../../src/native/formats.js';
import type { PackedLayer } from '../../../src/native/layer.js';
import {
  openImagePacker,
  type ImagePackerOptions,
  type LayerPacker,
  type SealedBlob,
} from '../../../src/native/packer.js';
import { openImageScanner, type LayerScanner, type ScannedLayer } from '../../../src/native/scanner.js';
import type { LayerEntry } from '../../../src/rafs-builder/model/tree.js';
import { storedChunks } from './stored-chunks.js';

/** Bytes of a layer (tar, gzip or zstd), or the path of a file that holds them. */
export type LayerSource = Uint8Array | string;

export interface PackForTestOptions extends Partial<ImagePackerOptions> {
  /** Bytes per write; default 256 KiB. */
  readonly pieceSize?: number;
}

export interface PackedForTest {
  readonly table: PackedLayer & Pick<ScannedLayer, 'chunks'> & { readonly entries: readonly LayerEntry[] };
  readonly sealed: SealedBlob;
  /** The chunk data, which the blob begins with. */
  readonly data: Buffer;
  readonly blobPath: string;
  readonly packer: LayerPacker;
}

export interface PackedImageForTest extends Disposable {
  readonly layers: readonly PackedForTest[];
}

/** zstd level 3, chunks of 1 MiB, duplicates found in the image, two threads. */
export const PACK_DEFAULTS: ImagePackerOptions = { ...FORMAT_DEFAULTS, dedup: 'image', threads: 2 };

/** The layers of an image, lowest first. Disposing ends the packer and removes the blobs, sealed ones too. */
export async function packImage(
  sources: readonly LayerSource[],
  { pieceSize = 256 * 1024, ...options }: PackForTestOptions = {},
): Promise<PackedImageForTest> {
  const folder = mkdtempSync(join(tmpdir(), 'nydusify-pack-'));
  const settings = { ...PACK_DEFAULTS, ...options };
  const packer = openImagePacker(settings);
  const dispose = (): void => {
    packer[Symbol.dispose]();
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    const opened = sources.map((source, layer) => {
      const blobPath = join(folder, `layer-${layer}.blob`);
      return { source, blobPath, packer: packer.openLayer(layer, blobPath) };
    });
    const scanned = await scanImage(sources, { ...settings, pieceSize });
    const layers = await Promise.all(
      opened.map(async ({ source, ...layer }, number) => {
        for await (const bytes of piecesOf(source, pieceSize)) await layer.packer.write(bytes);
        const packed = await layer.packer.finish();
        const sealed = await layer.packer.seal();
        const scan = scanned[number];
        if (scan === undefined) throw new Error(`layer ${number} was not scanned`);
        const entries = await scan.entries();
        const table = { ...packed, entries, chunks: storedChunks(scan, sealed.blobMeta) };
        const data = readFileSync(layer.blobPath).subarray(0, packed.dataSize);
        return { ...layer, table, sealed, data };
      }),
    );
    return { layers, [Symbol.dispose]: dispose };
  } catch (cause) {
    dispose();
    throw cause;
  }
}

/** The entries and chunks of layers, without packing them. */
export async function scanImage(
  sources: readonly LayerSource[],
  { pieceSize = 256 * 1024, ...options }: PackForTestOptions = {},
): Promise<readonly ScannedLayer[]> {
  const folder = mkdtempSync(join(tmpdir(), 'nydusify-scan-'));
  try {
    // Chunks are kept for their checksums, which a mere scan has none of.
    using scanner = openImageScanner({ ...PACK_DEFAULTS, ...options, keep: true });
    const opened = sources.map((source, number): [LayerSource, LayerScanner] => [
      source,
      scanner.openLayer(number, join(folder, String(number))),
    ]);
    return await Promise.all(
      opened.map(async ([source, layer]) => {
        for await (const bytes of piecesOf(source, pieceSize)) await layer.write(bytes);
        return layer.finish();
      }),
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
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
  for (let at = 0; at < source.length; at += size) yield Buffer.from(source.subarray(at, at + size));
}
