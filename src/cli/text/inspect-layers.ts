/** Prints how the layers of an image would come back, as text and as JSON. */
import { digestHex } from '../../oci/digest.js';
import type { ImageProspect, LayerProspect } from '../../reverse/prospects.js';
import { table } from './columns.js';
import { formatBytes } from './units.js';

export function* layersLines(location: string, images: readonly ImageProspect[]): Generator<string> {
  yield location;
  for (const { platform, nydus, layers } of images) {
    yield '';
    yield `${platform}  ${nydus.digest}`;
    const rows = layers.map(({ way, blob, layer, recipeBytes }, i) => {
      const shown = blob ?? layer;
      return [
        String(i + 1),
        shown === undefined ? '-' : digestHex(shown.digest).slice(0, 12),
        shown === undefined ? '-' : formatBytes(shown.size),
        way,
        recipeBytes === undefined ? '-' : formatBytes(recipeBytes),
      ];
    });
    const head = ['layer', 'digest', 'size', 'comes back as', 'recipe'];
    yield* table([head, ...rows], new Set([0, 1, 3])).map((line) => `  ${line}`);
    for (const [why, numbers] of reasons(layers)) yield `  ${numbers.join(', ')}: ${why}`;
  }
}

/** Layers with one reason are named together. */
function reasons(layers: readonly LayerProspect[]): ReadonlyMap<string, readonly number[]> {
  const found = new Map<string, number[]>();
  for (const [i, { why }] of layers.entries()) found.set(why, [...(found.get(why) ?? []), i + 1]);
  return found;
}

export function layersJson(location: string, images: readonly ImageProspect[]): object {
  return {
    location,
    kind: 'layers',
    images: images.map(({ platform, nydus, layers }) => ({
      platform,
      digest: nydus.digest,
      layers: layers.map(({ way, why, blob, layer, recipeBytes }) => ({
        way,
        why,
        ...(blob === undefined ? {} : { blob }),
        ...(layer === undefined ? {} : { layer }),
        ...(recipeBytes === undefined ? {} : { recipeBytes }),
      })),
    })),
  };
}
