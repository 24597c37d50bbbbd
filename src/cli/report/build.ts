/** What a build has made, as a document for programs. Members are added, never renamed. */
import type { BuiltFiles } from '../../build/files.js';
import type { BuiltImage } from '../../build/image.js';
import type { PackStats } from '../../reporter.js';
import { contentJson } from './content.js';
import { prefetchJson } from './prefetch.js';

/** The answer of `build --json` without `--image`. */
export function builtFilesDocument(built: BuiltFiles): object {
  const { bootstrap, bootstrapDigest, bootstrapSize, blob, blobDigest, blobSize } = built;
  return {
    schemaVersion: 1,
    bootstrap: { path: bootstrap, digest: bootstrapDigest, size: bootstrapSize },
    blob: { path: blob, digest: blobDigest, size: blobSize },
    blobs: built.blobs,
    fsVersion: built.fsVersion,
    compressor: built.compressor,
    packed: packedJson(built.stats),
    ...(built.prefetched === undefined ? {} : { prefetch: prefetchJson(built.prefetched) }),
    milliseconds: { total: Math.round(built.milliseconds) },
  };
}

/** The answer of `build --image … --json`. `image` is the name that is to be deployed. */
export function builtImageDocument(image: string, built: BuiltImage): object {
  const { root, target, unchanged, platform, config, blob, borrowed, contents } = built;
  return {
    schemaVersion: 1,
    image,
    target,
    ...contentJson(root),
    unchanged,
    platform,
    config: contentJson(config),
    blob: contentJson(blob),
    borrowed: borrowed.map(contentJson),
    copied: contents.map(({ mediaType, digest, size, outcome }) => ({ mediaType, digest, size, outcome })),
    fsVersion: built.fsVersion,
    packed: packedJson(built.stats),
    ...(built.prefetched === undefined ? {} : { prefetch: prefetchJson(built.prefetched) }),
    milliseconds: { total: Math.round(built.milliseconds) },
  };
}

function packedJson({ tarBytes, entries, chunks, newChunks, duplicateBytes }: PackStats): object {
  return { bytes: tarBytes, entries, chunks, newChunks, duplicateBytes };
}
