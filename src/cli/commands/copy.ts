/** `nydusify copy`: flags in, the library called, the result shown. What it needs is loaded when it runs, not before. */
import type { CopyComparison } from '../../copy/compare.js';
import type { CopyResult } from '../../copy/copy.js';
import type { CallOptions } from '../../reporter.js';
import { backedSource } from '../backend.js';
import { setOutputs } from '../ci/github-files.js';
import type { CommandCall, CommandTable } from '../command.js';
import { deployName } from '../deploy-name.js';
import { COPY_FLAGS } from '../flags/copy.js';
import { type CopyRequest, copyRequest } from '../flags/copy-request.js';
import { openOptions } from '../flags/environment.js';
import { PROGRESS_FORMS } from '../flags/convert.js';
import { sourceLocation } from '../flags/locations.js';
import { endingWithEvent, endWithResult } from '../last-event.js';
import { copyDocument } from '../report/copy.js';
import { tryReportFile, writeWholeReportFile } from '../report-file.js';
import { comparisonLines, copySummary } from '../text/copy.js';
import { printJson, printLine, printLines, printMessage } from '../text/print.js';
import { withAdvice } from '../text/remedies.js';

const EXAMPLES = `
Examples:
  From one registry to another, with everything that the index lists:
    $ nydusify copy registry.example/app:1.0-nydus mirror.example/app:1.0-nydus
  Signatures and other referrers too, and read again what arrived:
    $ nydusify copy --referrers --verify registry.example/app:1.0-nydus mirror.example/app:1.0-nydus
  Into a file for a place without a network, and out of it:
    $ nydusify copy registry.example/app:1.0-nydus oci-archive:app.tar:1.0-nydus
    $ nydusify copy oci-archive:app.tar:1.0-nydus registry.lan:5000/app:1.0-nydus
  As upstream's nydusify is called:
    $ nydusify copy --source registry.example/app:1.0-nydus --target file://app.tar
  The images for one platform alone:
    $ nydusify copy --platform linux/arm64 registry.example/app:1.0-nydus oci:app:1.0-nydus

A copy that was interrupted goes on where it ended when it is run again: nothing is sent that the target has.`;

export const COPY: CommandTable = {
  description:
    'Copies an image as it is, byte for byte: OCI, Docker and Nydus images, whole indexes and artifacts.\n\n' +
    'SOURCE and TARGET are image references, or oci:FOLDER[:TAG], oci-archive:FILE[:TAG], docker-archive:FILE[:REFERENCE] (source only), file://FILE.',
  words: [
    ['[source]', 'image to copy; the same as --source'],
    ['[target]', 'where it goes; the same as --target'],
  ],
  usage: '[options] SOURCE TARGET',
  flags: COPY_FLAGS,
  examples: EXAMPLES,
  run: (call) => endingWithEvent(call, RUNNING, () => copy(call)),
};

const DIGEST_FILE = '--digest-file';
const IMAGE_FILE = '--image-file';
const RUNNING = { name: 'copy', flags: COPY_FLAGS };

interface Copied {
  /** Undefined when nothing was to be copied. */
  readonly result: CopyResult | undefined;
  /** Undefined when nothing was to be compared. */
  readonly comparison: CopyComparison | undefined;
}

async function copy(call: CommandCall): Promise<void> {
  const { words, flags, context, log } = call;
  const request = copyRequest(flags, words);
  for (const note of request.notes) printMessage(context, `note: ${note}`);
  const files = [
    ['digest-file', DIGEST_FILE],
    ['image-file', IMAGE_FILE],
  ] as const;
  for (const [name, flag] of files) {
    const path = flags.text(name);
    if (path !== undefined) tryReportFile(path, flag);
  }
  const { result, comparison } = await run(call, request);
  const root = result?.root ?? comparison?.root;
  if (root === undefined) return;
  const image = await deployName(request.target, root);
  const differs = comparison !== undefined && comparison.differences.length > 0;
  if (differs) context.exitCode = 1;
  const isJson = flags.isOn('json');
  if (comparison !== undefined && !isJson && (differs || !log.quiet))
    await printLines(differs ? context.stdout : context.stderr, comparisonLines(comparison));
  if (!isJson && !differs) printLine(context.stdout, image);
  const [digestFile, imageFile] = [flags.text('digest-file'), flags.text('image-file')];
  if (imageFile !== undefined && !differs) await writeWholeReportFile(imageFile, image, IMAGE_FILE);
  if (digestFile !== undefined && !differs) await writeWholeReportFile(digestFile, root.digest, DIGEST_FILE);
  setOutputs({ image, digest: root.digest }, flags, context);
  const document = copyDocument(image, root, result, comparison);
  if (isJson) printJson(context.stdout, document, 2);
  if (flags.text('progress') === 'json' && !log.quiet) await endWithResult(document, context);
}

async function run({ flags, log, context }: CommandCall, request: CopyRequest): Promise<Copied> {
  const [{ openBudget }, { copyImage }, { openSource, openTarget }, { openProgress }] = await Promise.all([
    import('../../native/budget.js'),
    import('../../copy/copy.js'),
    import('../../registry/open.js'),
    import('../text/progress.js'),
  ]);
  const { registries, pushRetry, verify, options } = request;
  const { signal } = context;
  const workDir = flags.text('work-dir');
  const budget = openBudget(request.limits);
  const transfer = { ...request.transfer, chunkSize: request.pushChunkSize };
  const settings = { workDir, budget, transfer };
  const sourceOptions = await openOptions(context.env, registries.source, settings);
  await using source = await backedSource(
    openSource(await sourceLocation(request.source, { workDir, budget, signal }), sourceOptions),
    request.backend,
    sourceOptions,
  );
  const targetOptions = await openOptions(context.env, registries.target, { ...settings, retry: pushRetry });
  const form = flags.oneOf('progress', PROGRESS_FORMS) ?? 'auto';
  const isMute = log.quiet || (flags.isOn('json') && form === 'auto');
  const progress = await openProgress(isMute ? 'none' : form, context);
  const call: CallOptions = { signal, budget, reporter: withAdvice(progress.reporter, RUNNING) };
  const copied = async (): Promise<CopyResult> => {
    await using target = openTarget(request.target, {
      ...targetOptions,
      imageName: request.imageName,
      verifyPresent: flags.isOn('verify-present'),
    });
    return await copyImage({ source, target }, options, call);
  };
  try {
    const result = verify === 'only' ? undefined : await copied();
    const comparison = verify === 'no' ? undefined : await compared();
    progress.stop();
    if (result !== undefined && !isMute && form !== 'json' && form !== 'none')
      await printLines(context.stderr, copySummary(result));
    return { result, comparison };
  } finally {
    progress.stop();
  }

  async function compared(): Promise<CopyComparison> {
    const { compareCopy } = await import('../../copy/compare.js');
    // Opened anew, so that nothing is believed that was there before.
    await using target = openSource(request.target, { ...targetOptions, side: 'target' });
    return await compareCopy({ source, target }, options, call);
  }
}
