/** `nydusify convert`: flags in, the library called, the result shown. What it needs is loaded when it runs, not before. */
import type { ConvertResult } from '../../convert/convert.js';
import { LocalIoError } from '../../errors.js';
import type { CommandTable } from '../command.js';
import type { CliContext } from '../context.js';
import { openOptions } from '../flags/environment.js';
import { FILE_PROBLEMS } from '../flags/file-problems.js';
import { CONVERT_FLAGS, LATER_FLAGS } from '../flags/convert.js';
import { type ConvertRequest, convertRequest } from '../flags/options.js';
import type { LogSettings } from '../log.js';
import { tryReportFile, writeReportFile } from '../report-file.js';
import { printLine, printLines, printMessage } from '../text/print.js';
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

The last line on standard output says what to deploy: registry.example/app@sha256:…`;

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
    const [source, target] = call.words;
    const { context, flags, log } = call;
    const request = convertRequest(flags, [source, target], {
      ...FILE_PROBLEMS,
    });
    for (const note of request.notes) printMessage(context, `note: ${note}`);
    if (request.outputJson !== undefined) tryReportFile(request.outputJson, OUTPUT_JSON);
    const result = await run(request, log, context);
    printLine(context.stdout, await deployName(request, result));
    if (request.outputJson !== undefined)
      writeReportFile(request.outputJson, jsonDocument(report(result)), OUTPUT_JSON);
  },
};

async function run(request: ConvertRequest, log: LogSettings, context: CliContext): Promise<ConvertResult> {
  const [
    { returnFreedMemory },
    { openBudget },
    { convertImage },
    { openSource, openTarget },
    { openProgress },
    locations,
  ] = await Promise.all([
    import('../../native/program.js'),
    import('../../native/budget.js'),
    import('../../convert/convert.js'),
    import('../../registry/open.js'),
    import('../text/progress.js'),
    import('../flags/locations.js'),
  ]);
  returnFreedMemory();
  const { options, registries, pushRetry } = request;
  const { workDir } = options;
  const budget = openBudget(request.limits);
  const transfer = { ...request.transfer, chunkSize: request.pushChunkSize };
  const sourceOptions = await openOptions(context.env, registries.source, { workDir, budget, transfer });
  await using source = openSource(await locations.sourceLocation(request, budget), sourceOptions);
  await using target = openTarget(request.target, {
    ...(await openOptions(context.env, registries.target, { retry: pushRetry, workDir, budget, transfer })),
    imageName: request.imageName,
    verifyPresent: request.verifyPresent,
  });
  const progress = await openProgress(log.quiet ? 'none' : request.progress, context);
  try {
    const result = await convertImage(
      { source, target },
      { ...options, openOriginal: (location) => openSource(location, sourceOptions) },
      {
        signal: context.signal,
        reporter: withAdvice(progress.reporter, RUNNING),
        budget,
      },
    );
    progress.stop();
    if (!log.quiet && request.progress !== 'json' && request.progress !== 'none') {
      const { convertSummary } = await import('../text/summary.js');
      await printLines(context.stderr, convertSummary(result, progress.namesLayers));
    }
    return result;
  } catch (error) {
    progress.stop();
    if (request.outputJson !== undefined) writeNothing(request.outputJson, context);
    throw error;
  }
}

/** `repository@digest` for a registry; for files the location with the digest behind it. */
async function deployName({ target }: ConvertRequest, { root }: ConvertResult): Promise<string> {
  const { formatLocation, withDigest } = await import('../../registry/location.js');
  if (target.kind !== 'registry') return formatLocation({ ...target, digest: root.digest });
  return formatLocation(withDigest(target, root.digest));
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
const RUNNING = { name: 'convert', flags: CONVERT_FLAGS };

/** Go's encoder ends a document with a newline. */
function jsonDocument(content: Readonly<Record<string, number>> | null): string {
  return `${printableJson(content)}\n`;
}

/** Upstream writes `null` when a conversion fails. The failure says more than that this cannot be written. */
function writeNothing(path: string, { stderr }: CliContext): void {
  try {
    writeReportFile(path, jsonDocument(null), OUTPUT_JSON);
  } catch (error) {
    if (error instanceof LocalIoError) printLine(stderr, `warning: ${error.message}`);
  }
}
