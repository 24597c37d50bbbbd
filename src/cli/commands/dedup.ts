/** `nydusify dedup estimate`: what images share, as text, as JSON and as a page. */
import type { DedupEstimate } from '../../dedup/estimate.js';
import { UsageError } from '../../errors.js';
import type { CommandCall, CommandTable } from '../command.js';
import { chunkSizesOf, DEDUP_FLAGS, sharedOptionsOf } from '../flags/dedup.js';
import { openOptions } from '../flags/environment.js';
import { limitsOf } from '../flags/limits.js';
import { OpenStores } from '../stores.js';
import { registryFlags } from '../flags/registry.js';
import { tryReportFile, writeWholeReportFile } from '../report-file.js';
import { printJson, printLines, printMessage } from '../text/print.js';
import { estimateLines } from '../text/dedup.js';

const HTML = '--html';

const EXAMPLES = `
Examples:
  Versions of an image in the order in which they were pushed:
    $ nydusify dedup estimate registry.example/app:1-nydus registry.example/app:2-nydus registry.example/app:3-nydus
  A page with plots, from ordinary images:
    $ nydusify dedup estimate --html dedup.html registry.example/app:1 registry.example/app:2 registry.example/app:3
  For a program:
    $ nydusify dedup estimate --json registry.example/app:1-nydus registry.example/app:2-nydus | jq .dictionary`;

export const DEDUP: CommandTable = {
  description:
    'Says what images share: stored bytes, common bytes of any two, what other chunk sizes and a chunk dictionary would change, and what a node downloads that has one image and gets another.\n\n' +
    'Of Nydus images only the bootstraps are read. Ordinary images are read once for each chunk size and stored nowhere.',
  words: [
    ['<action>', 'estimate'],
    ['[images...]', 'images, the oldest first'],
  ],
  usage: 'estimate [options] IMAGE…',
  flags: DEDUP_FLAGS,
  examples: EXAMPLES,
  run: async (call) => {
    const { words, flags, context } = call;
    const [action, ...images] = words;
    if (action !== 'estimate')
      throw new UsageError(`dedup has no action "${action ?? ''}"`, {
        hint: 'nydusify dedup estimate IMAGE…',
      });
    if (images.length === 0)
      throw new UsageError('no image is given', { hint: 'nydusify dedup estimate IMAGE…' });
    const path = flags.text('html');
    if (path !== undefined) tryReportFile(path, HTML);
    const estimate = await run(call, images);
    if (path !== undefined) {
      const { estimatePage } = await import('../report/dedup-page.js');
      await writeWholeReportFile(path, estimatePage(estimate), HTML);
    }
    if (flags.isOn('json')) printJson(context.stdout, { schemaVersion: 1, ...estimate }, 2);
    else await printLines(context.stdout, estimateLines(estimate));
  },
};

async function run({ flags, context }: CommandCall, images: readonly string[]): Promise<DedupEstimate> {
  const [{ openBudget }, { estimateDedup }, { openSource }] = await Promise.all([
    import('../../native/budget.js'),
    import('../../dedup/estimate.js'),
    import('../../registry/open.js'),
  ]);
  const workDir = flags.text('work-dir');
  const budget = openBudget(limitsOf(flags));
  const options = await openOptions(context.env, registryFlags(flags), { workDir, budget });
  await using open = new OpenStores();
  const stores = images.map((image) => open.add(openSource(image, options)));
  const third = Math.max(2, Math.round(images.length / 3));
  return await estimateDedup(
    stores,
    {
      ...sharedOptionsOf(flags),
      chunkSizes: chunkSizesOf(flags),
      dictionaryFrom: flags.number('dictionary-from') ?? third,
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
