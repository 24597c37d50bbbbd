/**
 * `nydusify inspect`: what an image is, by its manifests and bootstraps; and what is inside a bootstrap: of an image in its
 * registry, in a file of its own, or in a RAFS blob. Nothing is changed, no data is read.
 */
import { FormatError, UsageError } from '../../errors.js';
import { fetchBootstrap } from '../../image/bootstrap-layer.js';
import { chooseImage, imageEntries, mayBeFor, platformNames } from '../../image/choose.js';
import { readReference } from '../../image/reference-tree.js';
import { summarizeBootstrap, summarizeReference } from '../../look/summary.js';
import { judgeBootstrap, openBootstrap, openBootstrapInTurns } from '../../native/judge.js';
import { describeAt, listTree, summarize } from '../../rafs-builder/show/describe.js';
import { diffImages } from '../../rafs-builder/show/diff.js';
import { dump as dumpImage } from '../../rafs-builder/show/dump.js';
import type { RafsImage } from '../../rafs-builder/versions.js';
import { showPath } from '../../look/lookup.js';
import { readBootstrapFile } from '../bootstrap-file.js';
import type { CommandTable } from '../command.js';
import { INSPECT_FLAGS } from '../flags/look.js';
import { summaryJson, summaryLines } from '../text/inspect-summary.js';
import { hostPlatform } from '../flags/machine.js';
import { isLocalFile, Looking } from './look.js';

const EXAMPLES = `
IMAGE is a reference, oci:FOLDER[:TAG], oci-archive:FILE[:TAG] or docker-archive:FILE[:REFERENCE]; FILE a bootstrap or a RAFS
blob, whose own bootstrap is shown. Of images only manifests and bootstraps are fetched.

Examples:
  $ nydusify inspect registry.example/app:1.0-nydus              platforms, layers, chunks, what deduplication saved
  $ nydusify inspect --layers registry.example/app:1.0-nydus     what nydusify reverse would make of each layer, and why
  $ nydusify inspect image.boot                                  summary and files of a bootstrap
  $ nydusify inspect --json image.boot | jq .findings            what is wrong with it, for a program
  $ nydusify inspect --dump registry.example/app:1.0-nydus       as text, to be searched and compared
  $ nydusify inspect --at 0x3040 image.boot
  $ nydusify inspect --backend-cleanup --backend-type s3 --backend-config-file s3.json registry.example/app:1-nydus registry.example/app:2-nydus
  $ nydusify inspect --diff old.boot registry.example/app:1.0-nydus`;

export const INSPECT: CommandTable = {
  description: 'Shows what an image, a bootstrap or a RAFS blob holds.',
  words: [
    ['<image>', 'what to look into: an image or a file'],
    ['[others...]', 'with --diff: what to compare it with; with --backend-cleanup: further images'],
  ],
  usage: '[options] IMAGE|FILE',
  flags: INSPECT_FLAGS,
  examples: EXAMPLES,
  run: async (call) => {
    const [location = '', other, ...more] = call.words;
    await using looking = new Looking(call);
    if (call.flags.isOn('backend-cleanup')) await showBackendUse(looking, call.words);
    else if (more.length > 0) throw new UsageError(`one image at a time, and not also ${more.join(' ')}`);
    else await inspect(looking, location, other);
    looking.stats();
  },
};

async function inspect(looking: Looking, location: string, other: string | undefined): Promise<void> {
  const { flags, context } = looking;
  const [dump, diff, at] = [flags.isOn('dump'), flags.isOn('diff'), flags.text('at')];
  if ([dump, at !== undefined, diff].filter(Boolean).length > 1)
    throw new UsageError('--dump, --at and --diff exclude each other');
  if (diff !== (other !== undefined)) {
    throw new UsageError('--diff takes two bootstraps, everything else one', {
      hint: 'nydusify inspect --diff OLD NEW; nydusify diff compares whole images',
    });
  }
  const local = await isLocalFile(location);
  if (flags.isOn('layers')) {
    if (local || dump || diff || at !== undefined)
      throw new UsageError('--layers is for images, and goes together with no other view');
    await showLayers(looking, location);
    return;
  }
  const plain = !dump && !diff && at === undefined;
  if (looking.json && !plain)
    throw new UsageError('--json is for the summary; --dump, --at and --diff print text');
  if (plain && !local) {
    await showImages(looking, location);
    return;
  }
  const bytes = await bootstrapAt(looking, location);
  const { signal } = context;
  if (at !== undefined) {
    await looking.print(describeAt(bytes, parseOffset(at, bytes.length), openBootstrap));
  } else if (dump) {
    await looking.print(dumpImage(await readImage(location, bytes, signal)));
  } else if (other !== undefined) {
    const second = await readImage(other, await bootstrapAt(looking, other), signal);
    const found = await looking.print(diffImages(await readImage(location, bytes, signal), second));
    if (found > 0) context.exitCode = 1;
  } else if (looking.json) {
    await looking.printJson(await bootstrapJson(location, bytes, signal));
  } else {
    await looking.print(bootstrapLines(bytes, await readImage(location, bytes, signal)));
  }
}

