/** The bytes of a recipe: its head, and for each kind of fact one list of all entries, which compresses better than entry by entry. */
import { FormatError } from '../errors.js';
import { type DiffId, type Digest, isDigest } from '../oci/digest.js';
import { ByteReader, ByteWriter } from './bytes.js';
import { NUMBER_NAMES } from './facts.js';
import type { FieldForm } from './fields.js';
import { type EntryForm, HEADER_FIELDS, isField } from './form.js';

const VERSION = 1;

export interface RecipeHead {
  /** The digest of the tar. */
  readonly diffId: DiffId;
  /** Bytes of the tar. */
  readonly tarSize: number;
  readonly entries: number;
  /** The layer that the tar was in. */
  readonly layer: { readonly mediaType: string; readonly digest: Digest; readonly size: number };
}

export interface Recipe {
  readonly head: RecipeHead;
  readonly forms: readonly EntryForm[];
  /** The number of each entry that the tree knows, less the one that is expected. */
  readonly places: Buffer;
  /** The number of the form of each entry. */
  readonly shapes: Buffer;
  /** What forms take from the recipe. */
  readonly args: Buffer;
  /** Data of files that the tree does not have. */
  readonly stored: Buffer;
  /** The bytes behind the last entry. */
  readonly tail: Buffer;
}

const LISTS = ['places', 'shapes', 'args', 'stored', 'tail'] as const;

export function packRecipe(recipe: Recipe): Buffer {
  const writer = new ByteWriter();
  const { head, forms } = recipe;
  writer.string(Buffer.from(JSON.stringify({ version: VERSION, ...head, forms }), 'utf8'));
  for (const list of LISTS) writer.string(recipe[list]);
  return Buffer.from(writer.bytes);
}

/** Throws FormatError for bytes that are no recipe of this version. */
export function unpackRecipe(bytes: Buffer): Recipe {
  const reader = new ByteReader(bytes);
  const { version, diffId, tarSize, entries, layer, forms } = objectOf(parsed(reader.string()));
  if (version !== VERSION) throw bad('its version is not known');
  const { mediaType, digest, size } = objectOf(layer);
  if (!isDigestText(diffId) || !isDigestText(digest) || typeof mediaType !== 'string')
    throw bad('it has no digests');
  if (!isSize(tarSize) || !isSize(entries) || !isSize(size)) throw bad('it has no sizes');
  if (!Array.isArray(forms) || !forms.every(isForm)) throw bad('it has a form that cannot be');
  const [places, shapes, args, stored, tail] = LISTS.map(() => reader.string());
  if (
    places === undefined ||
    shapes === undefined ||
    args === undefined ||
    stored === undefined ||
    tail === undefined
  )
    throw bad('it ends too early');
  const head = { diffId: diffId as string as DiffId, tarSize, entries, layer: { mediaType, digest, size } }; // a DiffId is a digest
  return { head, forms, places, shapes, args, stored, tail };
}

function bad(why: string): FormatError {
  return new FormatError(`the recipe of a tar cannot be read: ${why}`);
}

function parsed(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch {
    throw bad('its head is no JSON');
  }
}

function objectOf(value: unknown): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw bad('it has no head');
  return value as Readonly<Record<string, unknown>>; // every member is unknown
}

function isDigestText(value: unknown): value is Digest {
  return typeof value === 'string' && isDigest(value);
}

function isSize(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0; // a safe integer is a number
}

/** Longer constants are in no header. */
const MAX_TEXT = 64 * 1024;

const TEXT = (value: unknown): boolean => typeof value === 'string' && value.length <= MAX_TEXT;
const NUMBER = (value: unknown): boolean => NUMBER_NAMES.some((name) => name === value);
const NAME = (value: unknown): boolean => value === 'path' || value === 'link';
const PAD = (value: unknown): boolean => value === '0' || value === ' ';
const DIGITS = (value: unknown): boolean =>
  Number.isSafeInteger(value) && Number(value) >= -1 && Number(value) <= 32;

/** The members behind the name of each form of a field. */
const FIELDS: Readonly<Record<FieldForm[0], readonly ((value: unknown) => boolean)[]>> = {
  '=': [TEXT],
  '?': [],
  octal: [NUMBER, PAD, DIGITS, TEXT],
  base256: [NUMBER],
  decimal: [NUMBER],
  time: [DIGITS],
  name: [NAME, TEXT, TEXT],
  inserted: [NAME, TEXT, TEXT, TEXT],
  split: [TEXT, TEXT],
  prefix: [],
  xattr: [TEXT],
  sum: [PAD, DIGITS, TEXT],
};

function isFieldForm(value: unknown): value is FieldForm {
  if (!Array.isArray(value)) return false;
  const [name, ...members] = value as readonly unknown[]; // every member is unknown
  if (typeof name !== 'string' || !Object.hasOwn(FIELDS, name)) return false;
  const wanted = FIELDS[name as FieldForm[0]]; // `hasOwn` has found it
  return members.length === wanted.length && wanted.every((is, i) => is(members[i]));
}

function isHeaderForm(value: unknown): boolean {
  return Array.isArray(value) && value.length === HEADER_FIELDS.length && value.every(isFieldForm);
}

function isBodyForm(value: unknown): boolean {
  if (!Array.isArray(value)) return false;
  if (value.length > 0 && isField(value)) return isFieldForm(value);
  return value.every(
    (record) => Array.isArray(record) && record.length === 2 && TEXT(record[0]) && isFieldForm(record[1]),
  );
}

function isExtension(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const { header, body } = value as { header?: unknown; body?: unknown }; // every member is unknown
  return isHeaderForm(header) && isBodyForm(body);
}

function isForm(value: unknown): value is EntryForm {
  if (typeof value !== 'object' || value === null) return false;
  const { known, extensions, header, hasMap, data, isPadded } = value as Readonly<Record<string, unknown>>; // as above
  return (
    [known, hasMap, isPadded].every((flag) => typeof flag === 'boolean') &&
    (extensions === undefined || (Array.isArray(extensions) && extensions.every(isExtension))) &&
    (header === undefined || isHeaderForm(header)) &&
    ['none', 'whole', 'pieces', 'stored'].some((name) => name === data)
  );
}
