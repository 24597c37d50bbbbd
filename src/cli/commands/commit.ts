/** `nydusify commit`: a tar of changes becomes one more layer of a Nydus image. */
import type { CommitResult } from '../../commit/commit.js';
import { MAXIMUM_TIMES } from '../../commit/options.js';
import { parsePlatform } from '../../oci/platform.js';
import { betweenEnds } from '../between-ends.js';
import type { CommandCall, CommandTable } from '../command.js';
import { deliver } from '../deliver.js';
import { deployName } from '../deploy-name.js';
import { idleBackendNotes } from '../flags/backend.js';
import { COMMIT_FLAGS, refuseContainer } from '../flags/commit.js';
import { requireFlags } from '../flags/flags.js';
import { givenFormatOf } from '../flags/format.js';
import { imageWord } from '../flags/image-word.js';
import { secondBinaryNotes } from '../flags/later.js';
import { sourceOf, targetOf } from '../flags/locations.js';
import { hostPlatform, machineArchitecture } from '../flags/machine.js';
import { endingWithEvent } from '../last-event.js';
import { commitDocument } from '../report/commit.js';
import { tryResultFiles, writeResultFiles } from '../result-files.js';
import { commitSummary } from '../text/commit.js';
import { printMessage } from '../text/print.js';

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
  const { flags, context } = call;
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
  const to = targetOf(target ?? '', from);
  const result = await run(call, { from, to, diff: diff ?? '' });
  const { root } = result;
  const image = await deployName(to, root);
  const document = commitDocument(image, result);
  await deliver(call, {
    image,
    root,
    document,
    writeFiles: () => writeResultFiles(files, { image, digest: root.digest }),
  });
}

interface CommitRequest {
  readonly from: ReturnType<typeof sourceOf>;
  readonly to: ReturnType<typeof targetOf>;
  /** The file of the changes. */
  readonly diff: string;
}

async function run(call: CommandCall, { from, to, diff }: CommitRequest): Promise<CommitResult> {
  const [{ openChanges }, { commitImage }] = await Promise.all([
    import('../../commit/changes.js'),
    import('../../commit/commit.js'),
  ]);
  const { flags, context } = call;
  const platform = flags.text('platform');
  const options = {
    platform: platform === undefined ? undefined : parsePlatform(platform, machineArchitecture()),
    preferred: hostPlatform(),
    format: givenFormatOf(flags),
    message: flags.text('message'),
    author: flags.text('author'),
    created: flags.text('created'),
    maximumTimes: flags.number('maximum-times') ?? MAXIMUM_TIMES,
  };
  const changes = await openChanges(diff, context.signal);
  return betweenEnds(
    call,
    { from, to },
    {
      running: RUNNING,
      run: ({ source, target }, settings, given) =>
        commitImage({ base: source, target }, changes, { ...options, ...settings }, given),
      summary: commitSummary,
    },
  );
}
