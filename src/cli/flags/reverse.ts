/** The flags of `reverse`, which `convert --reverse` has, too. */
import { LAYER_CHOICES, LAYER_COMPRESSORS, REVERSE_MODES } from '../../reverse/choices.js';
import type { ReverseOptions } from '../../reverse/options.js';
import { UsageError } from '../../errors.js';
import type { LayerCompression } from '../../native/rebuilder.js';
import { alternatives } from './choices.js';
import type { Flag, FlagValues } from './flags.js';
import type { ConvertRequest } from './options.js';

const GROUP = 'Converting back:';

const MODE = 'reverse-mode';
const COMPRESSOR = 'oci-compressor';
const LAYERS = 'layers';

export const REVERSE_OWN_FLAGS: readonly Flag[] = [
  {
    name: MODE,
    type: 'string',
    value: 'how',
    choices: REVERSE_MODES,
    default: 'auto',
    group: GROUP,
    help: 'relink takes the original manifest, byte for byte, or fails; rebuild makes every layer from its blob; auto relinks where the original can still be had',
  },
  {
    name: COMPRESSOR,
    type: 'string',
    value: 'codec',
    choices: LAYER_COMPRESSORS,
    default: 'gzip',
    group: GROUP,
    help: `of layers that are made from blobs: ${alternatives(['gzip[:1…9]', 'zstd[:1…22]', 'none'])}`,
  },
  {
    name: LAYERS,
    type: 'string',
    value: 'which',
    choices: LAYER_CHOICES,
    default: 'keep',
    group: GROUP,
    help: 'keep makes a layer of each blob; squash makes one of all files',
  },
];

/** Flags of `convert` that hold for converting back as well. All others have no effect on it. */
const SHARED: ReadonlySet<string> = new Set([
  'source',
  'target',
  'target-suffix',
  'source-archive',
  'target-archive',
  'platform',
  'all-platforms',
  'allow-missing-platforms',
  'keep-attestations',
  'oci',
  'docker-v2-format',
  'authfile',
  'ca',
  'hosts-dir',
  'allow-host',
  'plain-http',
  'source-insecure',
  'target-insecure',
  'limit-rate',
  'max-connections',
  'push-retry-count',
  'push-retry-delay',
  'push-chunk-size',
  'verify-present',
  'max-entries',
  'max-metadata',
  'max-disk',
  'max-expansion',
  'work-dir',
  'concurrency',
  'threads',
  'progress',
  'digest-file',
  'image-file',
  'json',
  'source-backend-type',
  'source-backend-config',
  'source-backend-config-file',
  ...REVERSE_OWN_FLAGS.map(({ name }) => name),
]);

export function reverseFlagsOf(convert: readonly Flag[]): readonly Flag[] {
  return convert.filter(({ name }) => SHARED.has(name));
}

/** Notes about flags of a conversion that converting back does not heed, as upstream's does not. */
export function unheededNotes(flags: FlagValues, convert: readonly Flag[]): readonly string[] {
  const unheeded = convert.filter(({ name }) => !SHARED.has(name) && name !== 'reverse');
  return unheeded
    .filter(({ name }) => flags.isGiven(name) && !flags.isFromFile(name))
    .map(({ name }) => `--${name} has no effect with --reverse`);
}

/** Notes about flags of converting back in a conversion. */
export function idleNotes(flags: FlagValues): readonly string[] {
  const own = REVERSE_OWN_FLAGS.map(({ name }) => name).filter(
    (name) => flags.isGiven(name) && !flags.isFromFile(name),
  );
  // Upstream's variables name the backends of both sides at once.
  const isTyped = flags.originOf('source-backend-type')?.kind === 'command line';
  return [...own, ...(isTyped ? ['source-backend-type'] : [])].map(
    (name) => `--${name} has no effect without --reverse`,
  );
}

/** Throws UsageError. */
export function reverseOptionsOf(flags: FlagValues, { options }: ConvertRequest): Partial<ReverseOptions> {
  const mode = flags.oneOf(MODE, REVERSE_MODES);
  const layers = flags.oneOf(LAYERS, LAYER_CHOICES);
  if (mode === 'relink' && layers === 'squash')
    throw new UsageError(`--${LAYERS} squash conflicts with --${MODE} relink`);
  const { platforms, allowMissingPlatforms, keepAttestations, oci } = options;
  const { concurrency, threads, sourceLocation, allowedHosts } = options;
  return {
    ...(platforms === undefined ? {} : { platforms }),
    ...(allowMissingPlatforms === undefined ? {} : { allowMissingPlatforms }),
    ...(concurrency === undefined ? {} : { concurrency }),
    ...(threads === undefined ? {} : { threads }),
    ...(allowedHosts === undefined ? {} : { allowedHosts }),
    ...(mode === undefined ? {} : { mode }),
    ...(layers === undefined ? {} : { layers }),
    keepAttestations,
    oci: oci ?? false,
    sourceLocation,
    ...(flags.isGiven(COMPRESSOR) ? { compression: compressionOf(flags) } : {}),
  };
}

const MOST = { gzip: 9, zstd: 22, none: 0 } as const;

function compressionOf(flags: FlagValues): LayerCompression {
  const text = flags.text(COMPRESSOR) ?? 'gzip';
  const [, name, level] = /^([a-z]+)(?::(\d{1,2}))?$/.exec(text) ?? [];
  const compressor = LAYER_COMPRESSORS.find((known) => known === name);
  if (compressor === undefined)
    throw new UsageError(`--${COMPRESSOR} should be one of [${LAYER_COMPRESSORS.join(' ')}], not "${text}"`, {
      hint: 'a level stands behind a colon, as in zstd:9',
    });
  if (level === undefined) return { compressor };
  const most = MOST[compressor];
  if (Number(level) < 1 || Number(level) > most)
    throw new UsageError(
      `--${COMPRESSOR} ${text}: ${compressor} has ${most === 0 ? 'no levels' : `levels from 1 to ${most}`}`,
    );
  return { compressor, level: Number(level) };
}
