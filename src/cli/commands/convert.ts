/** `nydusify convert`: flags in, the library called, the result shown. What it needs is loaded when it runs, not before. */
import type { ConvertResult } from '../../convert/convert.js';
import { LocalIoError } from '../../errors.js';
import type { Reporter } from '../../reporter.js';
import type { CommandCall, CommandTable } from '../command.js';
import type { CliContext } from '../context.js';
import type { Hooks } from '../hooks.js';
import { deliver } from '../deliver.js';
import { deployName } from '../deploy-name.js';
import { backedTarget } from '../backend.js';
import { openOptions } from '../flags/environment.js';
import { FILE_PROBLEMS } from '../flags/file-problems.js';
import { openCache } from '../flags/open-cache.js';
import { CONVERT_FLAGS, LATER_FLAGS } from '../flags/convert.js';
import { type ConvertRequest, convertRequest } from '../flags/options.js';
import { idleNotes } from '../flags/reverse.js';
import { asksForInput } from '../flags/prefetch-list.js';
import { listFiles } from '../list-files.js';
import { endingWithEvent } from '../last-event.js';
import { ciLog } from '../ci/server.js';
import { buildMetadata, convertDocument } from '../report/conversion.js';
import { tryReportFile, writeReportFile, writeWholeReportFile } from '../report-file.js';
import { annotate } from '../text/annotations.js';
import { LogSection } from '../text/log-section.js';
import { printLines, printMessage } from '../text/print.js';
import { printableJson } from '../text/printable.js';
import { withAdvice } from '../text/remedies.js';

const EXAMPLES = `
Examples:
  A Nydus image beside the original:
    $ nydusify convert registry.example/app:1.0 registry.example/app:1.0-nydus
  One index for every client, old and new (recommended), for all platforms:
    $ nydusify convert --merge-platform --all-platforms registry.example/app:1.0 registry.example/app:1.0-nydus
  As upstream's nydusify is called:
    $ nydusify convert --source registry.example/app:1.0 --target-suffix -nydus
  Out of a build's folder, or an archive, into one:
    $ nydusify convert oci:build/image:v1 registry.example/app:v1-nydus
    $ nydusify convert docker-archive:app.tar oci-archive:app-nydus.tar:v1
  A registry of one's own without TLS, sizes and times into a file:
    $ nydusify convert --plain-http --output-json run.json registry.lan:5000/app:1.0 registry.lan:5000/app:1.0-nydus
  In a pipeline, for the next step:
    $ nydusify convert --digest-file digest.txt registry.example/app:1.0 registry.example/app:1.0-nydus
    $ nydusify convert --json registry.example/app:1.0 registry.example/app:1.0-nydus | jq -r .image

The last line on standard output says what to deploy: registry.example/app@sha256:… With --json it is the member image.`;

export const CONVERT: CommandTable = {
  description:
    'Converts an OCI or Docker image to a Nydus (RAFS v6) image.\n\n' +
    'SOURCE and TARGET are image references, or oci:FOLDER[:TAG], oci-archive:FILE[:TAG], docker-archive:FILE[:REFERENCE] (source only).',
  words: [
    ['[source]', 'image to convert; the same as --source'],
    ['[target]', 'where the result goes; the same as --target'],
  ],
  usage: '[options] SOURCE TARGET',
  flags: [...CONVERT_FLAGS, ...LATER_FLAGS],
  examples: EXAMPLES,
  run: async (call) => {
    if (call.flags.isOn('reverse')) await (await import('./reverse.js')).REVERSE.run(call);
    else await endingWithEvent(call, RUNNING, () => convert(call));
  },
};

async function convert(call: CommandCall): Promise<void> {
  const { words, context, flags, log } = call;
  const [source, target] = words;
  const request = convertRequest(flags, [source, target], {
    ...FILE_PROBLEMS,
    ...(await listFiles(asksForInput(flags), context)),
  });
  for (const note of [...request.notes, ...idleNotes(flags)]) printMessage(context, `note: ${note}`);
  for (const [path, flag] of [
    [request.outputJson, OUTPUT_JSON],
    [request.digestFile, DIGEST_FILE],
    [request.imageFile, IMAGE_FILE],
    [request.metadataFile, METADATA_FILE],
  ] as const)
    if (path !== undefined) tryReportFile(path, flag);
  const result = await run(request, { log, flags, context });
  const image = await deployName(request.target, result.root);
  const document = convertDocument(image, result);
  const writeNamed = (): Promise<void> => writeFiles(request, image, result);
  await deliver(call, { image, root: result.root, document, writeFiles: writeNamed });
}

