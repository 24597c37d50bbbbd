/**
 * The subjects of rules are a reference and the images that it leads to, each with its manifest and config. Documents
 * that are absent, cut off or invalid become findings here, and the rules still check the others.
 */
import { UnsupportedError } from '../errors.js';
import { type Entry, type Image, loadConfig, platformText } from '../image/image.js';
import {
  type Half,
  isBuildCache,
  isContainerImage,
  isImageKind,
  notAnImage,
  recordedSource,
} from '../image/kinds.js';
import { isTooLarge, type Loaded, type Problem } from '../image/loaded.js';
import { sourceDigestsOf } from '../image/pairs.js';
import { loadReference, type ReferenceTree } from '../image/reference-tree.js';
import type { Descriptor, Document } from '../oci/descriptor.js';
import { type Json, jsonSteps } from '../oci/json/value.js';
import { MAX_DOCUMENT_SIZE, type ImageConfig, type Index } from '../oci/manifest.js';
import { ANNOTATION } from '../oci/media-types.js';
import { formatPlatform, isSelected, type PlatformSelection } from '../oci/platform.js';
import type { ImageSource } from '../registry/stores/store.js';
import type { CallOptions } from '../reporter.js';
import { inTurns } from '../turns.js';
import { finding, type Finding, type Place } from './finding.js';
import { attempt, faultOf } from './rule.js';

export interface ImageSubject extends Image {
  readonly side: 'target' | 'source';
  /** The platform in normal form, from the index entry, else from the config. */
  readonly platformName: string;
  /** True for an entry of an index that holds images of both kinds. */
  readonly merged: boolean;
  readonly manifestJson: Json;
  /** Undefined when the config could not be read. */
  readonly config: Document<ImageConfig> | undefined;
  readonly configJson: Json | undefined;
}

export interface NydusSubject extends ImageSubject {
  readonly kind: 'nydus';
  /** The image that clients without Nydus take instead. */
  readonly ociHalf: ImageSubject | undefined;
  /**
   * The digests by which a conversion may have recorded the source: those of its manifest and of the indexes that lead to it.
   * Undefined when the caller gave no source.
   */
  readonly sourceNames: ReadonlySet<string> | undefined;
}

/** One image of the target and the image that it was made from. */
export interface PairSubject {
  readonly target: ImageSubject;
  readonly source: ImageSubject;
  readonly sourceNames: ReadonlySet<string>;
}

export interface EntrySubject extends Omit<Entry, 'kind'> {
  /**
   * The kind according to the manifest if it was read. `foreign` covers attestations, artifacts and nested indexes,
   * which no rule judges.
   */
  readonly kind: Half | 'foreign';
  readonly platformName: string | undefined;
}

export interface IndexSubject {
  readonly index: Document<Index>;
  /** All entries, in order. */
  readonly entries: readonly EntrySubject[];
}

export interface ReferenceSubject {
  readonly root: Descriptor;
  readonly index: IndexSubject | undefined;
  /** Digests of the index and of the indexes inside it. */
  readonly indexDigests: ReadonlySet<string>;
  /** The images of the platforms asked for, in order. */
  readonly images: readonly ImageSubject[];
  /** The problems met while loading. */
  readonly findings: readonly Finding[];
  /** Problems of a source's images that could not be read. They become findings if no other image is the source. */
  readonly unread: readonly Finding[];
  /** Says of each manifest that is no image what it is. */
  readonly strangers: readonly string[];
}

/** Returns the place of a finding about an image. */
export function placeIn(image: ImageSubject, part: string): Place {
  return {
    platform: image.platformName,
    half: image.merged ? image.kind : undefined,
    part: image.side === 'source' ? `source ${part}` : part,
  };
}

/**
 * Reads the reference and its images. Throws for failures that are not the image's fault: no network, no permission, no
 * such tag.
 */
export async function loadSubject(
  store: ImageSource,
  side: 'target' | 'source',
  platforms: PlatformSelection,
  call: CallOptions,
): Promise<ReferenceSubject> {
  return load(store, side, ({ platform }) => isSelected(platforms, platform), call);
}

/**
 * Reads only the images that `targets` were made from, because a source may list images that it does not hold. The
 * digests that the targets record identify their sources; where no digest is recorded, the platform does.
 */
