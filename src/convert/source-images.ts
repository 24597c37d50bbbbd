/**
 * Finds the images of a source as they were before any conversion, and the entries that are no images. It leaves out
 * Nydus entries of an earlier run and removes empty layers, so converting a converted image starts from the original.
 */
import { type NydusError, RegistryError, UnsupportedError } from '../errors.js';
import { type Entry, type Image, loadConfig, readConfig } from '../image/image.js';
import { isBuildCache, isContainerImage, isNydusManifest, notAnImage } from '../image/kinds.js';
import { isAbsent, type Problem } from '../image/loaded.js';
import { obstacleOf } from '../image/obstacles.js';
import { NestingError } from '../image/list-entries.js';
import { readReferenceAt, type ReferenceTree } from '../image/reference-tree.js';
import type { Descriptor, Document, Platform } from '../oci/descriptor.js';
import { type JsonObject, withMembers } from '../oci/json/value.js';
import { platformJson } from './merge-index.js';
import { type ImageConfig, isSchema1Type, type Manifest } from '../oci/manifest.js';
import { formatPlatform, formatSelection, isSelected } from '../oci/platform.js';
import type { ImageSource } from '../registry/stores/store.js';
import type { Remedy } from '../remedy.js';
import type { CallOptions } from '../reporter.js';
import { type ConvertOptions, keepsAttestations } from './options.js';
import { warnOfOddities } from './oddities.js';
import { Originals } from './originals.js';
import type { Origin } from './origin.js';
import { alreadyNydus, Shortfall } from './shortfall.js';

export interface SourceImage {
  /** The image's entry in the source's index with all members; undefined when the source is a single manifest. */
  readonly entry: JsonObject | undefined;
  readonly manifest: Document<Manifest>;
  readonly config: Document<ImageConfig>;
  /** The platform from the entry, else from the config. */
  readonly platform: Platform;
  readonly origin: Origin;
}

/**
 * An entry that is copied instead of converted: an attestation, an artifact, or an image that cannot become a RAFS
 * image.
 */
export interface ForeignEntry {
  readonly entry: JsonObject;
  readonly descriptor: Descriptor;
}

export interface SourceImages {
  /** The source's index with all members; undefined when the source is a single manifest. */
  readonly index: { readonly mediaType: string; readonly json: JsonObject } | undefined;
  /** The images that the options select, in the order of the index. */
  readonly images: readonly SourceImage[];
  /** The entries to carry over. */
  readonly foreign: readonly ForeignEntry[];
}

/**
 * Throws UsageError when the source lacks a platform that the options name, and UnsupportedError when it is only a
 * Nydus image or holds nothing that can be converted.
 */
export async function readSourceImages(
  source: ImageSource,
  options: ConvertOptions,
  call: CallOptions,
): Promise<SourceImages> {
  const root = await source.resolve(call);
  call.reporter?.emit({ type: 'resolved', source: source.location, manifest: root });
  const tree = await readReferenceAt(source, root, call);
  // An index that is left out might list an image that is asked for.
  for (const { problem } of tree.entries) if (problem?.cause instanceof NestingError) throw problem.cause;
  const reader = new SourceReader(tree, options, call);
  await tree.loadJson(call.signal);
  const json = tree.indexJson();
  const found =
    tree.index === undefined || json === undefined
      ? { index: undefined, images: [await reader.single()], foreign: [] }
      : { index: { mediaType: tree.index.value.mediaType, json }, ...(await reader.listed()) };
  warnOfOddities(found.images, json, options, call);
  return found;
}

class SourceReader {
  readonly #tree: ReferenceTree;
  readonly #options: ConvertOptions;
  readonly #call: CallOptions;
  readonly #location: string;
  readonly #originals: Originals;
  readonly #images: SourceImage[] = [];
  readonly #foreign: ForeignEntry[] = [];
  /** Images that are not converted, and that a merged index keeps for other clients. */
  readonly #passedBy: ForeignEntry[] = [];
  readonly #shortfall: Shortfall;

