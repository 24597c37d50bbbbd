/**
 * `checkImage` answers whether the target is a sound Nydus image, and the one that the source asks for. It runs every
 * rule on every platform and on both halves of a merged index, needs neither root nor mount nor daemon, and collects
 * all findings.
 */
import { underSignal } from '../io/abort.js';
import { mapOrdered } from '../io/concurrency.js';
import { dataLayersOf } from '../image/kinds.js';
import { groupHalves, sourceOf, type HalvesOf } from '../image/pairs.js';
import { type Obstacle, obstacleOf } from '../image/obstacles.js';
import type { Descriptor } from '../oci/descriptor.js';
import type { Digest } from '../oci/digest.js';
import { allPlatforms, formatPlatform, formatSelection, type PlatformSelection } from '../oci/platform.js';
import type { ImageSource } from '../registry/stores/store.js';
import { silentReporter, type CallOptions } from '../reporter.js';
import { bootstrapRules } from './bootstrap.js';
import { configPairRules, configRules } from './config.js';
import { clientsOf, platformsOf, type PlatformClients, type Wanted } from './clients.js';
import { checkContent } from './content.js';
import { checkedLayers, contentsOf, type CheckedLayer, type ImageContents } from './contents.js';
import { descriptorRules } from './descriptors.js';
import { Detector } from './detect.js';
import { checkIndexDetection, checkReferrerDetection } from './detection.js';
import { checkFilesystem } from './filesystem.js';
import { finding, type Finding } from './finding.js';
import { indexRules } from './index-rule.js';
import { manifestRules, nydusManifestRules, ociManifestRules } from './manifest.js';
import { checkOciContent } from './oci-content.js';
import { originalRules } from './original.js';
import { openImage, type OpenedImage, type Opening } from './opened.js';
import type { Rule } from './rule.js';
import { SourceScan } from './source-scan.js';
import {
  loadSources,
  loadSubject,
  placeIn,
  refuseUnsupported,
  type ImageSubject,
  type NydusSubject,
  type ReferenceSubject,
} from './subject.js';
import { bootstrapFiles } from './work-files.js';

/** The Nydus image to check, and its source image if the caller wants both compared. */
export interface CheckImages {
  readonly source?: ImageSource | undefined;
  readonly target: ImageSource;
}

export interface CheckOptions {
  /** The platforms to check; all by default. */
  readonly platforms?: PlatformSelection | undefined;
  /** Threads of the addon that decode and digest; 2 by default. */
  readonly threads?: number | undefined;
  /** Percent of the chunk data that is read and digested; all of it by default. */
  readonly sample?: number | undefined;
  /** True: a listed platform that the target lacks is a warning. False: it is a finding. */
  readonly allowMissingPlatforms?: boolean | undefined;
  /**
   * True: also read the layers of ordinary images in a registry, which verified them when they were pushed. Layers on
   * disk are always read.
   */
  readonly allContent?: boolean | undefined;
  /** Also replay the behaviour of every client on the target. */
  readonly clients?: boolean | undefined;
  /** Also count the contents of the images, by layer and by directory. */
  readonly details?: boolean | undefined;
  /**
   * True: no chunk data is read. Manifests, bootstraps, and by range requests each blob's table of contents, chunk table and
   * own bootstrap are still verified against each other.
   */
  readonly bootstrapOnly?: boolean | undefined;
  /** Called with every document that `check` reads, under the name that upstream's `check` gives it in its work directory. */
  readonly keep?: ((path: string, bytes: Uint8Array) => Promise<void>) | undefined;
}

export interface CheckedPlatform {
  readonly platform: string;
  readonly nydus: Digest;
  /** The image for clients without Nydus, in a merged index. */
  readonly oci: Digest | undefined;
  /** The layers of that image were read; else their presence and size were looked at. */
  readonly ociRead: boolean;
  /** The number of data layers, without the bootstrap layer. */
  readonly layers: number;
  /** Bytes of all data layers. */
  readonly blobBytes: number;
  /** True when chunk data was read, all of it or the sample that the caller asked for. */
  readonly dataRead: boolean;
  /** True when the image was compared with its source. */
  readonly compared: boolean;
  /** Data layers in order, lowest first. */
  readonly layerSizes: readonly CheckedLayer[];
  /** Bytes of the bootstrap layer as it is pulled. */
  readonly bootstrapBytes: number;
  /** Undefined unless the caller asked for details and the bootstrap could be read. */
  readonly contents: ImageContents | undefined;
}

export interface CheckResult {
  readonly target: string;
  readonly source: string | undefined;
  readonly root: Descriptor;
  /** `bad` when any finding is an error. */
  readonly verdict: 'good' | 'bad';
  readonly platforms: readonly CheckedPlatform[];
  /** Undefined unless `clients` was asked for. */
  readonly clients: readonly PlatformClients[] | undefined;
  /** True when the caller asked for no chunk data to be read. */
  readonly bootstrapOnly: boolean;
  /** Percent of the chunk data that was read; undefined means all of it. */
  readonly sample: number | undefined;
  readonly findings: readonly Finding[];
}

