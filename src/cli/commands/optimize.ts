/** `nydusify optimize`: the files that clients load first get a blob of their own. */
import { UsageError } from '../../errors.js';
import { allPlatforms, parsePlatforms, type PlatformSelection } from '../../oci/platform.js';
import type { OptimizeResult } from '../../optimize/optimize.js';
import { betweenEnds } from '../between-ends.js';
import type { CommandCall, CommandTable } from '../command.js';
import { deliver } from '../deliver.js';
import { deployName } from '../deploy-name.js';
import { idleBackendNotes } from '../flags/backend.js';
import { type FlagValues, requireFlags } from '../flags/flags.js';
import { imageWord } from '../flags/image-word.js';
import { secondBinaryNotes } from '../flags/later.js';
import { sourceOf, targetOf } from '../flags/locations.js';
import { machineArchitecture } from '../flags/machine.js';
import { OPTIMIZE_FLAGS, POLICIES } from '../flags/optimize.js';
import { listIn } from '../flags/prefetch-list.js';
import { endingWithEvent } from '../last-event.js';
import { listFiles } from '../list-files.js';
import { optimizeDocument } from '../report/optimize.js';
import { tryResultFiles, writeResultFiles } from '../result-files.js';
import { optimizeSummary } from '../text/optimize.js';
import { printMessage } from '../text/print.js';

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
  const { words, flags, context } = call;
  const notes: string[] = [];
  const source = imageWord(flags, 'source', words[0], notes);
  const target = imageWord(flags, 'target', words[1], notes);
  const file = flags.text('prefetch-files');
  requireFlags([
    ...(source === undefined ? ['source'] : []),
    ...(target === undefined ? ['target'] : []),
    ...(file === undefined ? ['prefetch-files'] : []),
  ]);
  notes.push(...idleBackendNotes(flags, 'source-'));
  flags.oneOf('policy', POLICIES);
  notes.push(...secondBinaryNotes(flags));
  const { patterns, note } = listIn(file ?? '', await listFiles(file === '-', context));
  notes.push(note);
  for (const line of notes) printMessage(context, `note: ${line}`);
  const files = { imageFile: flags.text('image-file'), digestFile: flags.text('digest-file') };
  tryResultFiles(files);
  const from = sourceOf(source ?? '');
  const to = targetOf(target ?? '', from);
  const result = await run(call, { from, to, patterns });
  const { root } = result;
  const image = await deployName(to, root);
  const document = optimizeDocument(image, result);
  await deliver(call, {
    image,
    root,
    document,
    writeFiles: () => writeResultFiles(files, { image, digest: root.digest }),
  });
}

interface OptimizeRequest {
  readonly from: ReturnType<typeof sourceOf>;
  readonly to: ReturnType<typeof targetOf>;
  readonly patterns: ReturnType<typeof listIn>['patterns'];
}

async function run(call: CommandCall, { from, to, patterns }: OptimizeRequest): Promise<OptimizeResult> {
  const { optimizeImage } = await import('../../optimize/optimize.js');
  const chosen = { prefetch: patterns, platforms: platformsOf(call.flags) };
  return betweenEnds(
    call,
    { from, to },
    {
      running: RUNNING,
      run: (ends, settings, given) => optimizeImage(ends, { ...chosen, ...settings }, given),
      summary: optimizeSummary,
    },
  );
}

/** Throws UsageError. All by default: an index should not hold images of two kinds by an accident of the machine. */
function platformsOf(flags: FlagValues): PlatformSelection {
  const text = flags.text('platform');
  if (flags.isOn('all-platforms') || text === undefined) return allPlatforms;
  if (text === '') throw new UsageError('--platform names no platform');
  return parsePlatforms(text, machineArchitecture());
}
