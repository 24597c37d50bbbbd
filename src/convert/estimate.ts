/** How large blobs become and how long a conversion takes, before any of it is known: rough, and with its basis stated. */
import type { Descriptor } from '../oci/descriptor.js';
import type { ConvertOptions } from './options.js';

export interface Estimate {
  /** Seconds of computing, all cores together busy; a network slower than that decides instead. */
  readonly seconds: number;
  /** The assumption behind the figure, as a sentence. */
  readonly basis: string;
}

/**
 * CPU seconds for a megabyte (10^6 bytes) of tar, on a server core of 2021 (`npm run bench`, application image): first all but
 * compression, then zstd at level 3.
 */
const READ_SECONDS = 0.006;
const ZSTD_SECONDS = 0.0055;
/** Bytes of tar for a byte of a compressed layer; measured images: 2.8 to 3.4. */
const TAR_RATIO = 3;
/** Bytes of chunk data for a byte of tar when nothing is compressed: without headers, padding, duplicates. */
const RAW_RATIO = 0.9;
/** Start, manifests and the bootstrap, however small the image. */
const FIXED_SECONDS = 0.5;
/** zstd's time beside level 3, measured on a Debian base image; levels between are interpolated, 22 guessed. */
const LEVEL_COST: readonly (readonly [level: number, cost: number])[] = [
  [1, 0.7],
  [3, 1],
  [6, 2.5],
  [9, 3.6],
  [12, 8.2],
  [15, 20],
  [19, 59],
  [22, 120],
];

/** Uncompressed bytes of a layer, guessed from its compressed size. */
function tarBytes({ mediaType, size }: Pick<Descriptor, 'mediaType' | 'size'>): number {
  return isCompressed(mediaType) ? size * TAR_RATIO : size;
}

function isCompressed(mediaType: string): boolean {
  return /(?:gzip|zstd)$/.test(mediaType);
}

/** zstd makes about what gzip makes; measured images: 0.86 to 1.2 of it, duplicates left out. */
export function estimateBlobBytes(
  layer: Pick<Descriptor, 'mediaType' | 'size'>,
  { compressor }: Pick<ConvertOptions, 'compressor'>,
): number {
  const tar = tarBytes(layer);
  return Math.round(compressor === 'none' ? tar * RAW_RATIO : tar / TAR_RATIO);
}

/** `pull` is each layer's size as stored. */
export function estimateTime(
  layers: readonly { readonly mediaType: string; readonly pull: number }[],
  { compressor, compressionLevel, threads }: ConvertOptions,
): Estimate {
  const megabytes =
    layers.reduce((sum, { mediaType, pull }) => sum + tarBytes({ mediaType, size: pull }), 0) / 1e6;
  const compression = compressor === 'none' ? 0 : ZSTD_SECONDS * levelCost(compressionLevel);
  const seconds = FIXED_SECONDS + (megabytes * (READ_SECONDS + compression)) / threads;
  const rate = Math.round(1 / (READ_SECONDS + compression));
  return {
    seconds: Math.round(seconds * 10) / 10,
    basis: `${rate} MB of tar a second and core on ${threads} cores, layers taken to hold ${TAR_RATIO} times their compressed size; a slower network decides instead`,
  };
}

function levelCost(level: number): number {
  const above = LEVEL_COST.findIndex(([known]) => known >= level);
  const [high, highCost] = LEVEL_COST[above] ?? [level, 1];
  const [low, lowCost] = LEVEL_COST[above - 1] ?? [high, highCost];
  return high === low ? highCost : lowCost + ((highCost - lowCost) * (level - low)) / (high - low);
}
