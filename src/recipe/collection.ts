/**
 * The recipes of an image in one layer: each compressed by itself, and an index of them at the end. A reader fetches the index, whose
 * place the manifest says, and then the recipes that it needs.
 */
import { FormatError } from '../errors.js';
import type { ByteRange } from '../io/streams.js';
import { compress, decompress } from '../native/codec.js';

/** Recipes are small, and are written once. */
const LEVEL = 19;
/** Bytes of a recipe of a million entries whose headers have nothing in common with the tree. */
const MAX_RECIPE = 512 * 1024 * 1024;
/** Bytes that a frame may claim whatever its own size, and for each of its bytes beyond. Equal headers shrink to a thousandth. */
const ALWAYS = 16 * 1024 * 1024;
const EXPANSION = 4096;

/** Bytes before a frame: the length of the recipe. */
const HEAD = 4;

/** Compresses a recipe, or the record of a compression. */
export async function frameRecipe(recipe: Buffer): Promise<Buffer> {
  const head = Buffer.alloc(HEAD);
  head.writeUInt32LE(recipe.length);
  return Buffer.concat([head, (await compress(recipe, LEVEL)) ?? recipe]);
}

/** The recipe in a frame, or the record of a compression. Throws FormatError. */
export async function unframeRecipe(frame: Buffer): Promise<Buffer> {
  if (frame.length < HEAD) throw bad('it ends too early');
  const size = frame.readUInt32LE(0);
  const stored = frame.subarray(HEAD);
  if (size > Math.min(MAX_RECIPE, ALWAYS + EXPANSION * stored.length)) throw bad(`it has ${size} bytes`);
  return size === stored.length ? stored : decompress(stored, 'zstd', size);
}

export interface RecipeCollection {
  readonly bytes: Buffer;
  /** Where the index begins. */
  readonly index: number;
}

/**
 * How the tar becomes the layer that it was: it is the layer (`tar`), or by a record of its compression (`gzip`). Else it does not:
 * `zstd` is not recorded, no known encoder compressed it (`other`), or the record would be too large (`large`).
 */
export type LayerForm = (typeof FORMS)[number];

const FORMS = ['tar', 'gzip', 'zstd', 'other', 'large'] as const;

/** The recipe of a layer, in its frame. */
export interface FramedRecipe {
  readonly frame: Buffer;
  readonly form: LayerForm;
  /** The record of the compression, in its frame, for `gzip`. */
  readonly compression?: Buffer | undefined;
}

/** Where the recipe of a layer is. */
export interface RecipePlace extends ByteRange {
  /** `other` if the index does not know. */
  readonly form: LayerForm;
  /** Where the record of the compression is, for `gzip`. */
  readonly compression: ByteRange | undefined;
}

/** Puts recipes together. A place may have none. */
export function collectRecipes(recipes: readonly (FramedRecipe | undefined)[]): RecipeCollection {
  const places = new Map<FramedRecipe, readonly (number | string)[]>();
  const pieces: Buffer[] = [];
  let index = 0;
  const put = (bytes: Buffer): readonly [number, number] => {
    pieces.push(bytes);
    index += bytes.length;
    return [index - bytes.length, index];
  };
  // A layer that is listed twice has one recipe.
  for (const recipe of recipes) {
    if (recipe === undefined || places.has(recipe)) continue;
    const { frame, form, compression } = recipe;
    places.set(recipe, [...put(frame), form, ...(compression === undefined ? [] : put(compression))]);
  }
  const layers = recipes.map((recipe) => (recipe === undefined ? null : (places.get(recipe) ?? null)));
  const last = Buffer.from(JSON.stringify({ version: 1, layers }), 'utf8');
  return { bytes: Buffer.concat([...pieces, last]), index };
}

/** The places of the recipes; undefined where a layer has none. `end` is where the recipes end. Throws FormatError. */
export function recipePlaces(index: Buffer, end: number): readonly (RecipePlace | undefined)[] {
  const { version, layers } = objectOf(index);
  if (version !== 1 || !Array.isArray(layers)) throw bad('its index is not known');
  return layers.map((place: unknown) => {
    if (place === null) return undefined;
    const [from, to, kind, ...record] = (Array.isArray(place) ? place : []) as readonly unknown[]; // every member is unknown
    const range = rangeOf(from, to, end);
    const form = FORMS.find((name) => name === kind) ?? 'other';
    if (form !== 'gzip') return { ...range, form, compression: undefined };
    return { ...range, form, compression: rangeOf(record[0], record[1], end) };
  });
}

function rangeOf(from: unknown, to: unknown, end: number): ByteRange {
  if (!isOffset(from) || !isOffset(to) || to < from || to > end) throw bad('its index leaves the layer');
  return { start: from, end: to };
}

function objectOf(bytes: Buffer): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(bytes.toString('utf8'));
    return (typeof value === 'object' && value !== null ? value : {}) as Readonly<Record<string, unknown>>; // every member is unknown
  } catch {
    throw bad('its index is no JSON');
  }
}

function isOffset(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0;
}

function bad(why: string): FormatError {
  return new FormatError(`the layer with the recipes of tars cannot be read: ${why}`);
}
