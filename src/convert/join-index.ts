/**
 * Joins the entries of a conversion into an index that is there already: all its entries stay, Nydus entries of the same image are
 * replaced, and an image that the index lacks comes with both halves.
 */
import { UnsupportedError } from '../errors.js';
import type { Half } from '../image/kinds.js';
import type { Descriptor, Platform } from '../oci/descriptor.js';
import type { JsonObject } from '../oci/json/value.js';
import { formatPlatform, platformMatches } from '../oci/platform.js';
import { type ConvertedEntry, nydusEntries, ociEntry, printMerged } from './merge-index.js';
import type { IndexMarks } from './options.js';
import type { SourceImage, SourceImages } from './source-images.js';

/** An entry of the index that is there. */
export interface ThereEntry {
  readonly json: JsonObject;
  readonly descriptor: Descriptor;
  /** Undefined for entries that are no images. */
  readonly half: Half | undefined;
  readonly platform: Platform | undefined;
  /** The digest of the image that the entry is, or was made from; undefined if none is recorded. */
  readonly sourceDigest: string | undefined;
}

/** What a tag holds. */
export interface There {
  readonly location: string;
  /** Undefined when there is no such tag. */
  readonly root: Descriptor | undefined;
  /** Undefined when it is a single image. */
  readonly index: JsonObject | undefined;
  readonly entries: readonly ThereEntry[];
}

/**
 * The ordinary image that was converted, as the index has it; undefined if the index has none for its platform. Throws
 * UnsupportedError if it has another one.
 */
export function originalIn(
  { location, entries }: There,
  { manifest: { descriptor }, platform }: SourceImage,
): ThereEntry | undefined {
  const ordinary = entries.filter((entry) => entry.half === 'oci' && isFor(entry, platform));
  const original = ordinary.find(({ sourceDigest }) => sourceDigest === descriptor.digest);
  const [other] = ordinary;
  if (original !== undefined || other === undefined) return original;
  throw new UnsupportedError(
    `${location} holds another image for ${formatPlatform(platform)}, ${other.descriptor.digest}, and not the source ${descriptor.digest}`,
    { hint: 'convert the image that the target holds, or choose another target' },
  );
}

export interface JoinedIndex {
  readonly bytes: Uint8Array;
  /** Entries that the conversion has not made and that do not belong to its images. */
  readonly kept: readonly Descriptor[];
}

interface Listed {
  readonly json: JsonObject;
  readonly half: Half | undefined;
  /** Undefined for what the conversion adds. */
  readonly there: ThereEntry | undefined;
}

/** `added` is what a target that was empty gets besides: the members of the source's index, and entries that are no images. */
export function joinedIndex(
  there: There,
  converted: readonly ConvertedEntry[],
  added: Pick<SourceImages, 'index' | 'foreign'> | undefined,
  marks: IndexMarks,
): JoinedIndex {
  let list: readonly Listed[] = there.entries.map((entry) => ({
    json: entry.json,
    half: entry.half,
    there: entry,
  }));
  const originals = new Set<ThereEntry>();
  for (const entry of converted) {
    const original = originalIn(there, entry.source);
    if (original === undefined) list = withOrdinary(list, entry);
    else originals.add(original);
    list = withNydus(list, entry, original, { there, marks });
  }
  const digests = new Set(there.entries.map(({ descriptor }) => descriptor.digest));
  const foreign = (added?.foreign ?? []).filter(({ descriptor }) => !digests.has(descriptor.digest));
  const index = there.root === undefined ? added?.index?.json : there.index;
  return {
    bytes: printMerged(index, [...list.map(({ json }) => json), ...foreign.map(({ entry }) => entry)]),
    kept: list.flatMap(({ there: entry }) =>
      entry === undefined || originals.has(entry) ? [] : [entry.descriptor],
    ),
  };
}

/** Ordinary clients take the first entry of their platform, so ordinary images stand before Nydus images. */
function withOrdinary(list: readonly Listed[], entry: ConvertedEntry): readonly Listed[] {
  const json = ociEntry(entry);
  if (json === undefined) return list;
  const at = list.findLastIndex(({ half }) => half === 'oci') + 1;
  return list.toSpliced(at, 0, { json, half: 'oci', there: undefined });
}

function withNydus(
  list: readonly Listed[],
  { source, nydus }: ConvertedEntry,
  original: ThereEntry | undefined,
  { there, marks }: { readonly there: There; readonly marks: IndexMarks },
): readonly Listed[] {
  const others = new Set(
    there.entries
      .filter((entry) => entry.half === 'oci' && entry !== original)
      .map(({ sourceDigest }) => sourceDigest),
  );
  const isReplaced = ({ there: entry }: Listed): boolean =>
    entry?.half === 'nydus' &&
    isFor(entry, source.platform) &&
    (entry.sourceDigest === undefined || !others.has(entry.sourceDigest));
  const first = list.findIndex(isReplaced);
  const stays = list.filter((listed) => !isReplaced(listed));
  const afterOriginal = stays.findIndex(({ there: entry }) => entry !== undefined && entry === original) + 1;
  const afterImages = stays.findLastIndex(({ half }) => half !== undefined) + 1;
  const at = first < 0 ? afterImages : Math.max(first, afterOriginal);
  const made = nydusEntries(source, nydus, marks).map((json): Listed => ({
    json,
    half: 'nydus',
    there: undefined,
  }));
  return stays.toSpliced(at, 0, ...made);
}

function isFor({ platform }: ThereEntry, wanted: Platform): boolean {
  return platform !== undefined && platformMatches(wanted, platform);
}
