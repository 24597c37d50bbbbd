/**
 * The kinds of things that an index lists, and by what each is recognised. An entry's descriptor claims a kind before
 * anything is fetched; the manifest then confirms it or not. A new kind is one more predicate here and one more row of
 * `ENTRY_KINDS`.
 */
import type { Descriptor, Platform } from '../oci/descriptor.js';
import { isIndexType, isManifestType, type ListedDescriptor, type Manifest } from '../oci/manifest.js';
import { ANNOTATION, MEDIA, NYDUS_OS_FEATURE } from '../oci/media-types.js';
import { EMPTY_LAYER_DIGEST } from '../oci/nydus.js';
import { isUnknownPlatform } from '../oci/platform.js';

/** The two kinds of images that can be run; a merged index holds both for every platform. */
export type Half = 'oci' | 'nydus';

/** `foreign`: an artifact, or content of a type that is neither manifest nor index. */
export type EntryKind = Half | 'index' | 'attestation' | 'foreign';

/** True for entries that claim to be images. */
export function isImageKind(kind: EntryKind): kind is Half {
  return kind === 'oci' || kind === 'nydus';
}

/** The part of an entry that marks are read from. Go's decoder and ours give different types, and both fit. */
export interface Markable {
  readonly artifactType?: string | undefined;
  readonly platform?: { readonly osFeatures?: readonly string[] | undefined } | undefined;
}

export type Mark = 'artifactType' | 'os.features';

/** Each mark makes an entry a Nydus entry by itself. acceleration-service wrote the second until 0.2.19, and the first since. */
const MARKS: Readonly<Record<Mark, (entry: Markable) => boolean>> = {
  artifactType: ({ artifactType }) => artifactType === MEDIA.nydusArtifact,
  'os.features': ({ platform }) => platform?.osFeatures?.includes(NYDUS_OS_FEATURE) === true,
};

/** For messages: what an entry must bear to be found by index detection. */
export const MARKS_TEXT = `artifactType ${MEDIA.nydusArtifact} or os.features ${NYDUS_OS_FEATURE}`;

export function marksOf(entry: Markable): readonly Mark[] {
  return (['artifactType', 'os.features'] as const).filter((mark) => MARKS[mark](entry));
}

export function isMarkedNydus(entry: Markable): boolean {
  return marksOf(entry).length > 0;
}

/** BuildKit lists attestations beside images, for a platform that does not exist or with an annotation. */
function isAttestationEntry({ platform, annotations }: Descriptor): boolean {
  return isUnknownPlatform(platform) || annotations?.[ANNOTATION.dockerReferenceType] !== undefined;
}

function isNestedIndex({ mediaType }: Descriptor): boolean {
  return isIndexType(mediaType);
}

/** Docker's schema 1 counts as foreign, too: nothing here reads it. */
function isForeignEntry({ mediaType }: Descriptor): boolean {
  return !isManifestType(mediaType);
}

/** In order: the first row that fits decides. */
const ENTRY_KINDS: readonly (readonly [kind: EntryKind, fits: (entry: Descriptor) => boolean])[] = [
  ['attestation', isAttestationEntry],
  ['index', isNestedIndex],
  ['foreign', isForeignEntry],
  ['nydus', isMarkedNydus],
  ['oci', () => true],
];

/** The kind that an entry claims by its descriptor alone. */
export function kindOfEntry(entry: Descriptor): EntryKind {
  return ENTRY_KINDS.find(([, fits]) => fits(entry))?.[0] ?? 'oci';
}

/** Config types of images that can be run. */
const IMAGE_CONFIGS: ReadonlySet<string> = new Set([
  MEDIA.ociConfig,
  MEDIA.dockerConfig,
  MEDIA.nydusConfig,
  MEDIA.untypedConfig,
]);

/** A manifest with any other config is an artifact: a chart, a signature, a bundle of files. */
export function isContainerImage(manifest: Manifest): boolean {
  return (
    IMAGE_CONFIGS.has(manifest.config.mediaType) &&
    manifest.artifactType !== MEDIA.attestationManifest &&
    !isBuildCache(manifest)
  );
}

