/**
 * Makes the index of a conversion. A merged index lists all OCI entries, then all Nydus entries, then the entries that
 * are no images, unchanged. The order matters, because ordinary clients take the first entry of their platform.
 *
 * Entries are composed as JSON that keeps every member, so that unknown members survive and converting a converted
 * index changes nothing.
 */
import { FormatError } from '../errors.js';
import { IDENTITY_MEMBERS, isIdentity, ZSTD_MARK } from '../image/identity.js';
import type { Descriptor, Platform } from '../oci/descriptor.js';
import { ANNOTATION, MEDIA, NYDUS_OS_FEATURE } from '../oci/media-types.js';
import type { Family } from './assemble.js';
import {
  isJsonObject,
  type Json,
  type JsonObject,
  jsonObject,
  printJson,
  withMembers,
} from '../oci/json/value.js';
import type { IndexMarks } from './options.js';
import type { ForeignEntry, SourceImage } from './source-images.js';

type Named = Pick<Descriptor, 'mediaType' | 'digest' | 'size'>;

/** A source image and the halves that were made from it. */
export interface ConvertedEntry {
  readonly source: SourceImage;
  readonly nydus: Named;
  /** The OCI half; the source manifest itself without isolation, and undefined without merging. */
  readonly oci?: Named | undefined;
}

/** Makes a merged index. `index` is the source's, or undefined when the source is a single manifest. */
export function mergedIndex(
  index: JsonObject | undefined,
  entries: readonly ConvertedEntry[],
  foreign: readonly ForeignEntry[],
  marks: IndexMarks,
): Uint8Array {
  const oci = entries.flatMap((entry) => ociEntry(entry) ?? []);
  const nydus = entries.flatMap(({ source, nydus: named }) => nydusEntries(source, named, marks));
  return printMerged(index, [...oci, ...nydus, ...foreign.map(({ entry }) => entry)]);
}

/** Makes the index of these entries, with the other members of `index`. */
export function printMerged(index: JsonObject | undefined, entries: readonly Json[]): Uint8Array {
  return printIndex(index, MEDIA.ociIndex, entries);
}

/** The entry of the OCI half; undefined when there is none. */
export function ociEntry({ source, oci: named }: ConvertedEntry): JsonObject | undefined {
  if (named === undefined) return undefined;
  const isolated = named.digest !== source.manifest.descriptor.digest;
  const mark = { [ANNOTATION.nydusSourceDigest]: source.manifest.descriptor.digest };
  return entryJson(source, named, filledPlatform(source), isolated ? mark : {});
}

/** Makes the index of a conversion without merging: each Nydus image replaces its source. */
export function plainIndex(
  index: JsonObject | undefined,
  family: Family,
  entries: readonly ConvertedEntry[],
  foreign: readonly ForeignEntry[],
): Uint8Array {
  const nydus = entries.map(({ source, nydus: named }) =>
    withoutZstdMark(entryJson(source, named, filledPlatform(source), {})),
  );
  return printIndex(index, family.index, [...nydus, ...foreign.map(({ entry }) => entry)]);
}

/** Makes the index of images that were converted back. `images` are in order, each with its entry and its new manifest. */
export function reversedIndex(
  index: JsonObject | undefined,
  family: Family,
  images: readonly SourceImage[],
  foreign: readonly ForeignEntry[],
): Uint8Array {
  const entries = images.map((image) =>
    entryJson(image, image.manifest.descriptor, filledPlatform(image), {}),
  );
  return printIndex(index, family.index, [...entries, ...foreign.map(({ entry }) => entry)]);
}

/** Makes an index of the same type with these entries. */
export function replacedIndex(
  index: JsonObject | undefined,
  mediaType: string,
  entries: readonly Json[],
): Uint8Array {
  return printIndex(index, mediaType, entries);
}

/**
 * The entry of an index for an image in the place of the one that it was made from. `gone` are digests that must not be named any more:
 * those of the old image.
 */
export function entryFor(
  entry: JsonObject,
  gone: ReadonlySet<string>,
  { digest, size }: Pick<Descriptor, 'digest' | 'size'>,
): JsonObject {
  const annotations = entry.get('annotations');
  const kept = isJsonObject(annotations) ? withoutIdentity(annotations, gone) : undefined;
  return withMembers(entry, {
    digest,
    size: { digits: String(size) },
    data: undefined,
    urls: undefined,
    annotations: kept === undefined || kept.size === 0 ? undefined : kept,
  });
}

