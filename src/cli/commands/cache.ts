/** `nydusify cache ls|prune|verify`: looks after a build cache. */
import type { CacheListing, ListedRecord } from '../../cache/listing.js';
import type { PruneResult } from '../../cache/prune.js';
import type { CacheVerdict } from '../../cache/verify.js';
import { RegistryError, UsageError } from '../../errors.js';
import { digestHex } from '../../oci/digest.js';
import type { CommandCall, CommandTable } from '../command.js';
import { CACHE_COMMAND_FLAGS, keptRecords } from '../flags/build-cache.js';
import { openOptions } from '../flags/environment.js';
import { registryFlags } from '../flags/registry.js';
import { table } from '../text/columns.js';
import { printJson, printLines } from '../text/print.js';
import { formatBytes, plural } from '../text/units.js';

const EXAMPLES = `
Examples:
  What a cache holds, those used last first:
    $ nydusify cache ls registry.example/cache:app
  Which records lead nowhere or to other bytes; it ends with 1 if any do:
    $ nydusify cache verify registry.example/cache:app
  Without those whose blobs are gone, and with 50 at most:
    $ nydusify cache prune --max-records 50 registry.example/cache:app`;

export const CACHE: CommandTable = {
  description:
    'Looks after a build cache of `convert --build-cache`: ls lists its records, verify reads and digests all blobs, prune removes records that are of no use.\n\n' +
    'prune removes records and no blobs; those that nothing else names are removed by the collection of garbage of the registry.',
  words: [
    ['<action>', 'ls, prune or verify'],
    ['[image]', 'the tag of the cache'],
  ],
  usage: 'ls|prune|verify [options] IMAGE',
  flags: CACHE_COMMAND_FLAGS,
  examples: EXAMPLES,
  run: async (call) => {
    const [action = '', image] = call.words;
    const act = ACTIONS.get(action);
    if (act === undefined)
      throw new UsageError(`cache has no action "${action}"`, {
        hint: 'nydusify cache ls|prune|verify IMAGE',
      });
    if (image === undefined)
      throw new UsageError('no cache is given', { hint: `nydusify cache ${action} IMAGE` });
    await act(call, image);
  },
};

type Action = (call: CommandCall, image: string) => Promise<void>;

const ACTIONS: ReadonlyMap<string, Action> = new Map<string, Action>([
  ['ls', list],
  ['prune', prune],
  ['verify', verify],
]);

async function list({ flags, context }: CommandCall, image: string): Promise<void> {
  const [{ listCache }, { openSource }] = await Promise.all([
    import('../../cache/listing.js'),
    import('../../registry/open.js'),
  ]);
  await using store = openSource(image, await openOptions(context.env, registryFlags(flags), {}));
  const found = there(await listCache(store, { signal: context.signal }), image);
  if (flags.isOn('json')) printJson(context.stdout, { schemaVersion: 1, ...found }, 2);
  else await printLines(context.stdout, listLines(found));
}

async function prune({ flags, context }: CommandCall, image: string): Promise<void> {
  const [{ pruneCache }, { openTarget }] = await Promise.all([
    import('../../cache/prune.js'),
    import('../../registry/open.js'),
  ]);
  const options = {
    maxRecords: keptRecords(flags),
    unkeyed: flags.isOn('unkeyed'),
    dryRun: flags.isOn('dry-run'),
  };
  await using store = openTarget(image, await openOptions(context.env, registryFlags(flags), {}));
  const pruned = there(await pruneCache(store, options, { signal: context.signal }), image);
  if (flags.isOn('json')) printJson(context.stdout, { schemaVersion: 1, ...pruned }, 2);
  else await printLines(context.stdout, pruneLines(pruned, options.dryRun));
}

async function verify({ flags, context }: CommandCall, image: string): Promise<void> {
  const [{ verifyCache }, { openSource }] = await Promise.all([
    import('../../cache/verify.js'),
    import('../../registry/open.js'),
  ]);
  await using store = openSource(image, await openOptions(context.env, registryFlags(flags), {}));
  const verdict = there(await verifyCache(store, { signal: context.signal }), image);
  if (flags.isOn('json')) printJson(context.stdout, { schemaVersion: 1, ...verdict }, 2);
  else await printLines(context.stdout, verdictLines(verdict));
  if (verdict.faults.length > 0) context.exitCode = 1;
}

function there<T>(found: T | undefined, image: string): T {
  if (found === undefined)
    throw new RegistryError(`there is no build cache ${image}`, {
      status: 404,
      hint: 'nydusify convert --build-cache makes one',
    });
  return found;
}

const short = (digest: Parameters<typeof digestHex>[0] | undefined): string =>
  digest === undefined ? '-' : digestHex(digest).slice(0, 12);

function listLines({ form, manifests, blobBytes, root }: CacheListing): readonly string[] {
  const row = (record: ListedRecord, i: number): string[] => [
    String(i + 1),
    short(record.source),
    short(record.digest),
    formatBytes(record.size),
    record.state === 'keyed' && !record.standsAlone ? 'keyed, refers to others' : record.state,
  ];
  return [
    ...manifests.flatMap(({ platform = 'no platform', version, records }) => [
      `${platform}, version "${version}": ${plural(records.length, 'record')}`,
      ...table([['', 'source', 'blob', 'size', 'record'], ...records.map(row)], new Set([0, 1, 2, 4])).map(
        (line) => `  ${line}`,
      ),
      '',
    ]),
    `one ${form} ${root.digest}, blobs of ${formatBytes(blobBytes)}`,
  ];
}

const REASONS = {
  gone: 'its blob is gone',
  damaged: 'its annotations are wrong',
  unkeyed: 'it has no key',
  beyond: 'others were used later',
} as const satisfies Record<PruneResult['removed'][number]['reason'], string>;

function pruneLines({ removed, kept }: PruneResult, isDry: boolean): readonly string[] {
  return [
    ...removed.map(({ digest, source, reason }) => `${digest} of layer ${short(source)}: ${REASONS[reason]}`),
    `${plural(removed.length, 'record')} ${isDry ? 'would be ' : ''}removed, ${kept} kept`,
  ];
}

function verdictLines({ records, bytes, faults }: CacheVerdict): readonly string[] {
  return [
    ...faults.map(({ digest, source, message }) => `${digest} of layer ${short(source)}: ${message}`),
    `${plural(records, 'record')} and ${formatBytes(bytes)} read: ${faults.length === 0 ? 'all sound' : plural(faults.length, 'fault')}`,
  ];
}
