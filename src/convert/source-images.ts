/**
 * What a source holds, as it was before any conversion: images, and entries that are none. Nydus entries of an earlier run
 * are put aside and empty layers are taken out again, so that converting a converted image starts from the original.
 */
import { FormatError, RegistryError, UnsupportedError, UsageError } from '../errors.js';
import { collect } from '../io/streams.js';
import type { Descriptor, Document, Platform } from '../oci/descriptor.js';
import { sha256 } from '../oci/digest.js';
import {
  type ImageConfig,
  type Index,
  type ListedDescriptor,
  type Manifest,
  MAX_DOCUMENT_SIZE,
  isDocumentType,
  isIndexType,
  parseConfig,
  parseDocument,
  parseManifest,
} from '../oci/manifest.js';
import { ANNOTATION, MEDIA, NYDUS_OS_FEATURE } from '../oci/media-types.js';
import { formatPlatform, formatSelection, isSelected, isUnknownPlatform } from '../oci/platform.js';
import { formatReference, parseReference } from '../oci/reference.js';
import type { ImageSource } from '../registry/stores/store.js';
import type { CallOptions } from '../reporter.js';
import { removeEmptyLayer, sourceDigestOf, type ImageBytes } from '../oci/empty-layer.js';
import { isJsonObject, type JsonObject, parseJsonObject, withMembers } from './json-value.js';
import { type ConvertOptions, keepsAttestations } from './options.js';

export interface SourceImage {
  /** Its entry in the source's index with all members; undefined when the source is a single manifest. */
  readonly entry: JsonObject | undefined;
  readonly manifest: Document<Manifest>;
  readonly config: Document<ImageConfig>;
  /** From the entry, else from the config. */
  readonly platform: Platform;
  /** What the image was first converted from. */
  readonly reference: string;
}

/** An entry that is no image that we convert: an attestation, an artifact, a nested index. */
export interface ForeignEntry {
  readonly entry: JsonObject;
  readonly descriptor: Descriptor;
}

export interface SourceImages {
  /** The source's index with all members; undefined when the source is a single manifest. */
  readonly index: { readonly mediaType: string; readonly json: JsonObject } | undefined;
  /** Those that the platforms select, in the order of the index. */
  readonly images: readonly SourceImage[];
  /** Those to be kept. */
  readonly foreign: readonly ForeignEntry[];
}

const IMAGE_CONFIG_TYPES: ReadonlySet<string> = new Set([
  MEDIA.ociConfig,
  MEDIA.dockerConfig,
  // What very old clients pushed; containerd takes it for a Docker config too.
  'application/octet-stream',
]);

/**
 * Throws UsageError when no image is for the platforms asked for, UnsupportedError when the source is a Nydus image and
 * nothing else.
 */
export async function readSourceImages(
  source: ImageSource,
  options: ConvertOptions,
  call: CallOptions,
): Promise<SourceImages> {
  const root = await source.resolve(call);
  call.reporter?.emit({ type: 'resolved', source: source.location, manifest: root });
  const reader = new SourceReader(source, options, call);
  const bytes = await reader.fetch(root, `manifest of ${source.location}`);
  const document = parseDocument(bytes, root.mediaType);
  if (document.kind === 'manifest') {
    if (isNydusManifest(document)) throw alreadyNydus(source.location);
    const image = await reader.image(bytes, document, undefined);
    if (image !== undefined) {
      warnOfPlatform(image, options, call);
      return { index: undefined, images: [image], foreign: [] };
    }
    throw new UnsupportedError(
      `${source.location} is no container image: its config is of type ${document.config.mediaType}`,
    );
  }
  const json = parseJsonObject(bytes, `index of ${source.location}`);
  return { index: { mediaType: document.mediaType, json }, ...(await reader.entries(document, json)) };
}

/** Upstream filters entries of an index only; whoever asked for another platform should know what they get. */
function warnOfPlatform({ platform }: SourceImage, { platforms }: ConvertOptions, call: CallOptions): void {
  if (isSelected(platforms, platform)) return;
  const message = `the image is for ${formatPlatform(platform)} and no other platform; ${formatSelection(platforms)} was asked for`;
  call.reporter?.emit({ type: 'warning', code: 'PLATFORM', message });
}