/**
 * Throws only when a rule could not look (no network, no permission, an unsupported kind of image), and when the signal
 * fires.
 */
export async function checkImage(
  images: CheckImages,
  options: CheckOptions = {},
  call: CallOptions = {},
): Promise<CheckResult> {
  return underSignal(call.signal, () => check(images, options, call));
}

async function check(
  { source, target }: CheckImages,
  options: CheckOptions,
  call: CallOptions,
): Promise<CheckResult> {
  const run = new Run(options, call);
  const platforms = options.platforms ?? allPlatforms;
  const subject = await loadSubject(target, 'target', platforms, call);
  const sources = source === undefined ? undefined : await loadSources(source, subject.images, call);
  await run.reference(subject, sources, platforms);
  if (options.clients === true) await run.clients(target, subject);
  return {
    target: target.location,
    source: source?.location,
    root: subject.root,
    verdict: run.findings.some(({ severity }) => severity === 'error') ? 'bad' : 'good',
    platforms: run.platforms,
    clients: run.tables,
    bootstrapOnly: options.bootstrapOnly === true,
    sample: options.sample,
    findings: run.findings,
  };
}

type Check = (call: CallOptions) => AsyncIterable<Finding> | Iterable<Finding>;

class Run {
  readonly findings: Finding[] = [];
  readonly platforms: CheckedPlatform[] = [];
  tables: readonly PlatformClients[] | undefined;
  readonly #options: CheckOptions;
  readonly #call: CallOptions;
  readonly #threads: number;
  readonly #verified = new Set<Digest>();
  #severalPlatforms = false;

  constructor(options: CheckOptions, call: CallOptions) {
    this.#options = options;
    this.#call = call;
    this.#threads = options.threads ?? 2;
  }

  async reference(
    target: ReferenceSubject,
    sources: ReferenceSubject | undefined,
    platforms: PlatformSelection,
  ): Promise<void> {
    this.findings.push(...target.findings, ...(sources?.findings ?? []));
    const groups = groupHalves(target.images);
    this.#severalPlatforms = new Set(groups.map(({ platform }) => platform)).size > 1;
    if (target.index !== undefined) await this.#run(indexRules, target.index);
    await this.#keepIndexes(target, sources);
    this.#demandPlatforms(target, platforms);
    const detected = new Set<string>();
    for (const group of groups) {
      const { platform, nydus, oci } = group;
      const ordinary = nydus.length === 0 ? this.#ordinary(oci) : undefined;
      if (ordinary !== undefined) {
        this.findings.push(finding('IMAGE-ORDINARY', { platform }, { message: ordinary.reason }));
        continue;
      }
      const source = sources === undefined ? undefined : this.#sourceOf(group, groups.length, sources);
      for (const image of oci) await this.#oci(image, source);
      for (const image of nydus) await this.#nydus({ ...image, kind: 'nydus', ociHalf: oci[0] }, source);
      // If several images have the same platform, every client takes the first, and so does detection.
      if (!detected.has(platform)) await this.#detection(target, oci[0], nydus[0]);
      detected.add(platform);
      if (nydus.length === 0) {
        this.findings.push(
          finding('IMAGE-NOT-NYDUS', { platform }, { message: 'there is no Nydus image for this platform' }),
        );
      }
    }
  }

