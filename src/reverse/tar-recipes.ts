/** The recipes of an image's tars, where its conversion has kept them. */
import { FormatError } from '../errors.js';
import type { Image } from '../image/image.js';
import { recipesLayerOf } from '../image/kinds.js';
import { collect, type ByteRange } from '../io/streams.js';
import type { Descriptor } from '../oci/descriptor.js';
import { ANNOTATION } from '../oci/media-types.js';
import { type RecipePlace, recipePlaces, unframeRecipe } from '../recipe/collection.js';
import { type Recipe, unpackRecipe } from '../recipe/recipe.js';
import type { ContentSource } from '../registry/stores/store.js';
import type { CallOptions } from '../reporter.js';

/** The index names two numbers for each layer. */
const MAX_INDEX = 1024 * 1024;

export class TarRecipes {
  readonly #store: ContentSource;
  readonly #layer: Descriptor | undefined;
  readonly #places: readonly (RecipePlace | undefined)[];

  private constructor(
    store: ContentSource,
    layer: Descriptor | undefined,
    places: readonly (RecipePlace | undefined)[],
  ) {
    this.#store = store;
    this.#layer = layer;
    this.#places = places;
  }

  /** Reads the index. An image without recipes, or with an index that cannot be read, has none for any layer. */
  static async of({ store, manifest }: Image, call: CallOptions): Promise<TarRecipes> {
    const layer = recipesLayerOf(manifest.value);
    if (layer === undefined) return new TarRecipes(store, layer, []);
    try {
      const start = Number(layer.annotations?.[ANNOTATION.nydusTarRecipes]);
      const length = layer.size - start;
      if (!Number.isSafeInteger(start) || start < 0 || length < 0 || length > MAX_INDEX)
        throw new FormatError('its annotation names no place in it');
      const index = await readRange(store, layer, { start, end: layer.size }, call);
      return new TarRecipes(store, layer, recipePlaces(index, start));
    } catch (error) {
      if (!(error instanceof FormatError)) throw error;
      call.reporter?.emit({
        type: 'warning',
        code: 'TAR_RECIPE_USELESS',
        message: `the recipes of tars in layer ${layer.digest} cannot be used: ${error.message}`,
      });
      return new TarRecipes(store, undefined, []);
    }
  }

  /** True if no layer has a recipe. */
  get isEmpty(): boolean {
    return this.#places.every((place) => place === undefined);
  }

  /** Where the recipe of the layer at a place in the manifest is; undefined if it has none. */
  placeOf(layer: number): RecipePlace | undefined {
    return this.#places[layer];
  }

  /** Throws FormatError. */
  async read(place: ByteRange, call: CallOptions): Promise<Recipe> {
    return unpackRecipe(await this.#frame(place, call));
  }

  /** The record of a layer's compression. Throws FormatError. */
  readCompression(place: ByteRange, call: CallOptions): Promise<Buffer> {
    return this.#frame(place, call);
  }

  async #frame(place: ByteRange, call: CallOptions): Promise<Buffer> {
    if (this.#layer === undefined) throw new FormatError('there are no recipes');
    return unframeRecipe(await readRange(this.#store, this.#layer, place, call));
  }
}

async function readRange(
  store: ContentSource,
  layer: Descriptor,
  range: ByteRange,
  call: CallOptions,
): Promise<Buffer> {
  const size = range.end - range.start;
  const bytes = await collect(
    store.fetch(layer, { ...call, range }),
    size,
    `a range of layer ${layer.digest}`,
  );
  if (bytes.length !== size) throw new FormatError(`layer ${layer.digest} ends before byte ${range.end}`);
  return bytes;
}