async function showImages(looking: Looking, location: string): Promise<void> {
  const { platform, half } = looking;
  const source = await looking.source(location);
  const summary = await summarizeReference(
    source,
    { wanted: (entry) => platform === undefined || mayBeFor(entry, platform) },
    looking.call,
  );
  const images = summary.images.filter(({ kind }) => half === undefined || kind === half);
  if (images.length === 0 && summary.unread.length === 0) {
    const entries = imageEntries(await readReference(source, looking.call));
    const there = platformNames(entries);
    throw new UsageError('there is no such image', {
      hint: there.length === 0 ? 'its index lists no image' : `there is ${there.join(', ')}`,
    });
  }
  const layers = images.flatMap((image) => image.layers);
  const sizes = new Map(layers.map(({ digest, size }) => [digest, size]));
  looking.countImage([...sizes.values()].reduce((sum, size) => sum + size, 0));
  const shown = { ...summary, images };
  if (looking.json) await looking.printJson(summaryJson(shown));
  else await looking.print(summaryLines(shown));
}

/** Says how each layer would come back. The code that converts back is loaded only for this. */
async function showLayers(looking: Looking, location: string): Promise<void> {
  const { reverseProspects } = await import('../../reverse/prospects.js');
  const { layersJson, layersLines } = await import('../text/inspect-layers.js');
  const { platform } = looking;
  const source = await looking.source(location);
  const images = await reverseProspects(
    source,
    {
      ...(platform === undefined ? {} : { platforms: { kind: 'list', platforms: [platform] } }),
      openOriginal: await looking.opener(),
    },
    looking.call,
  );
  if (looking.json) await looking.printJson(layersJson(source.location, images));
  else await looking.print(layersLines(source.location, images));
}

/** Lists what no image names; all images whose blobs lie in the backend must be given. */
async function showBackendUse(looking: Looking, locations: readonly string[]): Promise<void> {
  const { backendUse } = await import('../../look/unnamed-blobs.js');
  const { backendUseJson, backendUseLines } = await import('../text/backend-use.js');
  for (const view of ['dump', 'diff', 'layers'])
    if (looking.flags.isOn(view)) throw new UsageError(`--backend-cleanup goes not together with --${view}`);
  const sources = [];
  for (const location of locations) sources.push(await looking.source(location));
  await using backend = await looking.backend();
  const use = await backendUse(backend, sources, looking.call);
  if (looking.json) await looking.printJson(backendUseJson(backend.location, use));
  else await looking.print(backendUseLines(use));
}

/** The bootstrap in a file, in a RAFS blob, or of an image. */
async function bootstrapAt(looking: Looking, location: string): Promise<Uint8Array> {
  if (await isLocalFile(location)) return readBootstrapFile(location);
  const reference = await readReference(await looking.source(location), looking.call);
  const choice = { platform: looking.platform, preferred: hostPlatform(), half: 'nydus' as const };
  return (await fetchBootstrap(await chooseImage(reference, choice, looking.call), looking.call)).bytes;
}

async function bootstrapJson(location: string, bytes: Uint8Array, signal: AbortSignal): Promise<object> {
  const summary = await summarizeBootstrap(await readImage(location, bytes, signal), signal);
  const findings = judgeBootstrap(bytes).map(({ path, ...finding }) => ({
    ...finding,
    ...(path === undefined ? {} : { path: showPath(path) }),
  }));
  return { location, kind: 'bootstrap', ...summary, findings };
}

function* bootstrapLines(bytes: Uint8Array, image: RafsImage): Generator<string> {
  yield* summarize(image);
  const findings = judgeBootstrap(bytes);
  yield findings.length === 0 ? 'audit   nothing found' : `audit   ${findings.length} findings:`;
  for (const { id, message, offset } of findings)
    yield `        ${id}${offset === undefined ? '' : ` at 0x${offset.toString(16)}`}: ${message}`;
  yield '';
  yield* listTree(image);
}

function parseOffset(text: string, size: number): number {
  const offset = /^(0x[0-9a-f]+|\d+)$/i.test(text) ? Number(text) : Number.NaN;
  if (!(offset < size))
    throw new UsageError(`--at ${text}: it takes an offset below ${size}, decimal or with 0x`);
  return offset;
}

/** `openBootstrapInTurns`, with the name of the file in its errors. */
async function readImage(path: string, bytes: Uint8Array, signal: AbortSignal): Promise<RafsImage> {
  try {
    return await openBootstrapInTurns(bytes, signal);
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    const hint =
      error.offset === undefined ? undefined : `nydusify inspect --at 0x${error.offset.toString(16)} ${path}`;
    throw new FormatError(`${path} is no sound bootstrap: ${error.message}`, {
      cause: error,
      offset: error.offset,
      hint,
    });
  }
}
