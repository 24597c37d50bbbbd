/**
 * The images of a source as they were before any conversion, and the entries that are no images. Nydus entries of an earlier run
 * are put aside and empty layers are taken out again, so that converting a converted image starts from the original.
 */
import { InvalidReferenceError, RegistryError, UnsupportedError, UsageError } from '../errors.js';
import { type Entry, type Image, readConfig } from '../image/image.js';
import { isContainerImage, isIsolated, isNydusManifest, recordedSource } from '../image/kinds.js';
import { entryJson, readReference, readReferenceAt, type ReferenceTree } from '../image/reference-tree.js';
import type { Descriptor, Document, Platform } from '../oci/descriptor.js';
import type { Digest } from '../oci/digest.js';
import { removeEmptyLayer, sourceDigestOf, type ImageBytes } from '../oci/empty-layer.js';
import { isJsonObject, type JsonObject, withMembers } from '../oci/json/value.js';
import { type ImageConfig, type Manifest, parseConfig, parseManifest, toDocument } from '../oci/manifest.js';
import { ANNOTATION } from '../oci/media-types.js';
import { formatPlatform, formatSelection, isSelected } from '../oci/platform.js';
import { withDigest } from '../registry/location.js';
import type { ImageSource } from '../registry/stores/store.js';
import type { CallOptions } from '../reporter.js';
import { type ConvertOptions, keepsAttestations } from './options.js';
import { type Origin, originLocation, originText } from './origin.js';

export interface SourceImage {
  /** Its entry in the source's index with all members; undefined when the source is a single manifest. */
  readonly entry: JsonObject | undefined;
  readonly manifest: Document<Manifest>;
  readonly config: Document<ImageConfig>;
  /** From the entry, else from the config. */
  readonly platform: Platform;
  readonly origin: Origin;
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
  const tree = await readReferenceAt(source, root, call);
  const reader = new SourceReader(tree, options, call);
  const json = tree.indexJson();
  if (tree.index === undefined || json === undefined)
    return { index: undefined, images: [await reader.single()], foreign: [] };
  return { index: { mediaType: tree.index.value.mediaType, json }, ...(await reader.listed(json)) };
}

function alreadyNydus(location: string): UnsupportedError {
  return new UnsupportedError(`${location} is already a Nydus image`, {
    remedy: { kind: 'convert-original' },
  });
}

class SourceReader {
  readonly #tree: ReferenceTree;
  readonly #options: ConvertOptions;
  readonly #call: CallOptions;
  readonly #location: string;
  /** By the digest of a source manifest, the origin that an earlier run recorded for it. */
  readonly #origins = new Map<string, Origin>();

  constructor(tree: ReferenceTree, options: ConvertOptions, call: CallOptions) {
    this.#tree = tree;
    this.#options = options;
    this.#call = call;
    this.#location = tree.store.location;
  }