export async function loadSources(
  store: ImageSource,
  targets: readonly ImageSubject[],
  call: CallOptions,
): Promise<ReferenceSubject> {
  const digests = sourceDigestsOf(targets);
  const platforms = new Set(targets.map(({ platformName }) => platformName));
  const machines = new Set([...platforms].map(machineOf));
  const isWanted: IsWanted = ({ platform, descriptor }, indexDigests) =>
    platform === undefined ||
    digests.has(descriptor.digest) ||
    digests.has(recordedSource(descriptor).digest ?? '') ||
    platforms.has(formatPlatform(platform)) ||
    // Where the target records the index, a manifest without an entry of its own may lack the variant that the index states.
    ([...indexDigests].some((digest) => digests.has(digest)) &&
      machines.has(machineOf(formatPlatform(platform))));
  return load(store, 'source', isWanted, call);
}

/** The platform without its variant. */
export function machineOf(platformName: string): string {
  return platformName.split('/').slice(0, 2).join('/');
}

type IsWanted = (entry: Pick<Entry, 'platform' | 'descriptor'>, indexDigests: ReadonlySet<string>) => boolean;

async function load(
  store: ImageSource,
  side: 'target' | 'source',
  isWanted: IsWanted,
  call: CallOptions,
): Promise<ReferenceSubject> {
  const tree = await loadReference(store, await store.resolve(call), call);
  const loader = new Loader(tree, side, isWanted, call);
  if (tree.problem !== undefined) loader.report(tree.problem, undefined);
  const loaded: LoadedEntry[] = [];
  for (const entry of tree.entries) loaded.push(await loader.entry(entry));
  // Without marks only the manifests show whether an index is merged, or holds Nydus images alone.
  if (loaded.some(({ entry, image }) => image?.kind === 'nydus' && !entry.marked)) {
    for (const [i, { skipped }] of loaded.entries())
      if (skipped !== undefined) loaded[i] = await loader.kindOnly(skipped);
  }
  const kinds = new Set(loaded.map(({ entry }) => entry.kind));
  const merged = kinds.has('oci') && kinds.has('nydus');
  const images = new Map<string, ImageSubject>();
  for (const { image } of loaded) {
    // An index may list an entry twice, with one mark each.
    if (image !== undefined)
      images.set(`${image.platformName} ${image.manifest.descriptor.digest}`, { ...image, merged });
  }
  const { root, index } = tree;
  return {
    root,
    index: index === undefined ? undefined : { index, entries: loaded.map(({ entry }) => entry) },
    indexDigests: tree.indexDigests(),
    images: [...images.values()],
    findings: loader.findings,
    unread: loader.unread,
    strangers: [...loader.strangers],
  };
}

interface LoadedEntry {
  readonly entry: EntrySubject;
  readonly image: ImageSubject | undefined;
  /** The entry, if its manifest was not read because no rule judges its platform. */
  readonly skipped?: Entry | undefined;
}

class Loader {
  readonly findings: Finding[] = [];
  readonly unread: Finding[] = [];
  readonly strangers = new Set<string>();
  readonly #tree: ReferenceTree;
  readonly #side: 'target' | 'source';
  readonly #isWanted: (entry: Pick<Entry, 'platform' | 'descriptor'>) => boolean;
  readonly #call: CallOptions;

  constructor(tree: ReferenceTree, side: 'target' | 'source', isWanted: IsWanted, call: CallOptions) {
    this.#tree = tree;
    this.#side = side;
    const indexDigests = tree.indexDigests();
    this.#isWanted = (entry) => isWanted(entry, indexDigests);
    this.#call = call;
  }

