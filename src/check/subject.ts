/**
 * What rules look at: a reference with the images that it leads to, each with its manifest and config. Loading finds
 * faults of its own (absent, cut or senseless documents); they are findings, and what could be loaded is still checked.
 */
import { UnsupportedError } from '../errors.js';
import { collect } from '../io/streams.js';
import type { Descriptor, Document } from '../oci/descriptor.js';
import {
  isIndexType,
  isManifestType,
  MAX_DOCUMENT_SIZE,
  parseConfig,
  parseDocument,
  type ImageConfig,
  type Index,
  type Manifest,
} from '../oci/manifest.js';
import { ANNOTATION, MEDIA, NYDUS_OS_FEATURE } from '../oci/media-types.js';
import { EMPTY_LAYER_DIGEST } from '../oci/nydus.js';
import { formatPlatform, isSelected, isUnknownPlatform, type PlatformSelection } from '../oci/platform.js';
import type { ImageSource } from '../registry/stores/store.js';
import type { CallOptions } from '../reporter.js';
import { finding, type Finding, type Half, type Place } from './finding.js';
import { parseJson, type JsonValue } from './json-diff.js';
import { attempt } from './rule.js';

export interface ImageSubject {
  readonly store: ImageSource;
  readonly side: 'target' | 'source';
  readonly kind: Half;
  /** As its index lists it, or as the reference resolves. */
  readonly entry: Descriptor;
  /** Normal form, from the entry, else from the config. */
  readonly platformName: string;
  /** It is an entry of an index … */
  readonly indexed: boolean;
  /** … that holds images of both kinds. */
  readonly merged: boolean;
  readonly manifest: Document<Manifest>;
  readonly manifestJson: JsonValue;
  /** Undefined when it could not be read. */
  readonly config: Document<ImageConfig> | undefined;
  readonly configJson: JsonValue | undefined;
}

export interface NydusSubject extends ImageSubject {
  readonly kind: 'nydus';
  /** The image of the same platform that clients without Nydus take. */
  readonly ociHalf: ImageSubject | undefined;
}

/** One image of the target and the image that it was made from. */
export interface PairSubject {
  readonly target: ImageSubject;
  readonly source: ImageSubject;
}

/** `foreign`: attestations, artifacts, and what else is no image of ours to judge. */
export interface EntrySubject {
  readonly descriptor: Descriptor;
  readonly kind: Half | 'foreign';
  readonly platformName: string | undefined;
  /** Marked as Nydus, be it true or not. */
  readonly marked: boolean;
}

export interface IndexSubject {
  readonly index: Document<Index>;
  /** All of them, in order. */
  readonly entries: readonly EntrySubject[];
}

export interface ReferenceSubject {
  readonly root: Descriptor;
  readonly index: IndexSubject | undefined;
  /** Those of the platforms asked for, in order. */
  readonly images: readonly ImageSubject[];
  /** What went wrong while loading. */
  readonly findings: readonly Finding[];
}

/** Where a finding about an image is. */
export function placeIn(image: ImageSubject, part: string): Place {
  return {
    platform: image.platformName,
    half: image.merged ? image.kind : undefined,
    part: image.side === 'source' ? `source ${part}` : part,
  };
}

/** The OCI half of a merged index begins with an empty layer of its own, unless isolation was not wanted. */
export function hasEmptyLayer(image: ImageSubject): boolean {
  const [first] = image.manifest.value.layers;
  if (first === undefined || image.kind === 'nydus') return false;
  return first.annotations?.[ANNOTATION.nydusEmptyLayer] !== undefined || first.digest === EMPTY_LAYER_DIGEST;
}

/** Both marks, the new and the old one. */
export function isMarked(descriptor: Descriptor): boolean {
  return (
    descriptor.artifactType === MEDIA.nydusArtifact ||
    descriptor.platform?.osFeatures?.includes(NYDUS_OS_FEATURE) === true
  );
}

/** Reads what the reference leads to. Throws what is no fault of the image: no network, no permission, no such tag. */
export async function loadReference(
  store: ImageSource,
  side: 'target' | 'source',
  platforms: PlatformSelection,
  call: CallOptions,
): Promise<ReferenceSubject> {
  const root = await store.resolve(call);
  const loader = new Loader(store, side, call);
  const document = await loader.document(root, {});
  if (document === undefined) return { root, index: undefined, images: [], findings: loader.findings };
  if (document.value.kind === 'manifest') {
    const image = await loader.image(root, { ...document, value: document.value }, false);
    return { root, index: undefined, images: [image], findings: loader.findings };
  }
  const index: Document<Index> = { ...document, value: document.value };
  const loaded: { readonly entry: EntrySubject; readonly image: ImageSubject | undefined }[] = [];
  for (const descriptor of index.value.manifests) {
    loaded.push(await loader.entry(descriptor, platforms));
  }
  const kinds = new Set(loaded.map(({ entry }) => entry.kind));
  const merged = kinds.has('oci') && kinds.has('nydus');
  const images = new Map<string, ImageSubject>();
  for (const { image } of loaded) {
    // An entry may be listed twice, with one mark each.
    if (image !== undefined) images.set(`${image.platformName} ${image.entry.digest}`, { ...image, merged });
  }
  return {
    root,
    index: { index, entries: loaded.map(({ entry }) => entry) },
    images: [...images.values()],
    findings: loader.findings,
  };
}

