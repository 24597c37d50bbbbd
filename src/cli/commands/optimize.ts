/** `nydusify optimize`: the files that clients load first get a blob of their own. */
import { UsageError } from '../../errors.js';
import { allPlatforms, parsePlatforms, type PlatformSelection } from '../../oci/platform.js';
import type { OptimizeResult } from '../../optimize/optimize.js';
import { setOutputs } from '../ci/github-files.js';
import type { CommandCall, CommandTable } from '../command.js';
import { deployName } from '../deploy-name.js';
import { backedSource } from '../backend.js';
import { type BackendPlace, backendOf, idleBackendNotes } from '../flags/backend.js';
import { PROGRESS_FORMS } from '../flags/convert.js';
import { openOptions } from '../flags/environment.js';
import { type FlagValues, requireFlags } from '../flags/flags.js';
import { imageWord } from '../flags/image-word.js';
import { secondBinaryNotes } from '../flags/later.js';
import { sourceLocation, sourceOf, targetOf } from '../flags/locations.js';
import { limitsOf } from '../flags/limits.js';
import { machineArchitecture } from '../flags/machine.js';
import { OPTIMIZE_FLAGS, POLICIES } from '../flags/optimize.js';
import { listIn } from '../flags/prefetch-list.js';
import { pushRetryOf } from '../flags/push-retry.js';
import { registryFlags } from '../flags/registry.js';
import { transfersOf } from '../flags/transfer.js';
import { endingWithEvent, endWithResult } from '../last-event.js';
import { listFiles } from '../list-files.js';
import { optimizeDocument } from '../report/optimize.js';
import { tryResultFiles, writeResultFiles } from '../result-files.js';
import { optimizeSummary } from '../text/optimize.js';
import { printJson, printLine, printLines, printMessage } from '../text/print.js';
import { withAdvice } from '../text/remedies.js';

const EXAMPLES = `
Examples:
  The files that a start has read, out of a log of strace:
    $ strace -f -e trace=file -o start.log /usr/bin/app --version
    $ nydusify optimize --prefetch-files start.log registry.example/app:1.0-nydus registry.example/app:1.0-fast
  As upstream's nydusify is called:
    $ nydusify optimize --source registry.example/app:1.0-nydus --target registry.example/app:1.0-fast --prefetch-files list.json
  A newer list for the same image, in its place:
    $ nydusify optimize --prefetch-files list.txt registry.example/app:1.0-fast registry.example/app:1.0-fast
  What it saves a client, in requests and bytes:
    $ nydusify optimize --json --prefetch-files list.txt registry.example/app:1.0-nydus oci:app:fast | jq '.platforms[].reads'

The last line on standard output says what to deploy: registry.example/app@sha256:… With --json it is the member image.`;

export const OPTIMIZE: CommandTable = {
  description:
    'Gives the files that clients load first a blob of their own, so that few requests bring them.\n\n' +
    'The blobs of the image stay as they are, and go to the target with it; the bootstrap is written anew. In an index the original images stay, too. A list that was used before is replaced.',
  words: [
    ['[source]', 'Nydus image, or an index that holds one; the same as --source'],
    ['[target]', 'where the result goes; the same as --target'],
  ],
  usage: '[options] SOURCE TARGET',
  flags: OPTIMIZE_FLAGS,
  examples: EXAMPLES,
  run: (call) => endingWithEvent(call, RUNNING, () => optimize(call)),
};

const RUNNING = { name: 'optimize', flags: OPTIMIZE_FLAGS };