  async entry(entry: Entry): Promise<LoadedEntry> {
    const { platform, position } = entry;
    const platformName = platform === undefined ? undefined : formatPlatform(platform);
    const foreign: LoadedEntry = { entry: { ...entry, kind: 'foreign', platformName }, image: undefined };
    const listed = position !== undefined;
    if (entry.problem !== undefined && this.#isWanted(entry)) this.#unreadable(entry.problem, platformName);
    if (listed && !isImageKind(entry.kind)) return foreign;
    // An image of another platform is not fetched, so its entry's mark decides which half it is.
    const kind: Half = entry.kind === 'nydus' ? 'nydus' : 'oci';
    const unread: LoadedEntry = { entry: { ...entry, kind, platformName }, image: undefined };
    if (listed && !this.#isWanted(entry)) return entry.marked ? unread : { ...unread, skipped: entry };
    const loaded = await this.#tree.loadImage(entry, this.#call);
    if (loaded.problem !== undefined) {
      // A conversion keeps an image that it cannot read, so no rule judges it.
      if (listed && loaded.problem.cause instanceof UnsupportedError) return foreign;
      this.#unreadable(loaded.problem, platformName);
      return unread;
    }
    const read = loaded.value;
    if (read === undefined) return foreign;
    const manifest = read.manifest.value;
    // A Nydus image with a wrong config type is judged all the same.
    if (!isContainerImage(manifest) && (read.kind === 'oci' || isBuildCache(manifest))) {
      this.strangers.add(notAnImage(manifest));
      return foreign;
    }
    const image = await this.#subject(read);
    if (listed && !this.#isWanted({ ...entry, platform: platform ?? image.config?.value.platform }))
      return unread;
    return { entry: { ...entry, kind: image.kind, platformName: image.platformName }, image };
  }

  /** Reads the manifest of a skipped entry for its kind alone. An entry that cannot be read counts as foreign. */
  async kindOnly(entry: Entry): Promise<LoadedEntry> {
    const { platform } = entry;
    const { value: read } = await this.#tree.loadImage(entry, this.#call);
    return {
      entry: {
        ...entry,
        kind: read?.kind ?? 'foreign',
        platformName: platform === undefined ? undefined : formatPlatform(platform),
      },
      image: undefined,
    };
  }

  report(problem: Problem, platform: string | undefined): void {
    this.findings.push(this.#faultOf(problem, platform));
  }

  #unreadable(problem: Problem, platform: string | undefined): void {
    (this.#side === 'source' ? this.unread : this.findings).push(this.#faultOf(problem, platform));
  }

  #faultOf({ what, descriptor, cause }: Problem, platform: string | undefined): Finding {
    const where = this.#place(what, platform);
    if (what === 'config' || !isTooLarge(descriptor)) return faultOf(cause, where, 'DOCUMENT-INVALID');
    return finding('INDEX-SIZE', where, {
      message: `${what} is too large`,
      expected: `at most ${MAX_DOCUMENT_SIZE} bytes, which is what index detection reads`,
      found: `${descriptor.size} bytes`,
    });
  }

  async #subject(image: Image): Promise<ImageSubject> {
    const stated = image.entry.platform;
    const known = stated === undefined ? undefined : formatPlatform(stated);
    const read = await this.#config(await loadConfig(image, this.#call), known);
    return {
      ...image,
      side: this.#side,
      platformName: platformText(stated ?? read?.config.value.platform),
      merged: false,
      manifestJson: await inTurns(jsonSteps(image.manifest.bytes, 'manifest'), this.#call.signal),
      config: read?.config,
      configJson: read?.configJson,
    };
  }

  async #config(
    loaded: Loaded<Document<ImageConfig>>,
    platform: string | undefined,
  ): Promise<{ readonly config: Document<ImageConfig>; readonly configJson: Json } | undefined> {
    if (loaded.problem !== undefined) {
      this.report(loaded.problem, platform);
      return undefined;
    }
    const config = loaded.value;
    const looked = await attempt(this.#place('config', platform), 'DOCUMENT-INVALID', async () => ({
      config,
      configJson: await inTurns(jsonSteps(config.bytes, 'config'), this.#call.signal),
    }));
    if (looked.finding !== undefined) this.findings.push(looked.finding);
    return looked.value;
  }

  #place(what: Problem['what'], platform: string | undefined): Place {
    return { platform, part: this.#side === 'source' ? `source ${what}` : what };
  }
}

/** Throws UnsupportedError for kinds of Nydus images that this version cannot check. */
export function refuseUnsupported(image: ImageSubject): void {
  for (const layer of image.manifest.value.layers) {
    if (layer.annotations?.[ANNOTATION.nydusEncryptedBlob] !== undefined)
      throw new UnsupportedError('encrypted images are not checked yet');
  }
}