  constructor(tree: ReferenceTree, options: ConvertOptions, call: CallOptions) {
    this.#tree = tree;
    this.#options = options;
    this.#call = call;
    this.#location = tree.store.location;
    this.#originals = new Originals(tree, options, call);
    this.#shortfall = new Shortfall(this.#location, options, call);
  }

  /**
   * Reads a reference to one manifest. It is converted whatever its platform, because upstream filters only the entries
   * of an index.
   */
  async single(): Promise<SourceImage> {
    const [entry] = this.#tree.entries;
    if (entry === undefined) throw new UnsupportedError(`${this.#location} holds no image`);
    const read = await this.#tree.image(entry, this.#call);
    const manifest = read.manifest.value;
    if (isNydusManifest(manifest) && !isBuildCache(manifest)) throw alreadyNydus(this.#location);
    if (!isContainerImage(manifest)) throw new UnsupportedError(`${this.#location}: ${notAnImage(manifest)}`);
    const image = await this.#originals.sourceImage(read, await readConfig(read, this.#call), undefined);
    const obstacle = obstacleOf(manifest, image.platform);
    if (obstacle !== undefined) throw new UnsupportedError(obstacle.reason, { hint: obstacle.hint });
    const { platforms } = this.#options;
    if (platforms.kind === 'list' && platforms.platforms.length > 1) {
      this.#images.push(image);
      this.#shortfall.demandAll(this.#images);
    } else if (!isSelected(platforms, image.platform)) {
      const message = `the image is for ${formatPlatform(image.platform)} and no other platform; ${formatSelection(platforms)} was asked for`;
      this.#warn('PLATFORM', message);
    }
    return image;
  }

  async listed(): Promise<Pick<SourceImages, 'images' | 'foreign'>> {
    const { entries } = this.#tree;
    // Nydus entries are read first, because they record the origins of images that may stand before them.
    for (const entry of entries.filter(({ kind }) => kind === 'nydus')) {
      await this.#originals.note(entry);
      if (isSelected(this.#options.platforms, entry.platform)) this.#shortfall.nydus(entry.platform);
    }
    for (const entry of entries.filter(({ kind }) => kind !== 'nydus')) {
      if (entry.kind === 'oci') await this.#image(entry);
      else this.#other(entry);
    }
    if (this.#images.length === 0) throw this.#shortfall.nothing();
    this.#shortfall.demandAll(this.#images);
    return { images: this.#images, foreign: [...this.#passedBy, ...this.#kept(this.#foreign)] };
  }

  async #image(entry: Entry): Promise<void> {
    const { platforms } = this.#options;
    if (entry.platform !== undefined && !isSelected(platforms, entry.platform)) {
      this.#shortfall.unselected(entry.platform);
      return;
    }
    const loaded = await this.#tree.loadImage(entry, this.#call);
    if (loaded.problem !== undefined) {
      this.#unread(entry, loaded.problem);
      return;
    }
    const read = loaded.value;
    if (read === undefined) {
      this.#passBy(entry, 'it is listed as an image, and is an index');
      return;
    }
    const manifest = read.manifest.value;
    const raw = this.#tree.entryJson(entry);
    if (isNydusManifest(manifest) && !isBuildCache(manifest)) {
      this.#shortfall.nydus(entry.platform);
      return;
    }
    if (!isContainerImage(manifest)) {
      this.#shortfall.stranger(entry.platform, notAnImage(manifest));
      this.#foreign.push({ entry: raw, descriptor: entry.descriptor });
      return;
    }
    const config = await loadConfig(read, this.#call);
    if (config.problem !== undefined) {
      this.#unread(entry, config.problem);
      return;
    }
    const platform = entry.platform ?? config.value.value.platform;
    if (!isSelected(platforms, platform)) {
      this.#shortfall.unselected(platform);
      return;
    }
    const obstacle = obstacleOf(manifest, platform);
    if (obstacle !== undefined) {
      this.#shortfall.unconvertible(platform, new UnsupportedError(obstacle.reason, { hint: obstacle.hint }));
      this.#passBy(entry, obstacle.reason, platform);
      return;
    }
    const missing = await this.#missingLayer(read);
    if (missing === undefined) this.#images.push(await this.#originals.sourceImage(read, config.value, raw));
    else this.#shortfall.absent(platform, missing);
  }

  /** Keeps an entry that is neither an image nor a Nydus image, if attestations are kept. */
  #other(entry: Entry): void {
    const { problem, platform, kind } = entry;
    const { descriptor } = entry;
    if (kind === 'index' && problem !== undefined) {
      if (platform === undefined || isSelected(this.#options.platforms, platform))
        this.#unread(entry, problem);
      else this.#shortfall.unselected(platform);
      return;
    }
    if (isSchema1Type(descriptor.mediaType)) {
      if (platform !== undefined && !isSelected(this.#options.platforms, platform)) {
        this.#shortfall.unselected(platform);
        return;
      }
      const reason = 'its manifest is of Docker schema 1';
      this.#shortfall.unconvertible(platform, new UnsupportedError(`an image was passed over: ${reason}`));
      this.#passBy(entry, reason, platform);
      return;
    }
    this.#foreign.push({ entry: this.#tree.entryJson(entry), descriptor });
  }

  /** Warns of an image that cannot be converted, and keeps it if the index is merged. */
  #passBy(entry: Entry, reason: string, platform = entry.platform): void {
    const { mergePlatform } = this.#options;
    this.#warn(
      'IMAGE_PASSED_OVER',
      `${platform === undefined ? 'an image' : `the image for ${formatPlatform(platform)}`} is passed over: ${reason}; it ${mergePlatform ? 'stays in the index as it is' : 'is left out'}`,
    );
    if (!mergePlatform) return;
    const json = this.#tree.entryJson(entry);
    // Index detection panics at an entry without a platform.
    const filled =
      entry.platform === undefined && platform !== undefined && platform.os !== ''
        ? withMembers(json, { platform: platformJson(platform) })
        : json;
    this.#passedBy.push({ entry: filled, descriptor: entry.descriptor });
  }

  #unread(entry: Entry, problem: Problem): void {
    const { cause } = problem;
    if (isAbsent(problem)) {
      this.#shortfall.absent(entry.platform, cause);
    } else if (cause instanceof UnsupportedError) {
      this.#shortfall.unconvertible(entry.platform, cause);
      this.#passBy(entry, cause.message);
    } else {
      throw cause;
    }
  }

  /**
   * Looks for a layer that is listed but absent. Only stores of this machine are asked, since a registry holds what it
   * lists.
   */
  async #missingLayer({ store, manifest }: Image): Promise<NydusError | undefined> {
    if (store.place.kind === 'registry') return undefined;
    for (const layer of manifest.value.layers) {
      if (!(await store.exists(layer, this.#call)))
        return new RegistryError(`layer ${layer.digest} is not in ${this.#location}`, { status: 404 });
    }
    return undefined;
  }

  #warn(code: string, message: string, remedy?: Remedy): void {
    this.#call.reporter?.emit({
      type: 'warning',
      code,
      message,
      ...(remedy === undefined ? {} : { remedy }),
    });
  }

  #kept(foreign: readonly ForeignEntry[]): readonly ForeignEntry[] {
    if (foreign.length === 0 || keepsAttestations(this.#options)) return foreign;
    const what = foreign.length === 1 ? 'one entry that is' : `${foreign.length} entries that are`;
    this.#warn('ENTRIES_LEFT_OUT', `${what} no image (attestations or artifacts) left out`, {
      kind: 'keep-attestations',
    });
    return [];
  }
}