async function optimize(call: CommandCall): Promise<void> {
  const { words, flags, context, log } = call;
  const notes: string[] = [];
  const source = imageWord(flags, 'source', words[0], notes);
  const target = imageWord(flags, 'target', words[1], notes);
  const file = flags.text('prefetch-files');
  requireFlags([
    ...(source === undefined ? ['source'] : []),
    ...(target === undefined ? ['target'] : []),
    ...(file === undefined ? ['prefetch-files'] : []),
  ]);
  const backend = backendOf(flags, 'source-');
  notes.push(...idleBackendNotes(flags, 'source-'));
  flags.oneOf('policy', POLICIES);
  notes.push(...secondBinaryNotes(flags));
  const { patterns, note } = listIn(file ?? '', await listFiles(file === '-', context));
  notes.push(note);
  for (const line of notes) printMessage(context, `note: ${line}`);
  const files = { imageFile: flags.text('image-file'), digestFile: flags.text('digest-file') };
  tryResultFiles(files);
  const from = sourceOf(source ?? '');
  const place = targetOf(target ?? '', from);
  const result = await run(call, { source: from, backend, target: place, patterns });
  const image = await deployName(place, result.root);
  // A document follows the files, so that it is the only one if a file cannot be written.
  if (!flags.isOn('json')) printLine(context.stdout, image);
  const names = { image, digest: result.root.digest };
  await writeResultFiles(files, names);
  setOutputs(names, flags, context);
  const document = optimizeDocument(image, result);
  if (flags.isOn('json')) printJson(context.stdout, document, 2);
  if (flags.text('progress') === 'json' && !log.quiet) await endWithResult(document, context);
}

interface OptimizeRequest {
  readonly source: ReturnType<typeof sourceOf>;
  /** Where the blobs of the source lie, if its registry does not have them. */
  readonly backend: BackendPlace | undefined;
  readonly target: ReturnType<typeof targetOf>;
  readonly patterns: ReturnType<typeof listIn>['patterns'];
}

async function run(
  { flags, context, log }: CommandCall,
  { source: from, backend, target: to, patterns }: OptimizeRequest,
): Promise<OptimizeResult> {
  const [{ openBudget }, { optimizeImage }, { openSource, openTarget }, { openProgress }] = await Promise.all(
    [
      import('../../native/budget.js'),
      import('../../optimize/optimize.js'),
      import('../../registry/open.js'),
      import('../text/progress.js'),
    ],
  );
  const workDir = flags.text('work-dir');
  const budget = openBudget(limitsOf(flags));
  const { concurrency, transfer } = transfersOf(flags);
  const settings = { workDir, budget, transfer };
  const sourceOptions = await openOptions(context.env, registryFlags(flags, 'source'), settings);
  const { signal } = context;
  await using source = await backedSource(
    openSource(await sourceLocation(from, { workDir, budget, signal }), sourceOptions),
    backend,
    sourceOptions,
  );
  await using target = openTarget(to, {
    ...(await openOptions(context.env, registryFlags(flags, 'target'), {
      ...settings,
      retry: pushRetryOf(flags),
    })),
    imageName: from.kind === 'registry' ? from.reference : undefined,
    verifyPresent: flags.isOn('verify-present'),
  });
  const form = flags.oneOf('progress', PROGRESS_FORMS) ?? 'auto';
  const progress = await openProgress(log.quiet ? 'none' : form, context);
  const threads = flags.number('threads');
  try {
    const result = await optimizeImage(
      { source, target },
      {
        prefetch: patterns,
        platforms: platformsOf(flags),
        concurrency,
        ...(threads === undefined ? {} : { threads }),
        workDir,
      },
      { signal, reporter: withAdvice(progress.reporter, RUNNING), budget },
    );
    progress.stop();
    if (!log.quiet && form !== 'json' && form !== 'none')
      await printLines(context.stderr, optimizeSummary(result));
    return result;
  } finally {
    progress.stop();
  }
}

/** Throws UsageError. All by default: an index should not hold images of two kinds by an accident of the machine. */
function platformsOf(flags: FlagValues): PlatformSelection {
  const text = flags.text('platform');
  if (flags.isOn('all-platforms') || text === undefined) return allPlatforms;
  if (text === '') throw new UsageError('--platform names no platform');
  return parsePlatforms(text, machineArchitecture());
}
