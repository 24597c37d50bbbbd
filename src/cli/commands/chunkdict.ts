/** `nydusify chunkdict generate`: a dictionary of the chunks that several Nydus images share. */
import type { Choice, Generated } from '../../dedup/generate.js';
import { UsageError } from '../../errors.js';
import type { CommandCall, CommandTable } from '../command.js';
import { CHUNKDICT_FLAGS, sharedOptionsOf } from '../flags/dedup.js';
import { backedSource, backedTarget } from '../backend.js';
import { backendOf, idleBackendNotes } from '../flags/backend.js';
import { secondBinaryNotes } from '../flags/later.js';
import { openOptions } from '../flags/environment.js';
import { requireFlags } from '../flags/flags.js';
import { limitsOf } from '../flags/limits.js';
import { OpenStores } from '../stores.js';
import { registryFlags, transferOptions } from '../flags/registry.js';
import { printJson, printLines, printMessage } from '../text/print.js';
import { formatBytes, plural } from '../text/units.js';

const EXAMPLES = `
Examples:
  Out of versions of an image; the newest one is held back, and says what the dictionary saves:
    $ nydusify chunkdict generate --target registry.example/app:dict registry.example/app:1-nydus registry.example/app:2-nydus registry.example/app:3-nydus
  As upstream's nydusify is called:
    $ nydusify chunkdict generate --sources registry.example/app:1-nydus,registry.example/app:2-nydus --target registry.example/app:dict
  For every platform of multi-platform images:
    $ nydusify chunkdict generate --all-platforms --target registry.example/app:dict registry.example/app:1-nydus registry.example/app:2-nydus
  Then:
    $ nydusify convert --chunk-dict registry.example/app:dict registry.example/app:4 registry.example/app:4-nydus

It ends with 1, and makes nothing, when the dictionary saves less than 5 %; --force makes it all the same.`;

export const CHUNKDICT: CommandTable = {
  description:
    'Makes a chunk dictionary: a Nydus image with the chunks that several Nydus images share, for `convert --chunk-dict`.\n\n' +
    'Reads the bootstraps of all images, and of their blobs only the chunks that are chosen. Equal images give equal dictionaries.',
  words: [
    ['<action>', 'generate'],
    ['[images...]', 'Nydus images; the same as --sources'],
  ],
  usage: 'generate [options] IMAGE…',
  action: 'generate',
  flags: CHUNKDICT_FLAGS,
  examples: EXAMPLES,
  run: async (call) => {
    const { words, flags, context, log } = call;
    const [action, ...images] = words;
    if (action !== 'generate')
      throw new UsageError(`chunkdict has no action "${action ?? ''}"`, {
        hint: 'nydusify chunkdict generate',
      });
    const notes = [...idleBackendNotes(flags, ''), ...secondBinaryNotes(flags)];
    for (const note of notes) printMessage(context, `note: ${note}`);
    const listed = (flags.text('sources') ?? '').split(',').filter((name) => name !== '');
    const sources = [...listed, ...images];
    if (sources.length === 0) requireFlags(['sources']);
    const target = flags.text('target');
    if (target === undefined) requireFlags(['target']);
    const generated = await generate(call, sources, target ?? '');
    if (flags.isOn('json')) printJson(context.stdout, documentOf(generated), 2);
    else if (!log.quiet) await printLines(context.stdout, linesOf(generated));
    if (generated.result === undefined) context.exitCode = 1;
  },
};

async function generate(
  { flags, context }: CommandCall,
  images: readonly string[],
  to: string,
): Promise<Generated> {
  const [{ openBudget }, { generateDictionary }, { openSource, openTarget }] = await Promise.all([
    import('../../native/budget.js'),
    import('../../dedup/generate.js'),
    import('../../registry/open.js'),
  ]);
  const workDir = flags.text('work-dir');
  const budget = openBudget(limitsOf(flags));
  const settings = { workDir, budget, transfer: transferOptions(flags) };
  const options = await openOptions(context.env, registryFlags(flags, 'source'), settings);
  await using open = new OpenStores();
  const backend = backendOf(flags, '');
  const stores = [];
  for (const image of images)
    stores.push(open.add(await backedSource(openSource(image, options), backend, options)));
  const targetOptions = await openOptions(context.env, registryFlags(flags, 'target'), settings);
  const target = open.add(await backedTarget(openTarget(to, targetOptions), backend, targetOptions, false));
  return await generateDictionary(
    stores,
    target,
    {
      ...sharedOptionsOf(flags),
      allPlatforms: flags.isOn('all-platforms'),
      inSources: flags.isOn('reference'),
      force: flags.isOn('force'),
    },
    {
      signal: context.signal,
      budget,
      reporter: {
        emit: (event) => {
          if (event.type === 'warning') printMessage(context, `warning: ${event.message}`);
        },
      },
    },
  );
}

function documentOf({ result, platforms, ...choice }: Generated): object {
  return {
    schemaVersion: 1,
    ...choiceJson(choice),
    platforms: platforms.map((one) => ({ ...one, ...choiceJson(one) })),
    target:
      result === undefined
        ? null
        : { image: result.target, digest: result.root.digest, bytes: result.targetBytes },
  };
}

function choiceJson({ saving, ...choice }: Choice): object {
  return { ...choice, saving: saving ?? null };
}

const percent = (share: number): string => `${(share * 100).toFixed(1)} %`;

function* linesOf({ platforms, saving, result }: Generated): Generator<string> {
  for (const one of platforms) yield* choiceLines(one, platforms.length === 1 ? '' : `${one.platform}: `);
  if (result === undefined)
    yield `saves ${percent(saving ?? 0)}, which is less than 5 %: not made (--force makes it)`;
  else yield `${result.target}@${result.root.digest}`;
}

function* choiceLines(
  { sources, heldBack, chunks, chunkBytes, saving }: Choice,
  before: string,
): Generator<string> {
  yield `${before}${plural(chunks, 'chunk')} of ${plural(sources.length, 'image')}, ${formatBytes(chunkBytes)} stored`;
  for (const { image, storedBytes, savedBytes } of heldBack) {
    const share = storedBytes === 0 ? 0 : savedBytes / storedBytes;
    yield `  held back: ${image}: ${formatBytes(storedBytes - savedBytes)} instead of ${formatBytes(storedBytes)} (${percent(share)} less)`;
  }
  if (saving === undefined) yield '  no image was held back: no repository has two images more than it needs';
}
