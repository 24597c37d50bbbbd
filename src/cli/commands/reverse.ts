/** `nydusify reverse`, and `convert --reverse`: a Nydus image becomes an ordinary one. */
import type { ReverseResult } from '../../reverse/reverse.js';
import type { CommandCall, CommandTable } from '../command.js';
import { CONVERT_FLAGS, REVERSE_FLAGS } from '../flags/convert.js';
import { openOptions } from '../flags/environment.js';
import { FILE_PROBLEMS } from '../flags/file-problems.js';
import { type ConvertRequest, convertRequest } from '../flags/options.js';
import { asksForInput } from '../flags/prefetch-list.js';
import { reverseOptionsOf, unheededNotes } from '../flags/reverse.js';
import { deployName } from '../deploy-name.js';
import { listFiles } from '../list-files.js';
import { endingWithEvent, endWithResult } from '../last-event.js';
import { setOutputs } from '../ci/github-files.js';
import { reverseDocument } from '../report/reverse.js';
import { tryReportFile, writeWholeReportFile } from '../report-file.js';
import { printJson, printLine, printLines, printMessage } from '../text/print.js';
import { withAdvice } from '../text/remedies.js';

const EXAMPLES = `
Examples:
  The original, if it is in the same repository or in a merged index; else an image with the same files:
    $ nydusify reverse registry.example/app:1.0-nydus registry.example/app:1.0-oci
  As upstream's nydusify is called:
    $ nydusify convert --reverse --source registry.example/app:1.0-nydus --target registry.example/app:1.0-oci
  One layer, compressed with zstd, into a folder:
    $ nydusify reverse --reverse-mode rebuild --layers squash --oci-compressor zstd:9 registry.example/app:1.0-nydus oci:build/image:v1
  Whether the files are the same:
    $ nydusify diff registry.example/app:1.0-nydus registry.example/app:1.0-oci

The last line on standard output says what to deploy: registry.example/app@sha256:… With --json it is the member image.`;

export const REVERSE: CommandTable = {
  description:
    'Converts a Nydus image back to an ordinary image.\n\n' +
    'Takes the original manifest, byte for byte, where it can still be had with its layers: from a merged index, or from the place that the image was converted from. Else each layer is made from its blob: the same files, in a canonical tar. No layer is stored on the way.',
  words: [
    ['[source]', 'Nydus image, or an index that holds one; the same as --source'],
    ['[target]', 'where the result goes; the same as --target'],
  ],
  usage: '[options] SOURCE TARGET',
  flags: REVERSE_FLAGS,
  examples: EXAMPLES,
  run: (call) => endingWithEvent(call, { name: call.name, flags: call.declared }, () => reverse(call)),
};

async function reverse(call: CommandCall): Promise<void> {
  const { words, flags, context, log } = call;
  const request = convertRequest(flags, words, {
    ...FILE_PROBLEMS,
    ...(await listFiles(asksForInput(flags), context)),
  });
  const notes = [...request.notes, ...unheededNotes(flags, CONVERT_FLAGS)];
  for (const note of notes) printMessage(context, `note: ${note}`);
  const { digestFile, imageFile } = request;
  if (imageFile !== undefined) tryReportFile(imageFile, IMAGE_FILE);
  if (digestFile !== undefined) tryReportFile(digestFile, DIGEST_FILE);
  const result = await run(request, call);
  const image = await deployName(request.target, result.root);
  // A document follows the files, so that it is the only one if a file cannot be written.
  if (!request.json) printLine(context.stdout, image);
  if (imageFile !== undefined) await writeWholeReportFile(imageFile, image, IMAGE_FILE);
  if (digestFile !== undefined) await writeWholeReportFile(digestFile, result.root.digest, DIGEST_FILE);
  setOutputs({ image, digest: result.root.digest }, flags, context);
  const document = reverseDocument(image, result);
  if (request.json) printJson(context.stdout, document, 2);
  if (request.progress === 'json' && !log.quiet) await endWithResult(document, context);
}

const IMAGE_FILE = '--image-file';
const DIGEST_FILE = '--digest-file';

async function run(
  request: ConvertRequest,
  { name, declared, flags, context, log }: CommandCall,
): Promise<ReverseResult> {
  const [{ openBudget }, { reverseImage }, { openSource, openTarget }, { openProgress }, locations] =
    await Promise.all([
      import('../../native/budget.js'),
      import('../../reverse/reverse.js'),
      import('../../registry/open.js'),
      import('../text/progress.js'),
      import('../flags/locations.js'),
    ]);
  const { registries, pushRetry, options } = request;
  const { workDir } = options;
  const budget = openBudget(request.limits);
  const transfer = { ...request.transfer, chunkSize: request.pushChunkSize };
  const sourceOptions = await openOptions(context.env, registries.source, { workDir, budget, transfer });
  await using source = openSource(
    await locations.sourceLocation(request.source, { workDir, budget, signal: context.signal }),
    sourceOptions,
  );
  await using target = openTarget(request.target, {
    ...(await openOptions(context.env, registries.target, { retry: pushRetry, workDir, budget, transfer })),
    imageName: request.imageName,
    verifyPresent: request.verifyPresent,
  });
  const progress = await openProgress(log.quiet ? 'none' : request.progress, context);
  try {
    const result = await reverseImage(
      { source, target },
      {
        ...reverseOptionsOf(flags, request),
        openOriginal: (location) => openSource(location, sourceOptions),
      },
      {
        signal: context.signal,
        reporter: withAdvice(progress.reporter, { name, flags: declared }),
        budget,
      },
    );
    progress.stop();
    if (!log.quiet && request.progress !== 'json' && request.progress !== 'none') {
      const { reverseSummary } = await import('../text/reverse.js');
      await printLines(context.stderr, reverseSummary(result));
    }
    return result;
  } finally {
    progress.stop();
  }
}
