/** The format of an image that is there, by which the blob of the files to load first is made. */
import { formatOptions, type FormatOptions } from '../convert/format.js';
import { UnsupportedError } from '../errors.js';
import type { PrefetchPattern } from '../native/addon-types.js';
import type { SparseBootstrap } from '../rafs-builder/model/sparse.js';
import { chunkNumbers } from '../rafs-builder/model/tree.js';
import { versionOf } from '../rafs-builder/versions.js';

/** Throws UnsupportedError for an image that no such blob can be added to. */
export function formatOf(
  bytes: Uint8Array,
  { blobs, chunkSize, compressor, digester }: SparseBootstrap,
  prefetch: readonly PrefetchPattern[],
): FormatOptions {
  const { number: fsVersion, blobsHaveToc } = versionOf(bytes);
  // The blob table of RAFS v6 has a codec for each blob; v5 has one for the image.
  if (compressor === 'gzip' && !blobsHaveToc)
    throw new UnsupportedError(
      'the chunks of the image are compressed with gzip, which is read and not written',
      {
        hint: 'convert the original again, with zstd or lz4_block, and with this list',
      },
    );
  return formatOptions({
    fsVersion,
    compressor: compressor === 'gzip' ? 'zstd' : compressor,
    chunkSize,
    digester,
    prefetch,
    dedup: 'layer',
    // An image without checksums may be for readers that refuse them.
    compat: blobs.some(hasChecksums) ? 'latest' : 'nydusd-2.2',
  });
}

function hasChecksums({ chunks }: SparseBootstrap['blobs'][number]): boolean {
  const [first] = chunks.indexes();
  return first !== undefined && chunkNumbers(chunks, first).crc32 !== undefined;
}
