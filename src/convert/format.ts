/**
 * These options decide about the bytes of blobs and bootstraps; the value goes unchanged from the caller to the addon.
 */
import { UsageError } from '../errors.js';
import type { FormatOptions, PrefetchPattern } from '../native/addon-types.js';
import { CODECS, FORMAT_DEFAULTS } from '../native/formats.js';
import { sha256 } from '../oci/digest.js';
import { MAX_CHUNK_SIZE, MIN_CHUNK_SIZE } from '../rafs-builder/layout/chunk-size.js';
import { within } from './within.js';

export type { FormatOptions };

/** Returns only the options of the format, with defaults filled in. Throws UsageError for values out of range. */
export function formatOptions(given: Partial<FormatOptions> = {}): FormatOptions {
  const format = Object.fromEntries(
    Object.entries(FORMAT_DEFAULTS).map(([name, usual]) => [
      name,
      given[name as keyof FormatOptions] ?? usual,
    ]),
  ) as unknown as FormatOptions; // the same keys, and values of the same kinds
  const { compressor, compressionLevel, chunkSize } = format;
  const powerOfTwo = Number.isSafeInteger(chunkSize) && 2 ** Math.round(Math.log2(chunkSize)) === chunkSize;
  if (!powerOfTwo || chunkSize < MIN_CHUNK_SIZE || chunkSize > MAX_CHUNK_SIZE) {
    throw new UsageError(`chunk size ${chunkSize} is not a power of two from 4096 to 16777216`, {
      remedy: { kind: 'chunk-size', usual: FORMAT_DEFAULTS.chunkSize },
    });
  }
  // The packer compresses the bootstrap inside a blob with the default codec even if it stores chunks uncompressed.
  const levels = levelsOf(compressor) ?? levelsOf(FORMAT_DEFAULTS.compressor);
  if (levels !== undefined) within('compression level', compressionLevel, levels.min, levels.max);
  const { prefetch } = given;
  return prefetch === undefined || isWhole(prefetch) ? format : { ...format, prefetch: frozen(prefetch) };
}

/** A list that is the whole image is the same as none. */
function isWhole(patterns: readonly PrefetchPattern[]): boolean {
  const [first, ...others] = patterns;
  return others.length === 0 && first?.path === '/' && first.kind === 'exact';
}

function frozen(patterns: readonly PrefetchPattern[]): readonly PrefetchPattern[] {
  return Object.freeze(patterns.map(({ path, kind }) => Object.freeze({ path, kind })));
}

/** Formats the options as one line: equal lines and equal layers give equal blobs. */
export function formatLine(options: FormatOptions): string {
  const { prefetch, ...others } = formatOptions(options);
  // The layers' own bootstraps have prefetch tables, too.
  const list = prefetch === undefined ? '' : ` prefetch ${sha256(Buffer.from(JSON.stringify(prefetch)))}`;
  return `v${Object.values(others).join(' ')}${list}`;
}

function levelsOf(compressor: string): { readonly min: number; readonly max: number } | undefined {
  const codec = CODECS.find(({ name }) => name === compressor);
  return codec !== undefined && 'levels' in codec ? codec.levels : undefined;
}
