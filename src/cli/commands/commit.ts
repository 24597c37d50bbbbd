/** `nydusify commit`: a tar of changes becomes one more layer of a Nydus image. */
import type { CommitResult } from '../../commit/commit.js';
import { MAXIMUM_TIMES } from '../../commit/options.js';
import { parsePlatform } from '../../oci/platform.js';
import { backedSource } from '../backend.js';
import { setOutputs } from '../ci/github-files.js';
import type { CommandCall, CommandTable } from '../command.js';
import { deployName } from '../deploy-name.js';
import { backendOf, idleBackendNotes } from '../flags/backend.js';
import { COMMIT_FLAGS, refuseContainer } from '../flags/commit.js';
import { PROGRESS_FORMS } from '../flags/convert.js';
import { openOptions } from '../flags/environment.js';
import { requireFlags } from '../flags/flags.js';
import { givenFormatOf } from '../flags/format.js';
import { imageWord } from '../flags/image-word.js';
import { secondBinaryNotes } from '../flags/later.js';
import { limitsOf } from '../flags/limits.js';
import { sourceLocation, sourceOf, targetOf } from '../flags/locations.js';
import { hostPlatform, machineArchitecture } from '../flags/machine.js';
import { pushRetryOf } from '../flags/push-retry.js';
import { registryFlags } from '../flags/registry.js';
import { transfersOf } from '../flags/transfer.js';
import { endingWithEvent, endWithResult } from '../last-event.js';
import { commitDocument } from '../report/commit.js';
import { tryResultFiles, writeResultFiles } from '../result-files.js';
import { commitSummary } from '../text/commit.js';
import { printJson, printLine, printLines, printMessage } from '../text/print.js';
import { withAdvice } from '../text/remedies.js';

const EXAMPLES = `
Examples:
  What a build has changed, as a layer on top:
    $ nydusify commit --base registry.example/app:1.0-nydus --diff-tar changes.tar registry.example/app:1.1-nydus
  The upper directory of an overlay mount; without its attributes some directories would show again what they hide:
    $ tar --xattrs --xattrs-include='*' -C upper -c . | nydusify commit --base registry.example/app:1.0-nydus --diff-tar - registry.example/app:1.1-nydus
  A container of containerd:
    $ ctr snapshots --snapshotter nydus diff CONTAINER | nydusify commit --base registry.example/app:1.0-nydus --diff-tar - registry.example/app:1.1-nydus

The last line on standard output says what to deploy: registry.example/app@sha256:… With --json it is the member image.`;

export const COMMIT: CommandTable = {
  description:
    'Puts a tar of changes on a Nydus image as one more layer.\n\n' +
    'Only the bootstrap of the base is read; its blobs are mounted or copied into the target. On a merged index the ordinary image gets the same layer, so that every client sees the changes.',
  words: [
    ['[base]', 'Nydus image that the changes are put on; the same as --base'],
    ['[target]', 'where the result goes; the same as --target. A word alone is the target'],
  ],
  usage: '[options] --diff-tar FILE BASE TARGET',
  flags: COMMIT_FLAGS,
  examples: EXAMPLES,
  run: (call) => endingWithEvent(call, RUNNING, () => commit(call)),
};

const RUNNING = { name: 'commit', flags: COMMIT_FLAGS };

async function commit(call: CommandCall): Promise<void> {
  const { flags, context, log } = call;
  const notes: string[] = [...refuseContainer(flags), ...secondBinaryNotes(flags)];
  const words = call.words.length === 1 ? [undefined, ...call.words] : call.words;
  const base = imageWord(flags, 'base', words[0], notes);
  const target = imageWord(flags, 'target', words[1], notes);
  const diff = flags.text('diff-tar');
  notes.push(...idleBackendNotes(flags, 'source-'));
  for (const line of notes) printMessage(context, `note: ${line}`);
  requireFlags([
    ...(base === undefined ? ['base'] : []),
    ...(diff === undefined ? ['diff-tar'] : []),
    ...(target === undefined ? ['target'] : []),
  ]);
  const files = { imageFile: flags.text('image-file'), digestFile: flags.text('digest-file') };
  tryResultFiles(files);
  const from = sourceOf(base ?? '');
  const place = targetOf(target ?? '', from);
  const result = await run(call, { base: from, target: place, diff: diff ?? '' });
  const image = await deployName(place, result.root);
  if (!flags.isOn('json')) printLine(context.stdout, image);
  const names = { image, digest: result.root.digest };
  await writeResultFiles(files, names);
  setOutputs(names, flags, context);
  const document = commitDocument(image, result);
  if (flags.isOn('json')) printJson(context.stdout, document, 2);
  if (flags.text('progress') === 'json' && !log.quiet) await endWithResult(document, context);
}

interface CommitRequest {
  readonly base: ReturnType<typeof sourceOf>;
  readonly target: ReturnType<typeof targetOf>;
  /** The file of the changes. */
  readonly diff: string;
}

async function run(
  { flags, context, log }: CommandCall,
  { base: from, target: to, diff }: CommitRequest,
): Promise<CommitResult> {
  const [{ openBudget }, { openChanges }, { commitImage }, { openSource, openTarget }, { openProgress }] =
    await Promise.all([
      import('../../native/budget.js'),
      import('../../commit/changes.js'),
      import('../../commit/commit.js'),
      import('../../registry/open.js'),
      import('../text/progress.js'),
    ]);
  const { signal } = context;
  const workDir = flags.text('work-dir');
  const platform = flags.text('platform');
  const threads = flags.number('threads');
  const options = {
    platform: platform === undefined ? undefined : parsePlatform(platform, machineArchitecture()),
    preferred: hostPlatform(),
    format: givenFormatOf(flags),
    message: flags.text('message'),
    author: flags.text('author'),
    created: flags.text('created'),
    maximumTimes: flags.number('maximum-times') ?? MAXIMUM_TIMES,
    ...(threads === undefined ? {} : { threads }),
    workDir,
  };
  const changes = await openChanges(diff, signal);
  const budget = openBudget(limitsOf(flags));
  const { concurrency, transfer } = transfersOf(flags);
  const settings = { workDir, budget, transfer };
  const baseOptions = await openOptions(context.env, registryFlags(flags, 'source'), settings);
  await using base = await backedSource(
    openSource(await sourceLocation(from, { workDir, budget, signal }), baseOptions),
    backendOf(flags, 'source-'),
    baseOptions,
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
  try {
    const result = await commitImage(
      { base, target },
      changes,
      { ...options, concurrency },
      { signal, reporter: withAdvice(progress.reporter, RUNNING), budget },
    );
    progress.stop();
    if (!log.quiet && form !== 'json' && form !== 'none')
      await printLines(context.stderr, commitSummary(result));
    return result;
  } finally {
    progress.stop();
  }
}
