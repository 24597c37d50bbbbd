/**
 * Estimates the size of blobs and the time of a conversion from compressed sizes alone. The figures are rough, and
 * `basis` states the assumptions.
 */
import type { Descriptor } from '../oci/descriptor.js';
import type { WrittenCompressor } from '../native/formats.js';
import type { ConvertOptions } from './options.js';

export interface Estimate {
  /** Seconds of computing with all cores busy; a slower network takes longer. */
  readonly seconds: number;
  /** The assumption behind the figure, as a sentence. */
  readonly basis: string;
}

/**
 * CPU seconds for a megabyte (10^6 bytes) of tar on a server core of 2021 (`npm run bench`, application image):
 * everything but compression, and compression at level 3, if the codec has levels.
 */
const READ_SECONDS = 0.006;
const CODEC_SECONDS: Readonly<Record<WrittenCompressor, number>> = {
  none: 0,
  lz4_block: 0.0022,
  zstd: 0.0055,
};
/** Bytes of tar in a byte of a compressed layer; in measured images 2.8 to 3.4. */
const TAR_RATIO = 3;
/** Bytes of uncompressed chunk data in a byte of tar: headers, padding and duplicates are left out. */
const RAW_RATIO = 0.9;
/**
 * Bytes of a blob in a byte of tar. Blobs compressed with zstd are about as large as the gzip layers: 0.86 to 1.2 times in measured
 * images, without duplicates.
 */
const BLOB_RATIO: Readonly<Record<WrittenCompressor, number>> = {
  none: RAW_RATIO,
  lz4_block: 0.45,
  zstd: 1 / TAR_RATIO,
};
/** Bytes of a blob in a byte of the layer that its chunks stay in, in images of files of usual sizes; many small ones take five times that. */
const REFERRING_RATIO: Readonly<Record<Exclude<ConvertOptions['ociRef'], 'off'>, number>> = {
  zran: 0.017,
  upstream: 0.045,
};
/** The start, the manifests and the bootstrap take this long for the smallest image too. */
const FIXED_SECONDS = 0.5;
/**
 * The time of a codec relative to level 3, measured on a Debian base image. Levels between are interpolated; 22 is a guess. A
 * codec without levels has no row.
 */
const LEVEL_COST: Readonly<Record<WrittenCompressor, readonly (readonly [level: number, cost: number])[]>> = {
  none: [],
  lz4_block: [],
  zstd: [
    [1, 0.7],
    [3, 1],
    [6, 2.5],
    [9, 3.6],
    [12, 8.2],
    [15, 20],
    [19, 59],
    [22, 120],
  ],
};

/** Guesses the uncompressed bytes of a layer from its compressed size. */
function tarBytes({ mediaType, size }: Pick<Descriptor, 'mediaType' | 'size'>): number {
  return isCompressed(mediaType) ? size * TAR_RATIO : size;
}

function isCompressed(mediaType: string): boolean {
  return /(?:gzip|zstd)$/.test(mediaType);
}

/** True if chunks probably stay in the layer; only reading it tells. */
function canRefer({ mediaType }: Pick<Descriptor, 'mediaType'>): boolean {
  return !mediaType.endsWith('zstd');
}

export function estimateBlobBytes(
  layer: Pick<Descriptor, 'mediaType' | 'size'>,
  { compressor, ociRef }: Pick<ConvertOptions, 'compressor' | 'ociRef'>,
): number {
  if (ociRef !== 'off' && canRefer(layer)) return Math.round(layer.size * REFERRING_RATIO[ociRef]);
  return Math.round(tarBytes(layer) * BLOB_RATIO[compressor]);
}

/** `pull` is the stored size of each layer. */
export function estimateTime(
  layers: readonly { readonly mediaType: string; readonly pull: number }[],
  { compressor, compressionLevel, threads, ociRef }: ConvertOptions,
): Estimate {
  const megabytes =
    layers.reduce((sum, { mediaType, pull }) => sum + tarBytes({ mediaType, size: pull }), 0) / 1e6;
  const compression =
    ociRef === 'off' ? CODEC_SECONDS[compressor] * levelCost(compressor, compressionLevel) : 0;
  const seconds = FIXED_SECONDS + (megabytes * (READ_SECONDS + compression)) / threads;
  const rate = Math.round(1 / (READ_SECONDS + compression));
  return {
    seconds: Math.round(seconds * 10) / 10,
    basis: `${rate} MB of tar a second and core on ${threads} cores, layers taken to hold ${TAR_RATIO} times their compressed size; a slower network decides instead`,
  };
}

function levelCost(compressor: WrittenCompressor, level: number): number {
  const costs = LEVEL_COST[compressor];
  const above = costs.findIndex(([known]) => known >= level);
  const [high, highCost] = costs[above] ?? [level, 1];
  const [low, lowCost] = costs[above - 1] ?? [high, highCost];
  return high === low ? highCost : lowCost + ((highCost - lowCost) * (level - low)) / (high - low);
}
