/** What converting an image back would give, layer by layer, without doing it. */
import { Originals } from '../convert/originals.js';
import { fetchBootstrap } from '../image/bootstrap-layer.js';
import { type Image, readConfig } from '../image/image.js';
import { readReferenceAt } from '../image/reference-tree.js';
import type { ByteRange } from '../io/streams.js';
import { withBudget } from '../native/budget.js';
import { openBootstrapInTurns } from '../native/judge.js';
import type { Descriptor } from '../oci/descriptor.js';
import { formatPlatform } from '../oci/platform.js';
import type { LayerForm, RecipePlace } from '../recipe/collection.js';
import type { ImageSource } from '../registry/stores/store.js';
import type { CallOptions } from '../reporter.js';
import { originalOf } from './found.js';
import { readImages } from './images.js';
import { originalLayer } from './kept-layer.js';
import { reverseOptions, type ReverseOptions } from './options.js';
import { layerBlobs } from './rebuild.js';
import { TarRecipes } from './tar-recipes.js';

/**
 * `relink`: the layer of the original manifest, which comes back whole; `exact-layer`: the original layer, below a new manifest; `exact-tar`: the
 * same tar, compressed anew; `rebuild`: a canonical tar of the same files.
 */
export type LayerWay = 'relink' | 'exact-layer' | 'exact-tar' | 'rebuild';

export interface LayerProspect {
  readonly way: LayerWay;
  /** Where the original was found, or why there is no better way. */
  readonly why: string;
  /** The blob that the layer became; undefined when relinking. */
  readonly blob: Descriptor | undefined;
  /** The original layer, where it comes back. */
  readonly layer: Descriptor | undefined;
  /** Bytes of the recipe of its tar, and of the record of its compression. */
  readonly recipeBytes: number | undefined;
}

export interface ImageProspect {
  readonly platform: string;
  readonly nydus: Descriptor;
  readonly layers: readonly LayerProspect[];
}

/** The Nydus images of a reference. Reads manifests and bootstraps. Throws as `reverseImage` does. */
export async function reverseProspects(
  source: ImageSource,
  given: Partial<Pick<ReverseOptions, 'platforms' | 'openOriginal' | 'allowedHosts' | 'sourceLocation'>> = {},
  from: CallOptions = {},
): Promise<readonly ImageProspect[]> {
  const options = reverseOptions(given);
  const call = withBudget(from);
  const opened: ImageSource[] = [];
  try {
    const tree = await readReferenceAt(source, await source.resolve(call), call);
    await tree.loadJson(call.signal);
    const originals = new Originals(tree, options, call);
    const { images } = await readImages(tree, originals, options, call);
    const prospects: ImageProspect[] = [];
    for (const image of images) {
      const { nydus, platform } = image;
      if (nydus === undefined) continue;
      const places = { tree, originals, opened, options, target: undefined, call };
      const { original, why } = await originalOf(image, places);
      const layers =
        original === undefined
          ? await blobProspects(nydus, why, call)
          : original.image.manifest.value.layers.map(({ mediaType, digest, size }) => ({
              way: 'relink' as const,
              why: `the original manifest is in ${why}`,
              blob: undefined,
              layer: { mediaType, digest, size },
              recipeBytes: undefined,
            }));
      prospects.push({
        platform: formatPlatform(platform),
        nydus: nydus.manifest.descriptor,
        layers,
      });
    }
    return prospects;
  } finally {
    for (const store of opened) await store[Symbol.asyncDispose]();
  }
}

async function blobProspects(
  image: Image,
  noOriginal: string,
  call: CallOptions,
): Promise<readonly LayerProspect[]> {
  const blobs = layerBlobs(image.manifest.value, (await readConfig(image, call)).value);
  const { bootstrap } = await openBootstrapInTurns((await fetchBootstrap(image, call)).bytes, call.signal);
  const records = bootstrap.blobs.map(({ record }) => record);
  const recipes = await TarRecipes.of(image, call);
  const prospects: LayerProspect[] = [];
  for (const [number, { mediaType, digest, size, ...listed }] of blobs.entries()) {
    const blob = { mediaType, digest, size };
    const layer = originalLayer({ ...blob, ...listed }, records);
    if (layer !== undefined) {
      const isThere = await image.store.exists(layer, call);
      prospects.push({
        way: isThere ? 'exact-layer' : 'rebuild',
        why: isThere
          ? 'its chunks stay in the original layer'
          : `its chunks stay in layer ${layer.digest}, which is not there, so it cannot be made`,
        blob,
        layer: isThere ? layer : undefined,
        recipeBytes: undefined,
      });
      continue;
    }
    const place = recipes.placeOf(number);
    prospects.push({
      ...(place === undefined
        ? { way: 'rebuild' as const, why: withoutRecipe(recipes, noOriginal) }
        : { way: wayOf(place), why: `${noOriginal}; ${WITH_RECIPE[place.form]}` }),
      blob,
      layer: undefined,
      recipeBytes: place === undefined ? undefined : lengthOf(place) + lengthOf(place.compression),
    });
  }
  return prospects;
}

/** What the image keeps of a layer beside its files. */
const WITH_RECIPE: Readonly<Record<LayerForm, string>> = {
  tar: 'the image keeps a recipe of the tar, and the layer was the tar itself',
  gzip: 'the image keeps a recipe of the tar, and how it was compressed',
  zstd: 'the image keeps a recipe of the tar, and the compression of zstd layers is not kept',
  other:
    'the image keeps a recipe of the tar, and nothing about its compression: no encoder that is known made it',
  large:
    'the image keeps a recipe of the tar, and nothing about its compression: that would take too many bytes',
};

function wayOf({ form }: RecipePlace): LayerWay {
  return form === 'tar' || form === 'gzip' ? 'exact-layer' : 'exact-tar';
}

function lengthOf(range: ByteRange | undefined): number {
  return range === undefined ? 0 : range.end - range.start;
}

function withoutRecipe(recipes: TarRecipes, noOriginal: string): string {
  const why = recipes.isEmpty
    ? 'the image keeps no recipes of its tars'
    : 'the layer has no recipe of its tar';
  return `${noOriginal}; ${why}`;
}
