/** `nydusify plan`: what `convert` with the same flags would do, as a table or as JSON. */
import { existsSync } from 'node:fs';
import type { ConversionPlan, PlannedImage, PlannedLayer } from '../../convert/plan.js';
import type { PlannedDictionary } from '../../convert/plan-dictionary.js';
import { digestHex } from '../../oci/digest.js';
import { UsageError } from '../../errors.js';
import type { CommandTable } from '../command.js';
import type { CliContext } from '../context.js';
import { parseByteSize } from '../flags/byte-size.js';
import { FILE_PROBLEMS } from '../flags/file-problems.js';
import { PLAN_FLAGS } from '../flags/convert.js';
import type { CacheRequest } from '../flags/cache.js';
import { openCache } from '../flags/open-cache.js';
import type { ImageSource } from '../../registry/stores/store.js';
import { backedSource } from '../backend.js';
import { openOptions } from '../flags/environment.js';
import { type ConvertRequest, convertRequest } from '../flags/options.js';
import { asksForInput } from '../flags/prefetch-list.js';
import { listFiles } from '../list-files.js';
import { printJson, printLines, printMessage } from '../text/print.js';
import { withAdvice } from '../text/remedies.js';
import { table } from '../text/columns.js';
import { leftOutLines } from '../text/left-out.js';
import { sampleLines } from '../text/sample.js';
import { formatBytes, formatMs, plural } from '../text/units.js';

const EXAMPLES = `
Examples:
  What a conversion would move, and how long it might take:
    $ nydusify plan --merge-platform registry.example/app:1.0 registry.example/app:1.0-nydus
  What other formats would cost or save, measured on layers of 64 MB:
    $ nydusify plan --sample 64M registry.example/app:1.0 registry.example/app:1.0-nydus
  For a program:
    $ nydusify plan --json --all-platforms registry.example/app:1.0 registry.example/app:1.0-nydus

Sizes of blobs are estimates until an image has been converted once; nothing is written anywhere.
With --flatten the layers are read and packed, as only they tell what a container sees of them; the sizes are exact then.`;

export const PLAN: CommandTable = {
  description:
    'Says what `convert` with the same flags would pull, convert, reuse and push, in bytes, and about how long it takes.\n\n' +
    'Reads manifests, with --sample layers too, and asks the target what it holds; writes nothing.',
  words: [
    ['[source]', 'image to convert; the same as --source'],
    ['[target]', 'where the result would go; the same as --target'],
  ],
  usage: '[options] SOURCE TARGET',
  flags: PLAN_FLAGS,
  follows: 'convert',
  examples: EXAMPLES,
  run: async (call) => {
    const [source, target] = call.words;
    const { context, flags } = call;
    if (flags.isOn('reverse')) throw new UsageError('there is no plan for --reverse');
    const request = convertRequest(flags, [source, target], {
      ...FILE_PROBLEMS,
      ...(await listFiles(asksForInput(flags), context)),
    });
    for (const note of request.notes) printMessage(context, `note: ${note}`);
    const sample = flags.text('sample');
    const plan = await run(
      request,
      sample === undefined ? undefined : parseByteSize('sample', sample),
      context,
    );
    if (flags.isOn('json')) printJson(context.stdout, { schemaVersion: 1, ...plan }, 2);
    else await printLines(context.stdout, planLines(plan));
  },
};

/** A plan writes nothing, whatever a conversion would. */
function readOnly({ cache }: ConvertRequest): CacheRequest | undefined {
  if (cache === undefined) return undefined;
  const { location, mode, folder } = cache;
  return {
    ...cache,
    mode: 'ro',
    location: mode === 'wo' ? undefined : location,
    folder: folder !== undefined && existsSync(folder.path) ? folder : undefined,
  };
}

