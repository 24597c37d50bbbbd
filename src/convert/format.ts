/**
 * These options decide about the bytes of blobs and bootstraps; the value goes unchanged from the caller to the addon.
 */
import { UsageError } from '../errors.js';
import type { FormatOptions, PrefetchPattern } from '../native/addon-types.js';
import { CODECS, FORMAT_DEFAULTS, READERS } from '../native/formats.js';
import { sha256 } from '../oci/digest.js';
import { MAX_CHUNK_SIZE, MIN_CHUNK_SIZE } from '../rafs-builder/layout/chunk-size.js';
import { within } from './within.js';

export type { FormatOptions };

/** Returns only the options of the format, with defaults filled in. Throws UsageError for values out of range. */
export function formatOptions(given: Partial<FormatOptions> = {}): FormatOptions {
  const format = Object.fromEntries(
    Object.entries(FORMAT_DEFAULTS).map(([name, usual]) => [
      name,
      name === 'digester' ? digesterOf(given) : (given[name as keyof FormatOptions] ?? usual),
    ]),
  ) as unknown as FormatOptions; // the same keys, and values of the same kinds
  const { compressor, compressionLevel, chunkSize, batchSize, compat } = format;
  if (!isPowerOfTwo(chunkSize) || chunkSize < MIN_CHUNK_SIZE || chunkSize > MAX_CHUNK_SIZE) {
    throw new UsageError(`chunk size ${chunkSize} is not a power of two from 4096 to 16777216`, {
      remedy: { kind: 'chunk-size', usual: FORMAT_DEFAULTS.chunkSize },
    });
  }
  checkBatchSize(batchSize, chunkSize);
  checkReferring(format);
  checkReader(compat, batchSize);
  // The packer compresses the bootstrap inside a blob with the default codec even if it stores chunks uncompressed.
  const levels = levelsOf(compressor) ?? levelsOf(FORMAT_DEFAULTS.compressor);
  if (levels !== undefined) within('compression level', compressionLevel, levels.min, levels.max);
  const { prefetch } = given;
  return prefetch === undefined || isWhole(prefetch) ? format : { ...format, prefetch: frozen(prefetch) };
}

function isPowerOfTwo(size: number): boolean {
  return Number.isSafeInteger(size) && 2 ** Math.round(Math.log2(size)) === size;
}

function checkBatchSize(batchSize: FormatOptions['batchSize'], chunkSize: number): void {
  if (batchSize === 0) return;
  const isRight =
    batchSize === 'auto' ||
    (isPowerOfTwo(batchSize) && batchSize >= MIN_CHUNK_SIZE && batchSize <= chunkSize);
  if (!isRight)
    throw new UsageError(
      `batch size ${batchSize} is not a power of two from 4096 to the chunk size, which is ${chunkSize}`,
    );
  // A chunk of that size that does not shrink has no place in the records of such a blob.
  if (chunkSize === MAX_CHUNK_SIZE)
    throw new UsageError(`batches do not go together with chunks of ${MAX_CHUNK_SIZE} bytes`);
}

function checkReader(compat: FormatOptions['compat'], batchSize: FormatOptions['batchSize']): void {
  const reader = READERS.find(({ name }) => name === compat);
  if (reader === undefined) throw new UsageError(`${compat} is no reader that images are written for`);
  if (batchSize !== 0 && !reader.batches)
    throw new UsageError(`${compat} reads no batches, in which small files are compressed together`, {
      hint: 'leave out the batches, or name a newer reader (nydusd-2.3)',
    });
}

/** A list that is the whole image is the same as none. */
function isWhole(patterns: readonly PrefetchPattern[]): boolean {
  const [first, ...others] = patterns;
  return others.length === 0 && first?.path === '/' && first.kind === 'exact';
}

function frozen(patterns: readonly PrefetchPattern[]): readonly PrefetchPattern[] {
  return Object.freeze(patterns.map(({ path, kind }) => Object.freeze({ path, kind })));
}

const MIN_SPAN = 64 << 10;
const MAX_SPAN = 8 << 20;
/** A reader decodes at most 16 MiB for one chunk, of which a block takes some. */
const MAX_REFERRED_CHUNK = 4 << 20;

/** Refuses what cannot be combined with chunks that stay in their layers. */
function checkReferring(format: FormatOptions): void {
  const { ociRef, zranSpan, fsVersion, chunkSize, batchSize, dedup, flatten } = format;
  if (ociRef === 'off') return;
  within('zranSpan', zranSpan, MIN_SPAN, MAX_SPAN);
  if (fsVersion !== 6)
    throw conflictWithOciRef(`RAFS v${fsVersion} (fsVersion)`, 'only RAFS v6 can refer to layers');
  if (chunkSize > MAX_REFERRED_CHUNK)
    throw conflictWithOciRef(
      `chunks of ${chunkSize} bytes (chunkSize)`,
      'at most 4 MiB can be read from a layer',
    );
  if (batchSize !== 0)
    throw conflictWithOciRef(
      `batches (batchSize ${batchSize})`,
      'chunks are not compressed, so none are together',
    );
  if (dedup === 'image' && ociRef === 'upstream')
    throw conflictWithOciRef('one dictionary for all layers (dedup)', 'upstream has none there');
  if (flatten !== 'none')
    throw conflictWithOciRef(`flattening (flatten ${flatten})`, 'a layer that stays where it is stays whole');
}

export function conflictWithOciRef(option: string, reason: string): UsageError {
  return new UsageError(`chunks that stay in their layers (ociRef) conflict with ${option}: ${reason}`);
}

/** Digests of chunks: SHA-256 in images that refer to layers, as upstream's have, unless the caller chooses. */
function digesterOf(given: Partial<FormatOptions>): FormatOptions['digester'] {
  const refers = given.ociRef !== undefined && given.ociRef !== 'off';
  return given.digester ?? (refers ? 'sha256' : FORMAT_DEFAULTS.digester);
}

/**
 * Formats the options as one line: equal lines and equal layers give equal blobs. The first five always stand in it; others only if
 * they are not as usual, so that a new option changes no line of earlier versions.
 */
export function formatLine(options: FormatOptions): string {
  const { fsVersion, compressor, compressionLevel, chunkSize, dedup, prefetch, ...others } =
    formatOptions(options);
  const unusual = Object.entries(others)
    .filter(([name, value]) => value !== FORMAT_DEFAULTS[name as keyof typeof others])
    .map(([name, value]) => `${name}=${value}`);
  // The layers' own bootstraps have prefetch tables, too.
  if (prefetch !== undefined) unusual.push(`prefetch=${sha256(Buffer.from(JSON.stringify(prefetch)))}`);
  return [`v${fsVersion}`, compressor, compressionLevel, chunkSize, dedup, ...unusual].join(' ');
}

function levelsOf(compressor: string): { readonly min: number; readonly max: number } | undefined {
  const codec = CODECS.find(({ name }) => name === compressor);
  return codec !== undefined && 'levels' in codec ? codec.levels : undefined;
}
