/** What a conversion has made, as documents for programs. Members are added, never renamed. */
import type { ConvertResult, ImageReport } from '../../convert/convert.js';
import { prefetchJson } from './prefetch.js';
import { contentJson } from './content.js';

/** The answer of `convert --json`. `image` is the name that is to be deployed. */
export function convertDocument(image: string, result: ConvertResult): object {
  const { root, target, images, kept, sourceBytes, targetBytes, repeatedBytes, times } = result;
  return {
    schemaVersion: 1,
    image,
    target,
    digest: root.digest,
    mediaType: root.mediaType,
    size: root.size,
    unchanged: result.unchanged,
    ...configDigest(result),
    platforms: images.map(platformJson),
    kept: kept.map(contentJson),
    sourceBytes,
    targetBytes,
    repeatedBytes,
    ...(result.batching === undefined ? {} : { batching: result.batching }),
    ...(result.cache === undefined ? {} : { cache: result.cache }),
    milliseconds: {
      pull: Math.round(times.pull),
      conversion: Math.round(times.conversion),
      push: Math.round(times.push),
      total: Math.round(times.total),
    },
  };
}

function platformJson(image: ImageReport): object {
  const { platform, source, nydus, config, oci, layers, dictionaryBlobs, bootstrapBytes } = image;
  return {
    platform,
    source: contentJson(source),
    nydus: contentJson(nydus),
    config: contentJson(config),
    ...(oci === undefined ? {} : { oci: contentJson(oci) }),
    bootstrapBytes,
    nydusBytes: image.nydusBytes,
    sourceBytes: image.sourceBytes,
    targetBytes: image.targetBytes,
    repeatedBytes: image.repeatedBytes,
    ...(image.recipeBytes === 0 ? {} : { recipeBytes: image.recipeBytes }),
    ...(image.prefetched === undefined ? {} : { prefetch: prefetchJson(image.prefetched) }),
    layers: layers.map(({ source: layer, blob, stats, batches, outcome, cache, savedBytes, leftOut }) => ({
      source: contentJson(layer),
      blob: contentJson(blob),
      outcome,
      ...(cache === undefined ? {} : { cache, savedBytes }),
      tarBytes: stats.tarBytes,
      entries: stats.entries,
      chunks: stats.chunks,
      newChunks: stats.newChunks,
      duplicateBytes: stats.duplicateBytes,
      ...(batches === 0 ? {} : { batches }),
      ...(leftOut === undefined ? {} : { leftOut }),
    })),
    ...(dictionaryBlobs.length === 0
      ? {}
      : {
          dictionaryBlobs: dictionaryBlobs.map(({ chunks, savedBytes, ...blob }) => ({
            ...contentJson(blob),
            chunks,
            savedBytes,
          })),
        }),
  };
}

/** The members that `docker buildx build --metadata-file` writes of an image that was pushed, as far as a conversion has them. */
export function buildMetadata(result: ConvertResult): object {
  const { root, target } = result;
  const { mediaType, digest, size, annotations } = root;
  return {
    ...configDigest(result),
    'containerimage.descriptor': {
      mediaType,
      digest,
      size,
      ...(annotations === undefined ? {} : { annotations }),
    },
    'containerimage.digest': digest,
    'image.name': target,
  };
}

/** buildx names the config only where the result is one image: an index has none. */
function configDigest({ root, images }: ConvertResult): object {
  const image = images.find(({ nydus }) => nydus.digest === root.digest);
  return image === undefined ? {} : { 'containerimage.config.digest': image.config.digest };
}