async function run(
  request: ConvertRequest,
  { log, flags, context }: Pick<CommandCall, 'log' | 'flags' | 'context'>,
): Promise<ConvertResult> {
  const [
    { returnFreedMemory },
    { openBudget },
    { convertImage },
    { openSource, openTarget },
    { openProgress },
    { openDictionary },
    locations,
  ] = await Promise.all([
    import('../../native/program.js'),
    import('../../native/budget.js'),
    import('../../convert/convert.js'),
    import('../../registry/open.js'),
    import('../text/progress.js'),
    import('../dictionary.js'),
    import('../flags/locations.js'),
  ]);
  returnFreedMemory();
  const { options, registries, pushRetry } = request;
  const { workDir } = options;
  const budget = openBudget(request.limits);
  const transfer = { ...request.transfer, chunkSize: request.pushChunkSize };
  const sourceOptions = await openOptions(context.env, registries.source, { workDir, budget, transfer });
  await using source = openSource(
    await locations.sourceLocation(request.source, { workDir, budget, signal: context.signal }),
    sourceOptions,
  );
  const targetOptions = {
    ...(await openOptions(context.env, registries.target, { retry: pushRetry, workDir, budget, transfer })),
    imageName: request.imageName,
    verifyPresent: request.verifyPresent,
  };
  await using target = await backedTarget(
    openTarget(request.target, targetOptions),
    request.backends.target,
    targetOptions,
    request.backendForce,
  );
  await using dictionary = await openDictionary(request.dictionary, () =>
    openOptions(context.env, registries.dictionary, { workDir, budget, transfer }),
  );
  await using cacheStore = await openCache(request, { retry: pushRetry, workDir, budget, transfer }, context);
  await using hooks =
    request.hook === undefined ? undefined : await openHooks(request.hook, workDir, context);
  const cache = request.cache === undefined ? undefined : { ...request.cache, store: cacheStore };
  const mode = log.quiet ? 'none' : request.progress;
  const progress = await openProgress(mode, context);
  const ci = ciLog(flags, context);
  const section = mode !== 'none' && ci === 'gitlab' ? new LogSection(context.stderr) : undefined;
  const shown = ci === 'github' ? withAnnotations(progress.reporter, context) : progress.reporter;
  try {
    const result = await convertImage(
      { source, target, cache },
      {
        ...options,
        hooks,
        dictionary: dictionary.dictionary,
        openOriginal: (location) => openSource(location, sourceOptions),
      },
      {
        signal: context.signal,
        reporter: withAdvice(inSections(shown, section), RUNNING),
        budget,
      },
    );
    progress.stop();
    section?.end();
    if (!log.quiet && request.progress !== 'json' && request.progress !== 'none') {
      const { convertSummary } = await import('../text/summary.js');
      await printLines(context.stderr, convertSummary(result, progress.namesLayers));
    }
    return result;
  } catch (error) {
    progress.stop();
    section?.end();
    if (request.outputJson !== undefined) writeNothing(request.outputJson, context);
    throw error;
  }
}

/** The code of hooks is loaded only for a run with one. */
async function openHooks(file: string, workDir: string | undefined, context: CliContext): Promise<Hooks> {
  const { Hooks } = await import('../hooks.js');
  return Hooks.open(file, workDir, context);
}

function withAnnotations(reporter: Reporter, { stderr }: CliContext): Reporter {
  return {
    emit: (event) => {
      reporter.emit(event);
      if (event.type === 'warning') annotate(stderr, 'warning', event.code, event.message);
    },
  };
}

/** Each platform is a section of the log. */
function inSections(reporter: Reporter, section: LogSection | undefined): Reporter {
  if (section === undefined) return reporter;
  return {
    emit: (event) => {
      if (event.type === 'image.start') section.start(`convert ${event.platform}`);
      reporter.emit(event);
    },
  };
}

/** Digest and image have no end of line behind them, since Tekton would take it for a part of the result. */
async function writeFiles(
  { outputJson, digestFile, imageFile, metadataFile }: ConvertRequest,
  image: string,
  result: ConvertResult,
): Promise<void> {
  if (outputJson !== undefined) writeReportFile(outputJson, jsonDocument(report(result)), OUTPUT_JSON);
  if (metadataFile !== undefined) {
    const metadata = `${printableJson(buildMetadata(result), 2)}\n`;
    await writeWholeReportFile(metadataFile, metadata, METADATA_FILE);
  }
  if (imageFile !== undefined) await writeWholeReportFile(imageFile, image, IMAGE_FILE);
  if (digestFile !== undefined) await writeWholeReportFile(digestFile, result.root.digest, DIGEST_FILE);
}

const NS_PER_MS = 1e6;

/** Upstream's members and one of ours. All are whole numbers, since upstream's readers decode into a map of them. */
function report({
  sourceBytes,
  targetBytes,
  repeatedBytes,
  times,
}: ConvertResult): Readonly<Record<string, number>> {
  return {
    SourceImageSize: sourceBytes,
    TargetImageSize: targetBytes,
    SourcePullElapsed: Math.round(times.pull * NS_PER_MS),
    ConversionElapsed: Math.round(times.conversion * NS_PER_MS),
    TargetPushElapsed: Math.round(times.push * NS_PER_MS),
    DedupImageSavings: repeatedBytes,
  };
}

const OUTPUT_JSON = '--output-json';
const DIGEST_FILE = '--digest-file';
const IMAGE_FILE = '--image-file';
const METADATA_FILE = '--metadata-file';
const RUNNING = { name: 'convert', flags: CONVERT_FLAGS };

/** Go's encoder ends a document with a newline. */
function jsonDocument(content: Readonly<Record<string, number>> | null): string {
  return `${printableJson(content)}\n`;
}

/** Upstream writes `null` when a conversion fails. The failure says more than that this cannot be written. */
function writeNothing(path: string, context: CliContext): void {
  try {
    writeReportFile(path, jsonDocument(null), OUTPUT_JSON);
  } catch (error) {
    if (error instanceof LocalIoError) printMessage(context, `warning: ${error.message}`);
  }
}
