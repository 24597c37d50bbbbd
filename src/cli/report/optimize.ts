/** What optimising has made, as a document for programs. Members are added, never renamed. */
import type { OptimizedImage } from '../../optimize/image.js';
import type { OptimizeResult } from '../../optimize/optimize.js';
import { prefetchJson } from './prefetch.js';
import { contentJson } from './content.js';

/** The answer of `optimize --json`. `image` is the name that is to be deployed. */
export function optimizeDocument(image: string, result: OptimizeResult): object {
  const { root, target, images, kept, contents, unchanged, milliseconds } = result;
  return {
    schemaVersion: 1,
    image,
    target,
    ...contentJson(root),
    unchanged,
    platforms: images.map(platformJson),
    kept: kept.map(contentJson),
    copied: contents.map(({ mediaType, digest, size, outcome }) => ({ mediaType, digest, size, outcome })),
    milliseconds: { total: Math.round(milliseconds) },
  };
}

function platformJson(image: OptimizedImage): object {
  const { platform, source, manifest, config, blob, replaced, prefetched, reads } = image;
  return {
    platform,
    source: contentJson(source),
    manifest: contentJson(manifest),
    config: contentJson(config),
    blob: contentJson(blob),
    ...(replaced === undefined ? {} : { replaced: contentJson(replaced) }),
    prefetch: prefetchJson(prefetched),
    ...(reads === undefined ? {} : { reads }),
  };
}
