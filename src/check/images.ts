/** Runs the rules on one image of the target, ordinary or Nydus, and compares it with its source. */
import { inTurns } from '../turns.js';
import { dataLayersOf } from '../image/kinds.js';
import { bootstrapLayerOf } from '../image/kinds.js';
import { reportRead, type CallOptions } from '../reporter.js';
import { bootstrapRules } from './bootstrap.js';
import { configPairRules } from './config-fields.js';
import { configRules } from './config.js';
import { checkContent } from './content.js';
import { checkedLayers, contentsOf } from './contents.js';
import { descriptorRules, subjectRules } from './descriptors.js';
import { checkFilesystem } from './filesystem.js';
import type { Finding, Place } from './finding.js';
import { halvesRules } from './halves.js';
import type { KeptDocuments } from './kept-documents.js';
import { manifestRules, nydusManifestRules, ociManifestRules } from './manifest.js';
import { manifestPairRules } from './manifest-pairs.js';
import { checkOciContent } from './oci-content.js';
import { openImage, type OpenedImage } from './opened.js';
import type { CheckOptions } from './options.js';
import { originalRules } from './original.js';
import type { CheckedPlatform } from './result.js';
import { attempt, faultOf, type Rule } from './rule.js';
import type { CheckRun, Findings } from './run.js';
import { SourceScan } from './source-scan.js';
import { placeIn, refuseUnsupported, type ImageSubject, type NydusSubject } from './subject.js';

/** The image that a target was made from, and the digests by which the target may name it. */
export interface NamedSource {
  readonly image: ImageSubject;
  readonly names: ReadonlySet<string>;
}

/** A checked platform, but for the time that it took. */
type JudgedPlatform = Omit<CheckedPlatform, 'milliseconds'>;

/** Checks an image for clients without Nydus. */
export async function checkOrdinary(
  image: ImageSubject,
  source: NamedSource | undefined,
  run: CheckRun,
  kept: KeptDocuments,
): Promise<void> {
  await checkDocuments(image, source, [...ociManifestRules, ...originalRules], run, kept);
  if (!readsLayers(image, run.options)) return;
  run.step(`reading layers of ${placeText(image)}`);
  await run.gather(checkOciContent(image, run.verified, run.call));
}

/** An image that cannot be read is a finding, and the other images of the reference are checked. */
export async function checkNydus(
  image: NydusSubject,
  named: NamedSource | undefined,
  run: CheckRun,
  kept: KeptDocuments,
): Promise<JudgedPlatform> {
  try {
    return await judgeNydus(image, named, run, kept);
  } catch (cause) {
    run.findings.push(faultOf(cause, wholeOf(image), 'CONTENT-UNREAD'));
    return checkedPlatform(image, named?.image, undefined, run.options);
  }
}

async function judgeNydus(
  image: NydusSubject,
  named: NamedSource | undefined,
  run: CheckRun,
  kept: KeptDocuments,
): Promise<JudgedPlatform> {
  refuseUnsupported(image);
  const source = named?.image;
  await using scan = source?.kind === 'oci' ? new SourceScan(source, run.threads, run.call) : undefined;
  await checkDocuments(image, named, [...nydusManifestRules, ...subjectRules, ...halvesRules], run, kept);
  run.step(`checking bootstrap of ${placeText(image)}`);
  const opening = await openImage(image, run.call);
  for (const found of opening.findings) run.findings.push(found);
  await kept.bootstrap(image, opening);
  const { opened } = opening;
  const checked = checkedPlatform(image, source, opened, run.options);
  if (opened === undefined) return checked;
  const what = run.options.bootstrapOnly === true ? 'ends of blobs' : 'blobs';
  run.step(`reading ${what}${source === undefined ? '' : ' and source layers'} of ${placeText(image)}`);
  if (run.options.bootstrapOnly !== true && run.options.sample === undefined)
    announce([image, ...(source?.kind === 'oci' ? [source] : [])], run);
  await run.together(contentRules(opened, source, scan, run), wholeOf(image));
  return checked;
}

/** Says how much is to be read before the first of it comes, so that the whole is known from the start. */
function announce(images: readonly ImageSubject[], { verified, call }: CheckRun): void {
  for (const { manifest } of images) {
    const bootstrap = bootstrapLayerOf(manifest.value);
    for (const layer of manifest.value.layers)
      if (!verified.has(layer.digest) && layer !== bootstrap) reportRead(call, layer, 0);
  }
}