async function run(
  request: ConvertRequest,
  sample: number | undefined,
  context: CliContext,
): Promise<ConversionPlan> {
  const [{ openBudget }, { planConversion }, { openSource }, { openDictionary }, locations] =
    await Promise.all([
      import('../../native/budget.js'),
      import('../../convert/plan.js'),
      import('../../registry/open.js'),
      import('../dictionary.js'),
      import('../flags/locations.js'),
    ]);
  const { options, registries } = request;
  const { workDir } = options;
  const openPlannedTarget = async (place: typeof request.target): Promise<ImageSource> => {
    const targetOptions = await openOptions(context.env, registries.target, { workDir, budget });
    return backedSource(openSource(place, targetOptions), request.backends.target, targetOptions);
  };
  const budget = openBudget(request.limits);
  const sourceOptions = await openOptions(context.env, registries.source, { workDir, budget });
  await using source = openSource(
    await locations.sourceLocation(request.source, { workDir, budget, signal: context.signal }),
    sourceOptions,
  );
  // Folders and files are not looked into: they are rewritten or made anew.
  await using target =
    request.target.kind === 'registry' ? await openPlannedTarget(request.target) : undefined;
  await using dictionary = await openDictionary(request.dictionary, () =>
    openOptions(context.env, registries.dictionary, { workDir, budget }),
  );
  await using cacheStore = await openCache({ cache: readOnly(request) }, { workDir, budget }, context);
  const asked = readOnly(request);
  const cache = asked === undefined ? undefined : { ...asked, store: cacheStore };
  return await planConversion(
    { source, target: target ?? request.target, cache },
    {
      ...options,
      sample,
      dictionary: dictionary.dictionary,
      openOriginal: (place) => openSource(place, sourceOptions),
    },
    {
      signal: context.signal,
      budget,
      reporter: withAdvice(
        {
          emit: (event) => {
            if (event.type === 'warning') printMessage(context, `warning: ${event.message}`);
          },
        },
        { name: 'plan', flags: PLAN_FLAGS },
      ),
    },
  );
}

const TO_BE_PUSHED = { push: 'pushed', mount: 'mounted', present: 'present' } as const;

/** The plan for a person. */
function planLines(plan: ConversionPlan): readonly string[] {
  const { totals, estimate, kept } = plan;
  const keptText = kept === 0 ? [] : [`kept as they are  ${kept} other ${kept === 1 ? 'entry' : 'entries'}`];
  return [
    ...plan.images.flatMap((image) => [...imageLines(image), '']),
    ...table(
      [
        ['to pull', formatBytes(totals.pull)],
        ['to convert', formatBytes(totals.convert)],
        ['to push', `about ${formatBytes(totals.push)}`],
        ['reused', formatBytes(totals.reuse)],
        ['time', `about ${formatMs(estimate.seconds * 1000)}`],
      ],
      new Set([0, 1]),
    ),
    ...keptText,
    ...cacheLines(plan),
    `The time rests on ${estimate.basis}.`,
    ...(plan.sample === undefined ? [] : ['', ...sampleLines(plan.sample)]),
  ];
}

/** Blobs of a dictionary that no file will refer to stay where they are. */
function dictionaryLines({ names, chunks, blobs }: PlannedDictionary): readonly string[] {
  const ways = { push: 'copied', mount: 'mounted', present: 'present' } as const;
  return [
    `chunk dictionary ${names.join(', ')}: ${plural(chunks, 'chunk')} need not be stored again; what that saves only a conversion tells`,
    ...blobs.map(({ digest, size, blob }) => {
      const bytes = size === undefined ? '' : `, ${formatBytes(size)}`;
      return `  blob ${digestHex(digest).slice(0, 12)}${bytes}: if files refer to it, ${ways[blob]}`;
    }),
  ];
}

function cacheLines({ cache }: ConversionPlan): readonly string[] {
  if (cache === undefined) return [];
  const { hits, misses, savedBytes } = cache;
  return [
    `build cache: ${hits} of ${plural(hits + misses, 'layer')} found, ${formatBytes(savedBytes)} of the source need not be read`,
  ];
}

function imageLines({ platform, manifest, layers, dictionary }: PlannedImage): readonly string[] {
  const withCopy = layers.some(({ copy }) => copy !== undefined);
  const withCache = layers.some(({ cache }) => cache !== undefined);
  const head = [
    ...['layer', 'digest', 'pull', 'blob', 'blob is'],
    ...(withCache ? ['cache'] : []),
    ...(withCopy ? ['original is'] : []),
  ];
  const row = (
    { digest, pull, blobBytes, blob, cache, copy, leftOut }: PlannedLayer,
    i: number,
  ): string[] => [
    String(i + 1),
    digestHex(digest).slice(0, 12),
    formatBytes(pull),
    `${blob === 'push' && leftOut === undefined ? '~' : ''}${formatBytes(blobBytes)}`,
    TO_BE_PUSHED[blob],
    ...(cache === undefined ? [] : [cache]),
    ...(copy === undefined ? [] : [TO_BE_PUSHED[copy]]),
  ];
  return [
    `${platform}, ${manifest}: ${plural(layers.length, 'layer')}`,
    ...table([head, ...layers.map(row)], new Set([0, 1, 4, 5, 6])).map((line) => `  ${line}`),
    ...leftOutLines(layers).map((line) => `  ${line}`),
    ...(dictionary === undefined ? [] : dictionaryLines(dictionary).map((line) => `  ${line}`)),
  ];
}