  /** A reference to one manifest: it is taken whatever platforms are asked for, as upstream filters entries of an index only. */
  async single(): Promise<SourceImage> {
    const [entry] = this.#tree.entries;
    if (entry === undefined) throw new UnsupportedError(`${this.#location} holds no image`);
    const read = await this.#tree.image(entry, this.#call);
    const manifest = read.manifest.value;
    if (isNydusManifest(manifest)) throw alreadyNydus(this.#location);
    if (!isContainerImage(manifest)) {
      throw new UnsupportedError(
        `${this.#location} is no container image: its config is of type ${manifest.config.mediaType}`,
      );
    }
    const image = await this.#sourceImage(read, await readConfig(read, this.#call), undefined);
    const { platforms } = this.#options;
    if (!isSelected(platforms, image.platform)) {
      const message = `the image is for ${formatPlatform(image.platform)} and no other platform; ${formatSelection(platforms)} was asked for`;
      this.#call.reporter?.emit({ type: 'warning', code: 'PLATFORM', message });
    }
    return image;
  }

  /** `json` is the index that lists the entries. */
  async listed(json: JsonObject): Promise<Pick<SourceImages, 'images' | 'foreign'>> {
    const { entries } = this.#tree;
    const { platforms } = this.#options;
    // Before the images: Nydus entries may note the sources of images that stand before them.
    const marked = entries.filter(({ kind }) => kind === 'nydus');
    for (const entry of marked) await this.#noteOrigin(entry);
    const images: SourceImage[] = [];
    const foreign: ForeignEntry[] = [];
    const others: string[] = [];
    let nydusEntries = marked.length;
    for (const entry of entries.filter(({ kind }) => kind !== 'nydus')) {
      const raw = entryJson(json, entry);
      if (entry.kind !== 'oci') {
        foreign.push({ entry: raw, descriptor: entry.descriptor });
      } else if (entry.platform !== undefined && !isSelected(platforms, entry.platform)) {
        others.push(formatPlatform(entry.platform));
      } else {
        const read = await this.#tree.image(entry, this.#call);
        if (isNydusManifest(read.manifest.value)) {
          nydusEntries++;
        } else if (!isContainerImage(read.manifest.value)) {
          foreign.push({ entry: raw, descriptor: entry.descriptor });
        } else {
          const config = await readConfig(read, this.#call);
          const platform = entry.platform ?? config.value.platform;
          if (isSelected(platforms, platform)) images.push(await this.#sourceImage(read, config, raw));
          else others.push(formatPlatform(platform));
        }
      }
    }
    if (images.length === 0) throw this.#nothing(others, nydusEntries);
    return { images, foreign: this.#kept(foreign) };
  }

  /** Undoes an earlier run. `listed` is the entry in the index, as JSON. */
  async #sourceImage(
    { entry, manifest }: Image,
    config: Document<ImageConfig>,
    listed: JsonObject | undefined,
  ): Promise<SourceImage> {
    const derived = isIsolated(manifest.value);
    const original = derived
      ? await this.#original({ manifest: manifest.bytes, config: config.bytes }, manifest.descriptor.digest)
      : undefined;
    const type = listed === undefined ? manifest.value.mediaType : entry.descriptor.mediaType;
    const document =
      original === undefined
        ? toDocument(manifest.bytes, manifest.value)
        : toDocument(original.manifest, parseManifest(original.manifest, type));
    const configBytes = original?.config ?? config.bytes;
    const configValue = original === undefined ? config.value : parseConfig(configBytes);
    return {
      entry: listed === undefined ? undefined : unmarked(listed, derived),
      manifest: document,
      config: { descriptor: document.value.config, bytes: configBytes, value: configValue },
      platform: entry.platform ?? configValue.platform,
      origin: this.#origins.get(document.descriptor.digest) ?? {
        kind: 'located',
        location: this.#options.sourceLocation ?? this.#tree.store.place,
      },
    };
  }

  /** An earlier run noted its source in the Nydus manifest, and an image that is converted again keeps that source. */
  async #noteOrigin(entry: Entry): Promise<void> {
    const { manifest } = await this.#tree.image(entry, this.#call);
    const { digest, reference } = recordedSource(manifest.value);
    if (digest !== undefined && reference !== undefined)
      this.#origins.set(digest, { kind: 'recorded', text: reference });
  }

  /** Undoes what makes the OCI half of a merged index differ from its source. */
  async #original(derived: ImageBytes, name: string): Promise<ImageBytes> {
    const what = `manifest ${name}`;
    const undone = removeEmptyLayer(derived, what);
    if (undone !== undefined) return undone;
    // Another tool made it and encoded it anew, so the original's bytes lie only where that tool took them from.
    const digest = sourceDigestOf(derived.manifest, what);
    const origin = digest === undefined ? undefined : this.#origins.get(digest);
    const fetched = await this.#fetchOriginal(digest, origin).catch((cause: unknown) => {
      if (cause instanceof RegistryError || cause instanceof InvalidReferenceError) return cause;
      throw cause;
    });
    if (fetched !== undefined && !(fetched instanceof Error)) return fetched;
    throw new UnsupportedError(
      `${what} was made by another converter and cannot be turned back into its source`,
      {
        hint: `convert the original instead${origin === undefined ? '' : `: ${originText(origin)}`}`,
        cause: fetched,
      },
    );
  }

  /** Undefined when nothing says where the original is, or something else is there. */
  async #fetchOriginal(
    digest: Digest | undefined,
    origin: Origin | undefined,
  ): Promise<ImageBytes | undefined> {
    const { openOriginal } = this.#options;
    if (digest === undefined || origin === undefined || openOriginal === undefined) return undefined;
    const location = originLocation(origin);
    // An image from a registry has no say in which files of this machine are read.
    if (location.kind !== 'registry' && this.#tree.store.place.kind === 'registry') return undefined;
    await using store = openOriginal(withDigest(location, digest));
    const tree = await readReference(store, this.#call);
    const [entry] = tree.entries;
    if (entry === undefined || tree.root.digest !== digest) return undefined;
    const image = await tree.image(entry, this.#call);
    const config = await readConfig(image, this.#call);
    return { manifest: image.manifest.bytes, config: config.bytes };
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
    if (others.length === 0 && nydusEntries > 0) return alreadyNydus(this.#location);
    return new UsageError(`${this.#location} has no image for ${formatSelection(this.#options.platforms)}`, {
      hint: others.length === 0 ? 'its index lists no image' : `it has ${[...new Set(others)].join(', ')}`,
    });
  }
}

/** An entry without the marks of an earlier run. */
function unmarked(entry: JsonObject, derived: boolean): JsonObject {
  const annotations = entry.get('annotations');
  if (!derived || !isJsonObject(annotations)) return entry;
  const rest = withMembers(annotations, { [ANNOTATION.nydusSourceDigest]: undefined });
  return withMembers(entry, { annotations: rest.size === 0 ? undefined : rest });
}
