/** What converting back has made, as a document for programs. Members are added, never renamed. */
import type { ReversedImage, ReverseResult } from '../../reverse/reverse.js';
import { contentJson } from './content.js';

/** The answer of `reverse --json`. `image` is the name that is to be deployed. */
export function reverseDocument(image: string, result: ReverseResult): object {
  const { root, target, images, kept, unchanged, elapsed } = result;
  return {
    schemaVersion: 1,
    image,
    target,
    ...contentJson(root),
    unchanged,
    platforms: images.map(platformJson),
    kept: kept.map(contentJson),
    milliseconds: { total: Math.round(elapsed) },
  };
}

function platformJson({ platform, nydus, manifest, config, how, why, layers }: ReversedImage): object {
  return {
    platform,
    ...(nydus === undefined ? {} : { nydus: contentJson(nydus) }),
    manifest: contentJson(manifest),
    config: contentJson(config),
    how,
    why,
    layers: layers.map(({ layer, diffId, blob, tarBytes, exact, outcome }) => ({
      layer: contentJson(layer),
      diffId,
      ...(blob === undefined ? {} : { blob: contentJson(blob) }),
      ...(tarBytes === undefined ? {} : { tarBytes }),
      exact,
      outcome,
    })),
  };
}
