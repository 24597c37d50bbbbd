/**
 * The images that a location leads to, with as few requests as can be: an index says which platform and which half an entry
 * is, so only the manifest of the image that is wanted is fetched.
 */
import { FormatError, UnsupportedError, UsageError } from '../errors.js';
import { collect } from '../io/streams.js';
import type { Descriptor, Document, Platform } from '../oci/descriptor.js';
import {
  isManifestType,
  MAX_DOCUMENT_SIZE,
  parseConfig,
  parseDocument,
  type ImageConfig,
  type Index,
  type Manifest,
} from '../oci/manifest.js';
import { ANNOTATION, MEDIA, NYDUS_OS_FEATURE } from '../oci/media-types.js';
import { formatPlatform, isUnknownPlatform, platformMatches } from '../oci/platform.js';
import type { ImageSource } from '../registry/stores/store.js';
import type { CallOptions } from '../reporter.js';

export type Half = 'nydus' | 'oci';

/** One image: what a platform's entry of an index, or the location itself, leads to. */
export interface LookedImage {
  readonly store: ImageSource;
  readonly entry: Descriptor;
  readonly kind: Half;
  /** As its index names it; undefined for an image of its own, whose config knows. */
  readonly platform: Platform | undefined;
  readonly manifest: Document<Manifest>;
}

export interface LookedReference {
  readonly root: Descriptor;
  /** Undefined when the location is a single image. */
  readonly index: Document<Index> | undefined;
  /** Entries that are images, in order; of a single image the image itself. */
  readonly entries: readonly Descriptor[];
  /** Attestations, artifacts, nested indexes. */
  readonly foreign: readonly Descriptor[];
  image(entry: Descriptor): Promise<LookedImage>;
}

export interface ImageChoice {
  /** Throws UsageError when there is no image for it. */
  readonly platform?: Platform | undefined;
  /** Taken when several platforms are there and `platform` names none. */
  readonly preferred?: Platform | undefined;
  /** Of an index that holds both; the Nydus one by default. */
  readonly half?: Half | undefined;
}

/** Throws what reading from `store` throws, and FormatError for documents that make no sense. */
export async function readReference(store: ImageSource, call: CallOptions): Promise<LookedReference> {
  const root = await store.resolve(call);
  const document = await readDocument(store, root, call);
  const load = async (entry: Descriptor): Promise<LookedImage> => {
    const manifest = entry === root ? document : await readDocument(store, entry, call);
    if (manifest.value.kind === 'index')
      throw new UnsupportedError(`${entry.digest} is an index inside an index`);
    return {
      store,
      entry,
      kind: kindOf(entry, manifest.value),
      platform: entry.platform,
      manifest: { ...manifest, value: manifest.value },
    };
  };
  if (document.value.kind === 'manifest')
    return { root, index: undefined, entries: [root], foreign: [], image: load };
  const index = { ...document, value: document.value };
  const { manifests } = index.value;
  return {
    root,
    index,
    entries: manifests.filter((entry) => !isForeign(entry)),
    foreign: manifests.filter(isForeign),
    image: load,
  };
}

/** The one image that `choice` means. Throws UsageError, with what there is, when there is none or more than one. */
export async function chooseImage(
  reference: LookedReference,
  choice: ImageChoice,
  call: CallOptions,
): Promise<LookedImage> {
  const { entries } = reference;
  const there = new Set(entries.map(platformName));
  const [only] = entries;
  if (only === undefined) throw new FormatError('the index holds no image');
  const wanted =
    choice.platform ?? (there.size > 1 ? choice.preferred : undefined) ?? (there.size > 1 ? null : undefined);
  if (wanted === null) {
    throw new UsageError('the index holds images of several platforms', {
      remedy: { kind: 'choose-platform', available: [...there] },
    });
  }
  const matching =
    wanted === undefined || reference.index === undefined
      ? entries
      : entries.filter(({ platform }) => platform === undefined || platformMatches(wanted, platform));
  if (matching.length === 0) {
    throw new UsageError(
      `there is no image for ${wanted === undefined ? 'any platform' : formatPlatform(wanted)}`,
      { remedy: { kind: 'choose-platform', available: [...there] } },
    );
  }
  const image = await ofHalf(reference, matching, choice.half);
  if (wanted !== undefined && image.platform === undefined && choice.platform !== undefined) {
    const { platform } = (await readConfig(image, call)).value;
    if (!platformMatches(wanted, platform)) {
      throw new UsageError(`there is no image for ${formatPlatform(wanted)}`, {
        hint: `this one is for ${formatPlatform(platform)}`,
      });
    }
  }
  return image;
}

/** The marked entry first: in a merged index that is the Nydus half. */
async function ofHalf(
  reference: LookedReference,
  entries: readonly Descriptor[],
  half: Half | undefined,
): Promise<LookedImage> {
  const marked = entries.filter(isMarked);
  const plain = entries.filter((entry) => !isMarked(entry));
  let image: LookedImage | undefined;
  for (const entry of half === 'oci' ? plain : [...marked, ...plain]) {
    image = await reference.image(entry);
    if (half === undefined || image.kind === half) return image;
  }
  throw new UsageError(`there is no ${half === 'oci' ? 'OCI' : 'Nydus'} image`, {
    remedy: { kind: 'choose-half', missing: half === 'oci' ? 'oci' : 'nydus' },
  });
}

export async function readConfig(image: LookedImage, call: CallOptions): Promise<Document<ImageConfig>> {
  const { config: descriptor } = image.manifest.value;
  const bytes = await collect(image.store.fetch(descriptor, call), MAX_DOCUMENT_SIZE, 'config');
  return { descriptor, bytes, value: parseConfig(bytes) };
}

/** Normal form of the platform of an index entry. */
export function platformName({ platform }: Descriptor): string {
  return platform === undefined || platform.os === '' ? 'unknown platform' : formatPlatform(platform);
}

/** Bears one of the two marks of a Nydus entry in an index. */
export function isMarked(entry: Descriptor): boolean {
  return (
    entry.artifactType === MEDIA.nydusArtifact ||
    entry.platform?.osFeatures?.includes(NYDUS_OS_FEATURE) === true
  );
}

function kindOf(entry: Descriptor, manifest: Manifest): Half {
  const nydus = manifest.layers.some((layer) => layer.annotations?.[ANNOTATION.nydusBootstrap] !== undefined);
  return nydus || (isMarked(entry) && manifest.layers.length === 0) ? 'nydus' : 'oci';
}

/** What BuildKit and others put beside images. */
function isForeign(entry: Descriptor): boolean {
  return (
    !isManifestType(entry.mediaType) ||
    isUnknownPlatform(entry.platform) ||
    entry.annotations?.[ANNOTATION.dockerReferenceType] !== undefined
  );
}

async function readDocument(
  store: ImageSource,
  descriptor: Descriptor,
  call: CallOptions,
): Promise<Document<Manifest | Index>> {
  const bytes = await collect(
    store.fetch(descriptor, call),
    MAX_DOCUMENT_SIZE,
    `manifest ${descriptor.digest}`,
  );
  return { descriptor, bytes, value: parseDocument(bytes, descriptor.mediaType) };
}