export function isNydusManifest(manifest: Manifest): boolean {
  return (
    manifest.artifactType === MEDIA.nydusArtifact ||
    manifest.config.mediaType === MEDIA.nydusConfig ||
    manifest.layers.at(-1)?.annotations?.[ANNOTATION.nydusBootstrap] !== undefined
  );
}

function isMarkedNydus(entry: Descriptor): boolean {
  return (
    entry.artifactType === MEDIA.nydusArtifact ||
    (entry.platform?.osFeatures?.includes(NYDUS_OS_FEATURE) ?? false)
  );
}

function isForeignEntry(entry: Descriptor): boolean {
  return (
    !isDocumentType(entry.mediaType) ||
    isIndexType(entry.mediaType) ||
    isUnknownPlatform(entry.platform) ||
    entry.annotations?.[ANNOTATION.dockerReferenceType] !== undefined
  );
}

function alreadyNydus(location: string): UnsupportedError {
  return new UnsupportedError(`${location} is already a Nydus image`, {
    remedy: { kind: 'convert-original' },
  });
}

class SourceReader {
  readonly #source: ImageSource;
  readonly #options: ConvertOptions;
  readonly #call: CallOptions;
  /** What earlier runs noted as the source of a manifest, by the manifest's digest. */
  readonly #references = new Map<string, string>();

  constructor(source: ImageSource, options: ConvertOptions, call: CallOptions) {
    this.#source = source;
    this.#options = options;
    this.#call = call;
  }