/** True for what `--build-cache` leaves: a list of blobs, which has the config type of an image and no config. */
export function isBuildCache({ annotations }: Manifest): boolean {
  return [ANNOTATION.nydusCacheVersion, ANNOTATION.nydusFirstCache].some(
    (key) => annotations?.[key] !== undefined,
  );
}

/** For messages about a manifest that is no container image. */
export function notAnImage(manifest: Manifest): string {
  return isBuildCache(manifest)
    ? 'this is a build cache of Nydus, no image'
    : `this is no container image: its config is of type ${manifest.config.mediaType}`;
}

/** The layer that nydus-snapshotter mounts: of several annotated layers the last. It should be the last of all. */
export function bootstrapLayerOf({ layers }: Manifest): ListedDescriptor | undefined {
  return layers.findLast((layer) => layer.annotations?.[ANNOTATION.nydusBootstrap] !== undefined);
}

/** The blob of files to load first that was put on the blobs of the layers; undefined for an image that was not optimised. */
export function prefetchBlobOf(manifest: Manifest): ListedDescriptor | undefined {
  const id = bootstrapLayerOf(manifest)?.annotations?.[ANNOTATION.nydusPrefetchBlob];
  return id === undefined ? undefined : manifest.layers.findLast(({ digest }) => digest === `sha256:${id}`);
}

/** The half that a client sees in an image's manifest: without a bootstrap nothing can be mounted as Nydus. */
export function halfOf(manifest: Manifest): Half {
  return bootstrapLayerOf(manifest) === undefined ? 'oci' : 'nydus';
}

/** True also for a manifest that only says that it is Nydus, and holds no bootstrap: converting it would make nonsense. */
export function isNydusManifest(manifest: Manifest): boolean {
  return (
    halfOf(manifest) === 'nydus' ||
    manifest.artifactType === MEDIA.nydusArtifact ||
    manifest.config.mediaType === MEDIA.nydusConfig
  );
}

/** True for a Nydus image in a list of referrers; registries put the config's type where a manifest has no `artifactType`. */
export function isNydusReferrer({ artifactType }: Descriptor): boolean {
  return artifactType === MEDIA.nydusArtifact || artifactType === MEDIA.nydusConfig;
}

/** The source of a conversion, as the manifest that came of it records it. */
export interface RecordedSource {
  /** The digest of the source's manifest. Other tools write it, too, so it may be any text. */
  readonly digest: string | undefined;
  readonly reference: string | undefined;
}

export function recordedSource({ annotations }: Pick<Manifest, 'annotations'>): RecordedSource {
  return {
    digest: annotations?.[ANNOTATION.nydusSourceDigest],
    reference: annotations?.[ANNOTATION.nydusSourceReference],
  };
}

/**
 * True when an empty layer was put below the layers of the source, which gives the OCI half chain IDs of its own. Images may
 * begin with the same empty layer by their own will (BuildKit writes it), so without the annotation it counts only where the
 * manifest names a source.
 */
export function isIsolated(manifest: Manifest): boolean {
  const [first] = manifest.layers;
  if (first === undefined || halfOf(manifest) === 'nydus') return false;
  if (first.annotations?.[ANNOTATION.nydusEmptyLayer] !== undefined) return true;
  return first.digest === EMPTY_LAYER_DIGEST && recordedSource(manifest).digest !== undefined;
}

/** The layer with the recipes of tars, if an image keeps them. No file of the image is in it. */
export function recipesLayerOf({ layers }: Manifest): ListedDescriptor | undefined {
  return layers.find(isRecipes);
}

function isRecipes({ annotations }: ListedDescriptor): boolean {
  return annotations?.[ANNOTATION.nydusTarRecipes] !== undefined;
}

/**
 * Layers that hold files: without the bootstrap of a Nydus image and the recipes beside it, and without the empty layer of an isolated one.
 */
export function dataLayersOf(manifest: Manifest): readonly ListedDescriptor[] {
  const { layers } = manifest;
  if (halfOf(manifest) === 'nydus') return layers.slice(0, -1).filter((layer) => !isRecipes(layer));
  return isIsolated(manifest) ? layers.slice(1) : layers;
}

/** Undefined unless both parts are there: some writers leave them empty where they know nothing. */
export function statedPlatform({ platform }: Pick<Descriptor, 'platform'>): Platform | undefined {
  return platform === undefined || platform.os === '' || platform.architecture === '' ? undefined : platform;
}