/** Documents by descriptor, with findings where there is none. */
class Loader {
  readonly findings: Finding[] = [];
  readonly #store: ImageSource;
  readonly #side: 'target' | 'source';
  readonly #call: CallOptions;

  constructor(store: ImageSource, side: 'target' | 'source', call: CallOptions) {
    this.#store = store;
    this.#side = side;
    this.#call = call;
  }

  async document(descriptor: Descriptor, place: Place): Promise<Document<Manifest | Index> | undefined> {
    const what = isIndexType(descriptor.mediaType) ? 'index' : 'manifest';
    const where = { ...place, part: this.#side === 'source' ? `source ${what}` : what };
    if (descriptor.size > MAX_DOCUMENT_SIZE) {
      const details = {
        message: `${what} is too large`,
        expected: `at most ${MAX_DOCUMENT_SIZE} bytes, which is what index detection reads`,
        found: `${descriptor.size} bytes`,
      };
      this.findings.push(finding('INDEX-SIZE', where, details));
      return undefined;
    }
    const looked = await attempt(where, 'DOCUMENT-INVALID', async () => {
      const bytes = await this.#bytes(descriptor, what);
      return { descriptor, bytes, value: parseDocument(bytes, descriptor.mediaType) };
    });
    if (looked.finding !== undefined) this.findings.push(looked.finding);
    return looked.value;
  }

  async entry(
    descriptor: Descriptor,
    platforms: PlatformSelection,
  ): Promise<{ entry: EntrySubject; image: ImageSubject | undefined }> {
    const named = descriptor.platform;
    const platformName =
      named === undefined || named.os === '' || named.architecture === '' ? undefined : formatPlatform(named);
    const marked = isMarked(descriptor);
    const foreign = {
      entry: { descriptor, kind: 'foreign', platformName, marked } as const,
      image: undefined,
    };
    if (isForeign(descriptor)) return foreign;
    // Its mark tells what it is, as far as pairs are concerned; an image that is not asked for is not fetched.
    const kind: Half = marked ? 'nydus' : 'oci';
    const unread = { entry: { descriptor, kind, platformName, marked }, image: undefined };
    if (!isSelected(platforms, named)) return unread;
    const document = await this.document(descriptor, { platform: platformName });
    if (document === undefined) return unread;
    if (document.value.kind === 'index' || isArtifact(document.value)) return foreign;
    const image = await this.image(descriptor, { ...document, value: document.value }, true);
    if (!isSelected(platforms, named ?? image.config?.value.platform)) return unread;
    return { entry: { descriptor, kind: image.kind, platformName: image.platformName, marked }, image };
  }

  async image(entry: Descriptor, manifest: Document<Manifest>, indexed: boolean): Promise<ImageSubject> {
    const layers = manifest.value.layers;
    const kind: Half = layers.some((layer) => layer.annotations?.[ANNOTATION.nydusBootstrap] !== undefined)
      ? 'nydus'
      : 'oci';
    const named = entry.platform;
    const known = named === undefined || named.os === '' ? undefined : formatPlatform(named);
    const where = { platform: known, part: this.#side === 'source' ? 'source config' : 'config' };
    const { config: descriptor } = manifest.value;
    const looked = await attempt(where, 'DOCUMENT-INVALID', async () => {
      const bytes = await this.#bytes(descriptor, 'config');
      return {
        config: { descriptor, bytes, value: parseConfig(bytes) },
        json: parseJson(bytes, 'config'),
      };
    });
    if (looked.finding !== undefined) this.findings.push(looked.finding);
    const platform = named?.os === undefined || named.os === '' ? looked.value?.config.value.platform : named;
    return {
      store: this.#store,
      side: this.#side,
      kind,
      entry,
      platformName: platform === undefined ? 'unknown platform' : formatPlatform(platform),
      indexed,
      merged: false,
      manifest,
      manifestJson: parseJson(manifest.bytes, 'manifest'),
      config: looked.value?.config,
      configJson: looked.value?.json,
    };
  }

  async #bytes(descriptor: Descriptor, what: string): Promise<Buffer> {
    return collect(this.#store.fetch(descriptor, this.#call), MAX_DOCUMENT_SIZE, what);
  }
}

/** Attestations of BuildKit, and what is neither manifest nor index. */
function isForeign(descriptor: Descriptor): boolean {
  return (
    isUnknownPlatform(descriptor.platform) ||
    descriptor.annotations?.[ANNOTATION.dockerReferenceType] !== undefined ||
    !(isManifestType(descriptor.mediaType) || isIndexType(descriptor.mediaType))
  );
}

/** Configs of images; a manifest with any other is an artifact: a chart, a signature, a bundle of files. */
const IMAGE_CONFIGS: ReadonlySet<string> = new Set([MEDIA.ociConfig, MEDIA.dockerConfig, MEDIA.nydusConfig]);

function isArtifact(manifest: Manifest): boolean {
  return !IMAGE_CONFIGS.has(manifest.config.mediaType);
}

/** Throws UnsupportedError for forms of Nydus images that come later. */
export function refuseUnsupported(image: ImageSubject): void {
  for (const layer of image.manifest.value.layers) {
    if (layer.annotations?.[ANNOTATION.nydusRef] !== undefined) {
      throw new UnsupportedError(
        `${image.platformName}: images whose data stays in the OCI layers are not checked yet`,
      );
    }
    if (layer.annotations?.[ANNOTATION.nydusEncryptedBlob] !== undefined) {
      throw new UnsupportedError(`${image.platformName}: encrypted images are not checked yet`);
    }
  }
}