async function checkDocuments<Subject extends ImageSubject>(
  image: Subject,
  source: NamedSource | undefined,
  rules: readonly Rule<Subject>[],
  run: CheckRun,
  kept: KeptDocuments,
): Promise<void> {
  run.step(`checking manifest and config of ${placeText(image)}`);
  await kept.image(image);
  const where = wholeOf(image);
  await run.rules([...manifestRules, ...descriptorRules], image, where);
  await run.rules(rules, image, where);
  await run.rules(configRules, image, where);
  if (source === undefined) return;
  const pair = { target: image, source: source.image, sourceNames: source.names };
  await run.rules([...configPairRules, ...manifestPairRules], pair, where);
}

/** A registry verified the layers when they were pushed, so there presence and size are enough unless the caller wants all. */
function readsLayers({ store }: ImageSubject, { allContent, bootstrapOnly, sample }: CheckOptions): boolean {
  if (bootstrapOnly === true || sample !== undefined) return false;
  return allContent === true || store.place.kind !== 'registry';
}

function checkedPlatform(
  image: NydusSubject,
  source: ImageSubject | undefined,
  opened: OpenedImage | undefined,
  options: CheckOptions,
): JudgedPlatform {
  const layers = opened?.data.blobs ?? dataLayersOf(image.manifest.value);
  return {
    platform: image.platformName,
    nydus: image.manifest.descriptor.digest,
    oci: image.ociHalf?.manifest.descriptor.digest,
    ociRead: image.ociHalf !== undefined && readsLayers(image.ociHalf, options),
    layers: layers.length,
    blobBytes: layers.reduce((sum, { size }) => sum + size, 0),
    dataRead: opened !== undefined && options.bootstrapOnly !== true,
    compared: opened !== undefined && source !== undefined,
    layerSizes: checkedLayers(image, layers, source),
    bootstrapBytes: image.manifest.value.layers.at(-1)?.size ?? 0,
    contents: options.details === true && opened !== undefined ? contentsOf(opened.bootstrap) : undefined,
  };
}

/** The rules for the bootstrap, the blobs and the source layers are independent of each other. */
function contentRules(
  opened: OpenedImage,
  source: ImageSubject | undefined,
  scan: SourceScan | undefined,
  { options, threads, verified }: CheckRun,
): readonly ((call: CallOptions) => Findings)[] {
  const { bootstrapOnly, sample } = options;
  const content = { opened, verified, threads, bootstrapOnly, sample };
  const own = [
    () => opened.faults,
    ...bootstrapRules.map((rule) => (call: CallOptions) => rule.check(opened, call)),
    (call: CallOptions) => checkContent(content, call),
  ];
  return source === undefined ? own : [...own, (call) => compareFilesystems(opened, source, scan, call)];
}

async function* compareFilesystems(
  { image: target, bootstrap, isTreeOf, readTree }: OpenedImage,
  source: ImageSubject,
  scan: SourceScan | undefined,
  call: CallOptions,
): AsyncGenerator<Finding> {
  if (scan !== undefined) {
    yield* checkFilesystem({ target, bootstrap, isTreeOf, readTree, source, content: scan }, call);
    return;
  }
  const place = placeIn(source, 'manifest');
  const refused = await attempt(place, 'CONTENT-UNREAD', () => {
    refuseUnsupported(source);
  });
  if (refused.finding !== undefined) {
    yield refused.finding;
    return;
  }
  const { findings, opened } = await openImage(source, call);
  yield* findings;
  if (opened === undefined) return;
  yield* opened.faults;
  await inTurns(opened.readTree(), call.signal);
  const content = opened.bootstrap;
  yield* checkFilesystem({ target, bootstrap, isTreeOf, readTree, source, content }, call);
}

/** The place of findings about an image as a whole. */
function wholeOf(image: ImageSubject): Place {
  return { ...placeIn(image, ''), part: undefined };
}

function placeText(image: ImageSubject): string {
  const { platform, half } = wholeOf(image);
  return [platform, half].filter((part) => part !== undefined).join(' ');
}