function printIndex(
  index: JsonObject | undefined,
  mediaType: string,
  manifests: readonly Json[],
): Uint8Array {
  const head = jsonObject({ schemaVersion: { digits: '2' }, mediaType, manifests });
  const rest = new Map(index);
  for (const key of [...head.keys(), ...IDENTITY_MEMBERS]) rest.delete(key);
  const annotations = rest.get('annotations');
  if (isJsonObject(annotations)) rest.set('annotations', withoutIdentity(annotations, new Set()));
  return printJson(new Map<string, Json>([...head, ...rest]));
}

/** The entries of the Nydus half. */
export function nydusEntries(source: SourceImage, named: Named, marks: IndexMarks): readonly JsonObject[] {
  const plain = filledPlatform(source);
  const entry = withoutZstdMark(entryJson(source, named, plain, {}));
  const byType = withMembers(entry, { artifactType: MEDIA.nydusArtifact });
  const feature = { platform: withFeature(plain) };
  switch (marks) {
    case 'both':
      return [withMembers(byType, feature)];
    case 'artifact-type':
      return [byType];
    case 'os-features':
      return [withMembers(entry, feature)];
    case 'dual':
      return [byType, withMembers(byType, feature)];
  }
}

/**
 * Makes an entry for another manifest from the source's entry, without the members that describe the old manifest's
 * bytes.
 */
function entryJson(
  source: SourceImage,
  named: Named,
  platform: JsonObject,
  marks: Readonly<Record<string, string>>,
): JsonObject {
  const old = source.entry ?? jsonObject({});
  const known = old.get('annotations');
  const { digest } = source.manifest.descriptor;
  const stays = named.digest === digest;
  const own = isJsonObject(known) ? known : jsonObject({});
  const annotations = withMembers(stays ? own : withoutIdentity(own, new Set([digest])), marks);
  const head = jsonObject({
    mediaType: named.mediaType,
    digest: named.digest,
    size: { digits: String(named.size) },
    annotations: annotations.size === 0 ? undefined : annotations,
    platform,
  });
  const rest = new Map(old);
  for (const key of ['mediaType', 'digest', 'size', 'annotations', 'platform', 'data', 'urls'])
    rest.delete(key);
  return new Map<string, Json>([...head, ...rest]);
}

function withoutIdentity(annotations: JsonObject, own: ReadonlySet<string>): JsonObject {
  return new Map([...annotations].filter(([key, value]) => !isIdentity(key, value, own)));
}

/** Removes members that do not fit a Nydus entry: its layers are no zstd tars, and its type is Nydus's own. */
function withoutZstdMark(entry: JsonObject): JsonObject {
  const annotations = entry.get('annotations');
  const rest = isJsonObject(annotations) ? withMembers(annotations, { [ZSTD_MARK]: undefined }) : undefined;
  return withMembers(entry, {
    artifactType: undefined,
    annotations: rest === undefined || rest.size === 0 ? undefined : rest,
  });
}

/** Returns a platform that is never empty: some registries refuse an entry without platform, and some readers crash. */
function filledPlatform(source: SourceImage): JsonObject {
  const { os, architecture } = source.platform;
  if (os === '' || architecture === '') {
    throw new FormatError(
      `config of manifest ${source.manifest.descriptor.digest} names no os and architecture, which an index needs`,
      {
        hint: 'or rebuild the image',
        remedy: { kind: 'omit-merging' },
      },
    );
  }
  const stated = source.entry?.get('platform');
  return platformJson(source.platform, isJsonObject(stated) ? stated : jsonObject({}));
}

/** The platform as an index has it, over members that are there already. */
export function platformJson(
  { os, architecture, variant, osVersion, osFeatures }: Platform,
  known: JsonObject = jsonObject({}),
): JsonObject {
  return withMembers(known, {
    architecture,
    os,
    ...(variant === undefined ? {} : { variant }),
    ...(osVersion === undefined ? {} : { 'os.version': osVersion }),
    ...(osFeatures === undefined ? {} : { 'os.features': osFeatures }),
  });
}

function withFeature(platform: JsonObject): JsonObject {
  const features = platform.get('os.features');
  const known = Array.isArray(features) ? (features as readonly Json[]) : []; // Array.isArray loses the element type
  return withMembers(platform, { 'os.features': [...known, NYDUS_OS_FEATURE] });
}
