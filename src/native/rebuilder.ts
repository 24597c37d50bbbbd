/** Makes the compressed tar of a layer again, from what a caller writes of it and from stored chunks. */
import type { DiffId, Digest } from '../oci/digest.js';
import { addon } from './addon.js';
import type { NativeTarUnit } from './addon-types.js';
import { ContentMismatchError, FormatError } from '../errors.js';
import { type Outcome, unwrap } from './outcome.js';

export type TarUnit = NativeTarUnit;

export type LayerCompressor = 'gzip' | 'zstd' | 'none';

export interface LayerCompression {
  readonly compressor: LayerCompressor;
  /** The compressor's own default when undefined. */
  readonly level?: number | undefined;
  /** How a layer was compressed, as `LayerPacker.compression` gives it: the layer becomes what it was, whatever the compressor. */
  readonly record?: Buffer | undefined;
}

export interface RebuiltLayer {
  readonly digest: Digest;
  /** Compressed bytes. */
  readonly size: number;
  readonly diffId: DiffId;
  readonly tarSize: number;
}

/**
 * Yields the compressed tar that the units make, and returns its digests. Equal units give equal bytes, whatever the number of
 * threads. Throws what reading the units throws, ContentMismatchError for chunks that are not what their records say, and UnsupportedError
 * for a level that the compressor lacks, and FormatError for a record that cannot be read.
 */
export async function* rebuiltLayer(
  units: AsyncIterable<TarUnit>,
  { compressor, level, record }: LayerCompression,
  threads: number,
): AsyncGenerator<Buffer, RebuiltLayer> {
  const native = unwrap(addon().openRebuilder(compressor, level, threads, record));
  let failure: { readonly error: unknown } | undefined;
  const feed = async (): Promise<RebuiltLayer> => {
    try {
      for await (const unit of units) if (!unwrapChunks(native.write(unit))) unwrapChunks(await native.room());
      const { digest, size, diffId, tarSize } = unwrapChunks(await native.finish());
      return { digest: digest as Digest, size, diffId: diffId as DiffId, tarSize }; // the addon writes digests in their canonical form
    } catch (error) {
      failure ??= { error };
      native.abort();
      throw error;
    }
  };
  const feeding = feed();
  feeding.catch(() => undefined); // thrown below
  try {
    for (let bytes = unwrapChunks(await native.read()); bytes !== null; bytes = unwrapChunks(await native.read()))
      yield bytes;
    return await feeding;
  } catch (error) {
    // The addon knows only that it was stopped, and the feed the reason.
    native.abort();
    await feeding.catch(() => undefined);
    throw failure?.error ?? error;
  } finally {
    native.abort();
    await feeding.catch(() => undefined);
  }
}

/** Throws UsageError or UnsupportedError for a level that the compressor lacks. */
export function checkCompression({ compressor, level }: LayerCompression): void {
  unwrap(addon().openRebuilder(compressor, level, 1)).abort();
}

/** What the addon cannot make sense of are chunks that are not what the bootstrap says. */
function unwrapChunks<T>(outcome: Outcome<T>): T {
  try {
    return unwrap(outcome);
  } catch (cause) {
    if (!(cause instanceof FormatError)) throw cause;
    throw new ContentMismatchError(cause.message, { cause, remedy: { kind: 'check-image' } });
  }
}