  /** The reason for which an image without a Nydus half is kept in a merged index as it is. No rule judges it: nothing here made it. */
  #ordinary([image]: readonly ImageSubject[]): Obstacle | undefined {
    if (image?.merged !== true) return undefined;
    const platform = image.entry.platform ?? image.config?.value.platform;
    return platform === undefined ? undefined : obstacleOf(image.manifest.value, platform);
  }

  /** Reports each listed platform that the target lacks. */
  #demandPlatforms({ images, index, findings }: ReferenceSubject, platforms: PlatformSelection): void {
    if (images.length === 0 && findings.length === 0) {
      this.findings.push(
        finding(
          'IMAGE-NO-PLATFORM',
          {},
          { message: 'none of the platforms asked for is there', expected: formatSelection(platforms) },
        ),
      );
      return;
    }
    const single = index === undefined && platforms.kind === 'list' && platforms.platforms.length === 1;
    if (platforms.kind === 'all' || images.length === 0 || single) return;
    for (const wanted of platforms.platforms) {
      const name = formatPlatform(wanted);
      if (images.some(({ platformName }) => platformName === name)) continue;
      const message = `there is no image for ${name}`;
      if (this.#options.allowMissingPlatforms === true) {
        this.#call.reporter?.emit({ type: 'warning', code: 'PLATFORM_MISSING', message });
      } else if (!findings.some(({ where }) => where.platform === name)) {
        const remedy = { kind: 'allow-missing-platforms' } as const;
        this.findings.push(finding('IMAGE-NO-PLATFORM', { platform: name }, { message, remedy }));
      }
    }
  }

  /** Replays every client on the target. Findings do not prevent it, because clients also meet broken images. */
  async clients(target: ImageSource, { images }: ReferenceSubject): Promise<void> {
    this.#step('replaying what clients do');
    const entries = (await new Detector(target, this.#call).entries()) ?? [];
    const known = images.map(({ manifest, kind }) => ({
      digest: manifest.descriptor.digest,
      kind,
      configType: manifest.value.config.mediaType,
    }));
    const wanted = entries.length === 0 ? images.flatMap(wantedBy) : platformsOf(entries);
    this.tables = await clientsOf(target, wanted, known, this.#call);
    for (const image of images.filter(({ kind }) => kind === 'oci'))
      await this.#gather(checkReferrerDetection(image, this.#call));
  }

  async #detection(
    { index }: ReferenceSubject,
    oci: ImageSubject | undefined,
    nydus: ImageSubject | undefined,
  ): Promise<void> {
    if (index === undefined || oci === undefined || nydus === undefined) return;
    await this.#gather(checkIndexDetection({ store: oci.store, oci, nydus }, this.#call));
  }

  /** Finds the image of the source that the halves of the target were made from; its absence becomes a finding. */
  #sourceOf(
    halves: HalvesOf<ImageSubject>,
    groups: number,
    sources: ReferenceSubject,
  ): ImageSubject | undefined {
    const { platform } = halves;
    const found = sourceOf(halves, sources.images);
    if (found !== undefined) return found;
    const [only] = sources.images;
    // If source and target hold one image each, they belong together even if their platforms are named differently.
    if (only !== undefined && sources.images.length === 1 && sources.index === undefined && groups === 1)
      return only;
    const unread = sources.unread.filter(
      ({ where }) => where.platform === platform || where.platform === undefined,
    );
    this.findings.push(...unread);
    if (sources.findings.length === 0 && unread.length === 0) {
      this.findings.push(
        finding('SOURCE-NO-PLATFORM', { platform }, { message: 'the source has no image of this platform' }),
      );
    }
    return undefined;
  }

  async #image<Subject extends ImageSubject>(
    image: Subject,
    source: ImageSubject | undefined,
    rules: readonly Rule<Subject>[],
  ): Promise<void> {
    this.#step(`checking manifest and config of ${placeText(image)}`);
    await this.#keepImage(image);
    await this.#run(manifestRules, image);
    await this.#run(descriptorRules, image);
    await this.#run(rules, image);
    await this.#run(configRules, image);
    if (source !== undefined) await this.#run(configPairRules, { target: image, source });
  }

  async #oci(image: ImageSubject, source: ImageSubject | undefined): Promise<void> {
    await this.#image(image, source, [...ociManifestRules, ...originalRules]);
    if (!this.#readsOci(image)) return;
    this.#step(`reading layers of ${placeText(image)}`);
    await this.#gather(checkOciContent(image, this.#verified, this.#call));
  }

  /** A registry verified the layers when they were pushed, so there presence and size are enough unless the caller wants all. */
  #readsOci({ store }: ImageSubject): boolean {
    const { allContent, bootstrapOnly, sample } = this.#options;
    if (bootstrapOnly === true || sample !== undefined) return false;
    return allContent === true || store.place.kind !== 'registry';
  }

  async #nydus(image: NydusSubject, source: ImageSubject | undefined): Promise<void> {
    refuseUnsupported(image);
    await using scan = source?.kind === 'oci' ? new SourceScan(source, this.#threads, this.#call) : undefined;
    await this.#image(image, source, nydusManifestRules);
    this.#step(`checking bootstrap of ${placeText(image)}`);
    const opening = await this.#open(image);
    const layers = dataLayersOf(image.manifest.value);
    this.platforms.push({
      platform: image.platformName,
      nydus: image.manifest.descriptor.digest,
      oci: image.ociHalf?.manifest.descriptor.digest,
      ociRead: image.ociHalf !== undefined && this.#readsOci(image.ociHalf),
      layers: layers.length,
      blobBytes: layers.reduce((sum, { size }) => sum + size, 0),
      dataRead: opening.opened !== undefined && this.#options.bootstrapOnly !== true,
      compared: opening.opened !== undefined && source !== undefined,
      layerSizes: checkedLayers(image, source),
      bootstrapBytes: image.manifest.value.layers.at(-1)?.size ?? 0,
      contents:
        this.#options.details === true && opening.opened !== undefined
          ? contentsOf(opening.opened.bootstrap)
          : undefined,
    });
    if (opening.opened === undefined) return;
    const { opened } = opening;
    this.#step(
      `reading ${this.#options.bootstrapOnly === true ? 'ends of blobs' : 'blobs'}${source === undefined ? '' : ' and source layers'} of ${placeText(image)}`,
    );
    await this.#runTogether(this.#heavy(opened, source, scan));
  }

  /**
   * Checks the bootstrap, the blobs and the source layers. These rules are independent, so they run at the same time.
   */
  #heavy(opened: OpenedImage, source: ImageSubject | undefined, scan: SourceScan | undefined): Check[] {
    const threads = this.#threads;
    const bootstrapOnly = this.#options.bootstrapOnly === true;
    const { sample } = this.#options;
    const content = { opened, verified: this.#verified, threads, bootstrapOnly, sample };
    const rules: Check[] = [
      () => opened.faults,
      ...bootstrapRules.map(
        (rule): Check =>
          (call) =>
            rule.check(opened, call),
      ),
      (call) => checkContent(content, call),
    ];
    if (source !== undefined) rules.push((call) => this.#filesystem(opened, source, scan, call));
    return rules;
  }

  async *#filesystem(
    { image: target, bootstrap, isTreeOf }: OpenedImage,
    source: ImageSubject,
    scan: SourceScan | undefined,
    call: CallOptions,
  ): AsyncGenerator<Finding> {
    if (scan !== undefined) {
      yield* checkFilesystem({ target, bootstrap, isTreeOf, source, content: scan }, call);
      return;
    }
    refuseUnsupported(source);
    const { findings, opened } = await openImage(source, call);
    yield* findings;
    if (opened === undefined) return;
    yield* opened.faults;
    yield* checkFilesystem({ target, bootstrap, isTreeOf, source, content: opened.bootstrap }, call);
  }

  async #open(image: ImageSubject): Promise<Opening> {
    const opening = await openImage(image, this.#call);
    this.findings.push(...opening.findings);
    if (opening.layer !== undefined) {
      for (const [path, bytes] of bootstrapFiles(opening.layer, opening.opened))
        await this.#keep(image.side, path, bytes, image);
    }
    return opening;
  }

  async #run<Subject>(rules: readonly Rule<Subject>[], subject: Subject): Promise<void> {
    for (const rule of rules) await this.#gather(rule.check(subject, this.#call));
  }

  async #gather(findings: AsyncIterable<Finding> | Iterable<Finding>): Promise<void> {
    for await (const found of findings) this.findings.push(found);
  }

  async #runTogether(rules: readonly Check[]): Promise<void> {
    const all = await mapOrdered(
      rules,
      rules.length,
      async (rule, _, signal) => {
        const findings: Finding[] = [];
        for await (const found of rule({ ...this.#call, signal })) findings.push(found);
        return findings;
      },
      this.#call.signal,
    );
    for (const findings of all) this.findings.push(...findings);
  }

  async #keepIndexes(target: ReferenceSubject, sources: ReferenceSubject | undefined): Promise<void> {
    for (const [side, subject] of [
      ['target', target],
      ['source', sources],
    ] as const) {
      if (subject?.index === undefined) continue;
      // Upstream writes the index once for each kind of image in it.
      for (const kind of new Set(subject.images.map((image) => image.kind))) {
        await this.#keep(side, `${kind}_index.json`, subject.index.index.bytes);
      }
    }
    for (const image of sources?.images ?? []) await this.#keepImage(image);
  }

  async #keepImage(image: ImageSubject): Promise<void> {
    await this.#keep(image.side, `${image.kind}_manifest.json`, image.manifest.bytes, image);
    if (image.config !== undefined)
      await this.#keep(image.side, `${image.kind}_config.json`, image.config.bytes, image);
  }

  /** Upstream checks one platform; where there are several, each gets a folder. */
  async #keep(
    side: 'target' | 'source',
    path: string,
    bytes: Uint8Array,
    image?: ImageSubject,
  ): Promise<void> {
    const folder =
      image === undefined || !this.#severalPlatforms ? '' : `${image.platformName.replaceAll('/', '-')}/`;
    await this.#options.keep?.(`${side}/${folder}${path}`, bytes);
  }

  #step(message: string): void {
    (this.#call.reporter ?? silentReporter).emit({ type: 'step', message });
  }
}

/** Returns the platform of a reference that is one manifest: every client gets it, on any platform. */
function wantedBy({ platformName, config }: ImageSubject): readonly Wanted[] {
  if (config === undefined) return [];
  const { os, architecture, variant = '' } = config.value.platform;
  return [{ name: platformName, platform: { os, architecture, variant, osVersion: '', osFeatures: [] } }];
}

function placeText(image: ImageSubject): string {
  const { platform, half } = placeIn(image, '');
  return [platform, half].filter((part) => part !== undefined).join(' ');
}