  fetch(descriptor: Descriptor, what: string): Promise<Uint8Array> {
    return collect(this.#source.fetch(descriptor, this.#call), MAX_DOCUMENT_SIZE, what);
  }

  async entries(
    index: Index,
    json: JsonObject,
  ): Promise<{ readonly images: readonly SourceImage[]; readonly foreign: readonly ForeignEntry[] }> {
    const list = json.get('manifests');
    const raw = Array.isArray(list) ? list.filter(isJsonObject) : [];
    const originals: { descriptor: ListedDescriptor; entry: JsonObject }[] = [];
    let nydusEntries = 0;
    for (const [i, descriptor] of index.manifests.entries()) {
      const entry = raw[i];
      if (entry === undefined)
        throw new FormatError(`index of ${this.#source.location}: entry ${i} is no object`);
      if (isMarkedNydus(descriptor)) {
        nydusEntries++;
        await this.#noteReference(descriptor);
      } else {
        originals.push({ descriptor, entry });
      }
    }
    const images: SourceImage[] = [];
    const foreign: ForeignEntry[] = [];
    const others: string[] = [];
    for (const { descriptor, entry } of originals) {
      if (isForeignEntry(descriptor)) {
        foreign.push({ entry, descriptor });
        continue;
      }
      const stated = statedPlatform(descriptor.platform);
      if (stated !== undefined && !isSelected(this.#options.platforms, stated)) {
        others.push(formatPlatform(stated));
        continue;
      }
      const bytes = await this.fetch(descriptor, `manifest ${descriptor.digest}`);
      const manifest = parseManifest(bytes, descriptor.mediaType);
      if (isNydusManifest(manifest)) {
        nydusEntries++;
        continue;
      }
      const image = await this.image(bytes, manifest, { descriptor, entry });
      if (image === undefined) foreign.push({ entry, descriptor });
      else if (isSelected(this.#options.platforms, image.platform)) images.push(image);
      else others.push(formatPlatform(image.platform));
    }
    if (images.length === 0) throw this.#nothing(others, nydusEntries);
    return { images, foreign: this.#kept(foreign) };
  }

  /** Undefined when the manifest is not that of a container image. */
  async image(
    bytes: Uint8Array,
    manifest: Manifest,
    listed: { readonly descriptor: ListedDescriptor; readonly entry: JsonObject } | undefined,
  ): Promise<SourceImage | undefined> {
    if (!IMAGE_CONFIG_TYPES.has(manifest.config.mediaType)) return undefined;
    if (manifest.artifactType === MEDIA.attestationManifest) return undefined;
    const what = `manifest ${listed?.descriptor.digest ?? sha256(bytes)}`;
    const config = await this.fetch(manifest.config, `config of ${what}`);
    const derived = manifest.layers[0]?.annotations?.[ANNOTATION.nydusEmptyLayer] !== undefined;
    const original = derived
      ? await this.#original({ manifest: bytes, config }, what)
      : { manifest: bytes, config };
    const value = parseManifest(original.manifest, listed?.descriptor.mediaType ?? manifest.mediaType);
    const digest = sha256(original.manifest);
    const configValue = parseConfig(original.config);
    const platform = statedPlatform(listed?.descriptor.platform) ?? configValue.platform;
    return {
      entry: listed === undefined ? undefined : unmarked(listed.entry, derived),
      manifest: {
        descriptor: { mediaType: value.mediaType, digest, size: original.manifest.length },
        bytes: original.manifest,
        value,
      },
      config: { descriptor: value.config, bytes: original.config, value: configValue },
      platform,
      reference: this.#references.get(digest) ?? this.#options.sourceReference ?? this.#source.location,
    };
  }

  /** The reference that an earlier run noted in its Nydus manifest: what is converted again keeps it. */
  async #noteReference(descriptor: Descriptor): Promise<void> {
    const bytes = await this.fetch(descriptor, `manifest ${descriptor.digest}`);
    const { annotations } = parseManifest(bytes, descriptor.mediaType);
    const digest = annotations?.[ANNOTATION.nydusSourceDigest];
    const reference = annotations?.[ANNOTATION.nydusSourceReference];
    if (digest !== undefined && reference !== undefined) this.#references.set(digest, reference);
  }

  /** Undoes what makes the OCI half of a merged index differ from its source. */
  async #original(derived: ImageBytes, what: string): Promise<ImageBytes> {
    const undone = removeEmptyLayer(derived, what);
    if (undone !== undefined) return undone;
    // Another tool made it and encoded it anew. The original's bytes lie where it came from, if anywhere.
    const digest = sourceDigestOf(derived.manifest, what);
    const reference = digest === undefined ? undefined : this.#references.get(digest);
    const refusal = (cause?: unknown): UnsupportedError =>
      new UnsupportedError(
        `${what} was made by another converter and cannot be turned back into its source`,
        {
          hint: `convert the original instead${reference === undefined ? '' : `: ${reference}`}`,
          cause,
        },
      );
    if (digest === undefined || reference === undefined || this.#options.openOriginal === undefined) {
      throw refusal();
    }
    try {
      const { registry, repository } = parseReference(reference);
      // The digest is one: `resolve` asks the registry for it, and the bytes are verified against it.
      const place = `${formatReference({ registry, repository })}@${digest}`;
      await using origin = this.#options.openOriginal(place);
      const descriptor = await origin.resolve(this.#call);
      const manifest = await collect(origin.fetch(descriptor, this.#call), MAX_DOCUMENT_SIZE, what);
      const { config } = parseManifest(manifest, descriptor.mediaType);
      return {
        manifest,
        config: await collect(origin.fetch(config, this.#call), MAX_DOCUMENT_SIZE, `config of ${what}`),
      };
    } catch (error) {
      if (error instanceof RegistryError) throw refusal(error);
      throw error;
    }
  }

  #kept(foreign: readonly ForeignEntry[]): readonly ForeignEntry[] {
    if (foreign.length === 0 || keepsAttestations(this.#options)) return foreign;
    this.#call.reporter?.emit({
      type: 'warning',
      code: 'ENTRIES_LEFT_OUT',
      message: `${foreign.length === 1 ? 'one entry that is' : `${foreign.length} entries that are`} no image (attestations or artifacts) left out`,
      remedy: { kind: 'keep-attestations' },
    });
    return [];
  }

  #nothing(others: readonly string[], nydusEntries: number): Error {
    const { location } = this.#source;
    if (others.length === 0 && nydusEntries > 0) return alreadyNydus(location);
    return new UsageError(`${location} has no image for ${formatSelection(this.#options.platforms)}`, {
      hint: others.length === 0 ? 'its index lists no image' : `it has ${[...new Set(others)].join(', ')}`,
    });
  }
}

/** Undefined unless the platform says something: some writers leave empty fields. */
function statedPlatform(platform: Platform | undefined): Platform | undefined {
  return platform === undefined || platform.os === '' || platform.architecture === '' ? undefined : platform;
}

/** An entry without what an earlier run wrote into it. */
function unmarked(entry: JsonObject, derived: boolean): JsonObject {
  const annotations = entry.get('annotations');
  if (!derived || !isJsonObject(annotations)) return entry;
  const rest = withMembers(annotations, { [ANNOTATION.nydusSourceDigest]: undefined });
  return withMembers(entry, { annotations: rest.size === 0 ? undefined : rest });
}
