/** The flags of `chunkdict` and `dedup`, which choose chunks that several images share. */
import { availableParallelism } from 'node:os';
import type { EstimateOptions } from '../../dedup/estimate.js';
import { UsageError } from '../../errors.js';
import { DEFAULT_CONCURRENCY } from '../../io/concurrency.js';
import { parsePlatform } from '../../oci/platform.js';
import { parseByteSize } from './byte-size.js';
import type { Flag, FlagValues } from './flags.js';
import { OUTPUT } from './global.js';
import { backendFlags } from './backend.js';
import { LIMIT_FLAGS } from './limits.js';
import { hostPlatform, machineArchitecture } from './machine.js';
import { allowedHosts, ONE_REGISTRY_FLAGS, REGISTRY_FLAGS, TRUST_FLAGS } from './registry.js';

const IMAGES = 'Images:';
const CHUNKS = 'Dictionary:';
const MACHINE = 'Work:';

const CHOICE_FLAGS: readonly Flag[] = [
  {
    name: 'platform',
    type: 'string',
    value: 'os/arch',
    group: IMAGES,
    help: "which images of indexes; default: linux on this machine's architecture",
  },
  {
    name: 'min-share',
    type: 'string',
    value: 'n',
    default: '2',
    group: CHUNKS,
    help: 'a chunk is in the dictionary if this many images hold it',
  },
  {
    name: 'max-size',
    type: 'string',
    value: 'bytes',
    default: '1G',
    group: CHUNKS,
    help: 'stored bytes of its chunks at most, as 512M or 1G; the dearest come first',
  },
];

const MACHINE_FLAGS: readonly Flag[] = [
  ...LIMIT_FLAGS,
  {
    name: 'work-dir',
    type: 'string',
    value: 'folder',
    env: 'WORK_DIR',
    group: MACHINE,
    help: 'for temporary files; default: the temporary folder of the system ($TMPDIR)',
  },
  {
    name: 'threads',
    type: 'string',
    value: 'n',
    group: MACHINE,
    help: 'compression threads; default: one a core',
  },
  {
    name: 'concurrency',
    type: 'string',
    value: 'n',
    default: String(DEFAULT_CONCURRENCY),
    group: MACHINE,
    help: 'layers in flight',
  },
  { name: 'json', type: 'boolean', group: OUTPUT, help: 'print the answer as JSON' },
];

export const CHUNKDICT_FLAGS: readonly Flag[] = [
  {
    name: 'sources',
    type: 'string',
    value: 'images',
    env: 'SOURCES',
    group: IMAGES,
    help: 'Nydus images that it is made of (comma list); or as words behind `generate`',
  },
  { name: 'target', type: 'string', value: 'image', env: 'TARGET', group: IMAGES, help: 'where it goes' },
  ...CHOICE_FLAGS,
  {
    name: 'all-platforms',
    type: 'boolean',
    group: IMAGES,
    help: 'a dictionary for every platform of the images, in one index; wins over --platform',
  },
  {
    name: 'reference',
    type: 'boolean',
    group: CHUNKS,
    help: 'leave the chunks in the blobs of the images, as upstream does; without it they are packed into a blob of their own, so that nothing else is kept alive',
  },
  {
    name: 'force',
    type: 'boolean',
    group: CHUNKS,
    help: 'make it even if it saves less than 5 % of the images that were held back',
  },
  ...REGISTRY_FLAGS,
  ...MACHINE_FLAGS,
  {
    name: 'nydus-image',
    type: 'string',
    value: 'file',
    env: 'NYDUS_IMAGE',
    group: 'Accepted without effect:',
    hidden: true,
    help: 'no second binary is needed',
  },
  ...backendFlags('', 'where the blobs of all these images are: oss, s3 or localfs'),
];

export const DEDUP_FLAGS: readonly Flag[] = [
  ...CHOICE_FLAGS,
  {
    name: 'dictionary-from',
    type: 'string',
    value: 'n',
    group: CHUNKS,
    help: 'the first N images make the dictionary, the others use it; default: a third of them, but 2 at least',
  },
  {
    name: 'chunk-sizes',
    type: 'string',
    value: 'list',
    default: '1M,64K,256K,4M',
    group: CHUNKS,
    help: 'for ordinary images: sizes to compare, 64K to 4M; all other figures are of the first one. Each size reads the images once',
  },
  ...ONE_REGISTRY_FLAGS,
  ...TRUST_FLAGS,
  ...MACHINE_FLAGS,
  {
    name: 'html',
    type: 'string',
    value: 'file',
    group: OUTPUT,
    help: 'write the answer as one page with plots, which loads nothing',
  },
];

/** The values of `--min-share` and `--max-size`. Throws UsageError. */
function choiceOf(flags: FlagValues): { readonly minShare: number; readonly maxSize: number } {
  const minShare = flags.number('min-share') ?? 2;
  if (minShare < 1) throw new UsageError(`--min-share should be 1 or more, not ${minShare}`);
  return { minShare, maxSize: parseByteSize('max-size', flags.text('max-size') ?? '1G') };
}

/** What `chunkdict generate` and `dedup estimate` take alike. Throws UsageError. */
export function sharedOptionsOf(flags: FlagValues): Omit<EstimateOptions, 'chunkSizes' | 'dictionaryFrom'> {
  const platform = flags.text('platform');
  return {
    ...choiceOf(flags),
    workDir: flags.text('work-dir'),
    platform: platform === undefined ? hostPlatform() : parsePlatform(platform, machineArchitecture()),
    threads: flags.number('threads') ?? availableParallelism(),
    concurrency: flags.number('concurrency') ?? DEFAULT_CONCURRENCY,
    allowedHosts: allowedHosts(flags),
  };
}

/** Throws UsageError. */
export function chunkSizesOf(flags: FlagValues): readonly number[] {
  const sizes = (flags.text('chunk-sizes') ?? '')
    .split(',')
    .map((text) => parseByteSize('chunk-sizes', text.trim()));
  return [...new Set(sizes)];
}
