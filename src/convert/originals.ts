/** Source images as they were before an earlier conversion, from what that conversion recorded. */
import { inTurns } from '../turns.js';
import { InvalidReferenceError, LocalIoError, RegistryError, UnsupportedError } from '../errors.js';
import { type Entry, type Image, readConfig } from '../image/image.js';
import { isIsolated, recordedSource } from '../image/kinds.js';
import { readReference, type ReferenceTree } from '../image/reference-tree.js';
import type { Document } from '../oci/descriptor.js';
import type { Digest } from '../oci/digest.js';
import { type ImageBytes, withoutEmptyLayer, sourceDigestOf } from '../oci/empty-layer.js';
import { isJsonObject, type JsonObject, withMembers } from '../oci/json/value.js';
import { type ImageConfig, type Manifest, parseConfig, parseManifest, toDocument } from '../oci/manifest.js';
import { ANNOTATION } from '../oci/media-types.js';
import { splitHost } from '../registry/http/hosts.js';
import { formatLocation, type Location, repositoryOf, withDigest } from '../registry/location.js';
import type { Remedy } from '../remedy.js';
import type { CallOptions } from '../reporter.js';
import type { ConvertOptions } from './options.js';
import { type Origin, originLocation, originText } from './origin.js';
import type { SourceImage } from './source-images.js';

export type OriginalsOptions = Pick<ConvertOptions, 'openOriginal' | 'sourceLocation' | 'allowedHosts'>;

export class Originals {
  readonly #tree: ReferenceTree;
  readonly #options: OriginalsOptions;
  readonly #call: CallOptions;
  /** By the digest of a source manifest, the origin that an earlier run recorded for it. */
  readonly #origins = new Map<string, Origin>();

  constructor(tree: ReferenceTree, options: OriginalsOptions, call: CallOptions) {
    this.#tree = tree;
    this.#options = options;
    this.#call = call;
  }

  /** Restores the source image that an earlier run converted. `listed` is the entry in the index, as JSON. */
  async sourceImage(
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

  /** Keeps the origin that a Nydus manifest records, so that an image that is converted again keeps it too. */
  async note(entry: Entry): Promise<void> {
    const { value } = await this.#tree.loadImage(entry, this.#call);
    // A Nydus image that cannot be read has no record to keep, and the conversion makes it anew.
    if (value !== undefined) this.noteManifest(value.manifest.value);
  }

  /** `note` for a manifest that has been read. */
  noteManifest(manifest: Manifest): void {
    const { digest, reference } = recordedSource(manifest);
    if (digest !== undefined && reference !== undefined)
      this.#origins.set(digest, { kind: 'recorded', text: reference });
  }

  /** Restores the source from the OCI half of a merged index. */
  async #original(derived: ImageBytes, name: string): Promise<ImageBytes> {
    const what = `manifest ${name}`;
    const undone = await inTurns(withoutEmptyLayer(derived, what), this.#call.signal);
    if (undone !== undefined) return undone;
    // Another tool wrote this JSON anew, so the original bytes exist only at the place that the tool took them from.
    const digest = sourceDigestOf(derived.manifest, what);
    const origin = digest === undefined ? undefined : this.#origins.get(digest);
    const fetched = await this.#fetchOriginal(digest, origin).catch((cause: unknown) => {
      if (isGone(cause)) return cause;
      throw cause;
    });
    if (fetched !== undefined && !(fetched instanceof Error)) return fetched;
    throw new UnsupportedError(
      `${what} was made by another converter and cannot be turned back into its source`,
      {
        hint: `convert the original instead${origin === undefined ? '' : `: ${originText(origin)}`}`,
        cause: fetched,
        ...(fetched === undefined ? { remedy: this.#remedyFor(origin) } : {}),
      },
    );
  }

  /** Returns undefined when no origin is recorded, or other content is there now. */
  async #fetchOriginal(
    digest: Digest | undefined,
    origin: Origin | undefined,
  ): Promise<ImageBytes | undefined> {
    const { openOriginal } = this.#options;
    if (digest === undefined || origin === undefined || openOriginal === undefined) return undefined;
    const location = this.placeOf(digest);
    if (location === undefined) return undefined;
    await using store = openOriginal(withDigest(location, digest));
    const tree = await readReference(store, this.#call);
    const [entry] = tree.entries;
    if (entry === undefined || tree.root.digest !== digest) return undefined;
    const image = await tree.image(entry, this.#call);
    const config = await readConfig(image, this.#call);
    return { manifest: image.manifest.bytes, config: config.bytes };
  }

  /**
   * The place that an earlier run recorded for a source manifest. Undefined when none is recorded, or an image must not decide that it
   * is asked. Throws InvalidReferenceError when the record names no place.
   */
  placeOf(digest: Digest): Location | undefined {
    const origin = this.#origins.get(digest);
    if (origin === undefined) return undefined;
    const location = originLocation(origin);
    // An image from a registry must not decide which files of this machine are read.
    if (location.kind !== 'registry' && this.#tree.store.place.kind === 'registry') return undefined;
    const way = location.kind === 'registry' ? this.#wayTo(location) : undefined;
    if (way === 'refused') return undefined;
    if (way === 'allowed') {
      this.#call.reporter?.emit({
        type: 'warning',
        code: 'ORIGINAL_ELSEWHERE',
        message: `the original is asked for at ${formatLocation(location)}, which the image names as its source`,
      });
    }
    return location;
  }

  /**
   * An image must not decide to which registry a request goes, which may carry credentials: only its own repository is asked, unless
   * the caller allows the host.
   */
  #wayTo(location: Location & { readonly kind: 'registry' }): 'own repository' | 'allowed' | 'refused' {
    const { sourceLocation, allowedHosts } = this.#options;
    const isNear = [this.#tree.store.place, sourceLocation].some(
      (place) => place !== undefined && repositoryOf(place) === repositoryOf(location),
    );
    if (isNear) return 'own repository';
    const { registry } = location.reference;
    const names = [registry, splitHost(registry).name];
    return allowedHosts.some((host) => names.includes(host)) ? 'allowed' : 'refused';
  }

  /** Advice about an original that was not asked for. */
  #remedyFor(origin: Origin | undefined): Remedy | undefined {
    if (origin?.kind !== 'recorded' || this.#options.openOriginal === undefined) return undefined;
    try {
      const location = originLocation(origin);
      if (location.kind !== 'registry' || this.#wayTo(location) !== 'refused') return undefined;
      return { kind: 'allow-host', host: location.reference.registry };
    } catch (error) {
      if (error instanceof InvalidReferenceError) return undefined;
      throw error;
    }
  }
}

/** True for failures that say that the original is no longer at its place. */
export function isGone(cause: unknown): cause is RegistryError | LocalIoError | InvalidReferenceError {
  return (
    cause instanceof RegistryError || cause instanceof LocalIoError || cause instanceof InvalidReferenceError
  );
}

/** Removes the marks of an earlier run from an entry. */
function unmarked(entry: JsonObject, derived: boolean): JsonObject {
  const annotations = entry.get('annotations');
  if (!derived || !isJsonObject(annotations)) return entry;
  const rest = withMembers(annotations, { [ANNOTATION.nydusSourceDigest]: undefined });
  return withMembers(entry, { annotations: rest.size === 0 ? undefined : rest });
}
