/** Compression and digests by the addon. */
import { addon, asBuffer } from './addon.js';
import { unwrap } from './outcome.js';
import type { CompressorName } from '../rafs-builder/model/tree.js';

/** Compresses with the default codec of chunks; undefined when the result would not be smaller than `bytes`. */
export async function compress(bytes: Uint8Array, level: number): Promise<Buffer | undefined> {
  return unwrap(await addon().compress(asBuffer(bytes), level)) ?? undefined;
}

/** Compresses all parts to one gzip member: the same bytes on every machine, which zlib does not promise. */
export async function gzip(parts: readonly Uint8Array[]): Promise<Buffer> {
  return unwrap(await addon().gzip(parts.map(asBuffer)));
}

/**
 * Throws FormatError unless `bytes` decode to exactly `size` bytes. `size` is allocated, so the caller must bound it.
 */
export async function decompress(
  bytes: Uint8Array,
  compressor: CompressorName,
  size: number,
): Promise<Buffer> {
  return unwrap(await addon().decompress(asBuffer(bytes), compressor, size));
}

/** A place from which a gzip layer is inflated. */
export interface InflateStart {
  /** The byte before the first one, and how many of its bits are pending. */
  readonly byte: number;
  readonly bits: number;
  readonly dictionary: Uint8Array;
  /** Bytes to make. */
  readonly size: number;
}

/** Inflates a stretch of a gzip layer as clients do. Throws FormatError, which says why they fail. */
export async function inflateContext(bytes: Uint8Array, start: InflateStart): Promise<Buffer> {
  const { byte, bits, dictionary, size } = start;
  const context = { byte, bits, dictionary: asBuffer(dictionary), size };
  return unwrap(await addon().inflateContext(asBuffer(bytes), context));
}

/** Digests on the calling thread, so `bytes` should be no larger than a chunk. */
export function blake3(bytes: Uint8Array): Buffer {
  return addon().blake3(asBuffer(bytes));
}
