/**
 * These options decide about the bytes of blobs and bootstraps; the value goes unchanged from the caller to the addon.
 */
import { UsageError } from '../errors.js';
import type { FormatOptions } from '../native/addon-types.js';
import { CODECS, DEFAULT_COMPRESSOR, FS_VERSIONS } from '../native/formats.js';
import { DEFAULT_CHUNK_SIZE, MAX_CHUNK_SIZE, MIN_CHUNK_SIZE } from '../rafs-builder/layout/v6.js';
import { within } from './within.js';

export type { FormatOptions };

/** Fills in defaults; throws UsageError for values out of range. */
export function formatOptions(given: Partial<FormatOptions> = {}): FormatOptions {
  const {
    fsVersion = FS_VERSIONS[0],
    compressor = DEFAULT_COMPRESSOR,
    compressionLevel = levelsOf(DEFAULT_COMPRESSOR)?.default ?? 0,
    chunkSize = DEFAULT_CHUNK_SIZE,
    dedup = 'image',
  } = given;
  const powerOfTwo = Number.isSafeInteger(chunkSize) && 2 ** Math.round(Math.log2(chunkSize)) === chunkSize;
  if (!powerOfTwo || chunkSize < MIN_CHUNK_SIZE || chunkSize > MAX_CHUNK_SIZE) {
    throw new UsageError(`chunk size ${chunkSize} is not a power of two from 4096 to 16777216`, {
      remedy: { kind: 'chunk-size', usual: DEFAULT_CHUNK_SIZE },
    });
  }
  // The packer compresses the bootstrap inside a blob with the default codec even if it stores chunks uncompressed.
  const levels = levelsOf(compressor) ?? levelsOf(DEFAULT_COMPRESSOR);
  if (levels !== undefined) within('compression level', compressionLevel, levels.min, levels.max);
  return { fsVersion, compressor, compressionLevel, chunkSize, dedup };
}

/** Formats the options as one line: equal lines and equal layers give equal blobs. */
export function formatLine(options: FormatOptions): string {
  const { fsVersion, compressor, compressionLevel, chunkSize, dedup } = options;
  return `v${fsVersion} ${compressor} ${compressionLevel} ${chunkSize} ${dedup}`;
}

interface Levels {
  readonly min: number;
  readonly max: number;
  readonly default: number;
}

function levelsOf(compressor: string): Levels | undefined {
  const codec = CODECS.find(({ name }) => name === compressor);
  return codec !== undefined && 'levels' in codec ? codec.levels : undefined;
}
