/** The flags of the program and of `convert`, and what they come to. Order and texts of validation are upstream's. */
import { availableParallelism } from 'node:os';
import { UsageError } from '../errors.js';
import { type ConvertOptions, DEFAULT_CHUNK_SIZE } from '../convert/options.js';
import { DEFAULT_CONCURRENCY } from '../io/concurrency.js';
import { allPlatforms, parsePlatforms, type PlatformSelection } from '../oci/platform.js';
import { formatReference, parseReference } from '../oci/reference.js';
import { type Flag, type FlagValues, requireFlags } from './flags.js';

const OUTPUT = 'Output:';

/** Taken before and after the command. */
export const GLOBAL_FLAGS: readonly Flag[] = [
  {
    name: 'debug',
    short: 'D',
    type: 'boolean',
    env: 'DEBUG_LOG_LEVEL',
    group: OUTPUT,
    help: 'show causes and stacks of errors',
  },
  { name: 'verbose', type: 'boolean', group: OUTPUT, help: 'show causes of errors' },
  {
    name: 'log-level',
    short: 'l',
    type: 'string',
    value: 'level',
    default: 'info',
    env: 'LOG_LEVEL',
    group: OUTPUT,
    help: 'panic, fatal, error, warn, info, debug or trace',
  },
  {
    name: 'log-file',
    type: 'string',
    value: 'path',
    env: 'LOG_FILE',
    group: OUTPUT,
    help: 'append progress and messages to a file instead of showing them',
  },
];

const IMAGES = 'Images:';
const REGISTRY = 'Registries:';
const PLATFORMS = 'Platforms:';
const RESULT = 'Result:';
const MACHINE = 'Work:';
const ACCEPTED = 'Accepted without effect:';

export const CONVERT_FLAGS: readonly Flag[] = [
  { name: 'source', type: 'string', value: 'image', env: 'SOURCE', group: IMAGES, help: 'image to convert' },
  {
    name: 'target',
    type: 'string',
    value: 'image',
    env: 'TARGET',
    group: IMAGES,
    help: 'where the result goes',
  },
  {
    name: 'target-suffix',
    type: 'string',
    value: 'suffix',
    env: 'TARGET_SUFFIX',
    group: IMAGES,
    help: "instead of --target: the source's name with this behind its tag",
  },
  {
    name: 'source-archive',
    type: 'string',
    value: 'file',
    env: 'SOURCE_ARCHIVE',
    group: IMAGES,
    help: 'read the source from an OCI or Docker archive; --source names the image',
  },
  {
    name: 'target-archive',
    type: 'string',
    value: 'file',
    env: 'TARGET_ARCHIVE',
    group: IMAGES,
    help: 'write the result to an OCI archive; --target names the image',
  },
  {
    name: 'source-insecure',
    type: 'boolean',
    env: 'SOURCE_INSECURE',
    group: REGISTRY,
    help: "do not verify the source registry's certificate",
  },
  {
    name: 'target-insecure',
    type: 'boolean',
    env: 'TARGET_INSECURE',
    group: REGISTRY,
    help: "do not verify the target registry's certificate",
  },
  {
    name: 'plain-http',
    type: 'boolean',
    env: 'PLAIN_HTTP',
    group: REGISTRY,
    help: 'speak HTTP with both registries; needless for those on this machine',
  },
  {
    name: 'push-retry-count',
    type: 'string',
    value: 'n',
    default: '3',
    env: 'PUSH_RETRY_COUNT',
    group: REGISTRY,
    help: 'attempts in all',
  },
  {
    name: 'push-retry-delay',
    type: 'string',
    value: 'time',
    default: '5s',
    env: 'PUSH_RETRY_DELAY',
    group: REGISTRY,
    help: 'pause between attempts',
  },
  {
    name: 'platform',
    type: 'string',
    value: 'list',
    group: PLATFORMS,
    help: "os/arch[/variant], or a comma list of them, or all; default: linux on this machine's architecture",
  },
  { name: 'all-platforms', type: 'boolean', group: PLATFORMS, help: 'convert every image of the source' },
  {
    name: 'merge-platform',
    alias: 'multi-platform',
    type: 'boolean',
    env: 'MERGE_PLATFORM',
    group: PLATFORMS,
    help: 'make an index that holds the original images and the Nydus images, for every client',
  },
  {
    name: 'index-marks',
    type: 'string',
    value: 'marks',
    default: 'both',
    group: PLATFORMS,
    help: 'how Nydus images are marked in that index: both, artifact-type, os-features or dual (two entries)',
  },
  {
    name: 'merge-isolation',
    type: 'string',
    value: 'how',
    default: 'empty-layer',
    group: PLATFORMS,
    help: 'empty-layer keeps the snapshots of other images apart; none keeps the original manifests and their signatures',
  },
  {
    name: 'keep-attestations',
    type: 'boolean',
    group: PLATFORMS,
    help: 'carry over attestations and other entries that are no images; default: with all platforms',
  },
  { name: 'oci', type: 'boolean', env: 'OCI', group: RESULT, help: 'turn Docker media types into OCI ones' },
  {
    name: 'docker-v2-format',
    type: 'boolean',
    group: RESULT,
    hidden: true,
    help: 'deprecated: keep Docker media types',
  },
  {
    name: 'fs-version',
    type: 'string',
    value: 'n',
    default: '6',
    env: 'FS_VERSION',
    group: RESULT,
    help: 'RAFS version',
  },
  {
    name: 'compressor',
    type: 'string',
    value: 'name',
    default: 'zstd',
    env: 'COMPRESSOR',
    group: RESULT,
    help: 'zstd or none',
  },
  {
    name: 'fs-chunk-size',
    alias: 'chunk-size',
    type: 'string',
    value: 'bytes',
    default: `0x${DEFAULT_CHUNK_SIZE.toString(16)}`,
    env: 'FS_CHUNK_SIZE',
    group: RESULT,
    help: 'power of two from 0x1000 to 0x1000000, or as 64K, 1M',
  },
  {
    name: 'dedup',
    type: 'string',
    value: 'scope',
    default: 'image',
    group: RESULT,
    help: 'image: refer to equal chunks of lower layers; layer: every blob stands alone, byte for byte as upstream makes it',
  },
  {
    name: 'work-dir',
    type: 'string',
    value: 'path',
    default: './tmp',
    env: 'WORK_DIR',
    group: MACHINE,
    help: 'for temporary files; made if absent, and then removed. What was in it stays',
  },
  {
    name: 'concurrency',
    type: 'string',
    value: 'n',
    default: String(DEFAULT_CONCURRENCY),
    group: MACHINE,
    help: 'layers in flight',
  },
  {
    name: 'threads',
    type: 'string',
    value: 'n',
    group: MACHINE,
    help: 'compression threads; default: one a core',
  },
  {
    name: 'progress',
    type: 'string',
    value: 'how',
    default: 'auto',
    group: OUTPUT,
    help: 'auto, tty, plain, json or none',
  },
  {
    name: 'output-json',
    type: 'string',
    value: 'file',
    env: 'OUTPUT_JSON',
    group: OUTPUT,
    help: 'write sizes (bytes) and times (nanoseconds) as JSON',
  },
  {
    name: 'nydus-image',
    type: 'string',
    value: 'path',
    env: 'NYDUS_IMAGE',
    group: ACCEPTED,
    hidden: true,
    help: 'no second binary is needed',
  },
];

/** What upstream has and this has not: refused by name, never ignored. */
export const LATER_FLAGS: readonly Flag[] = (
  [
    ['source-backend-type', 'string', 'BACKEND_TYPE'],
    ['source-backend-config', 'string', 'BACKEND_CONFIG'],
    ['backend-type', 'string', 'BACKEND_TYPE'],
    ['backend-config', 'string', 'BACKEND_CONFIG'],
    ['backend-config-file', 'string', 'BACKEND_CONFIG_FILE'],
    ['backend-force-push', 'boolean', 'BACKEND_FORCE_PUSH'],
    ['build-cache', 'string', 'BUILD_CACHE'],
    ['build-cache-tag', 'string', 'BUILD_CACHE_TAG'],
    ['build-cache-version', 'string', 'BUILD_CACHE_VERSION'],
    ['build-cache-insecure', 'boolean', 'BUILD_CACHE_INSECURE'],
    ['build-cache-max-records', 'string', 'BUILD_CACHE_MAX_RECORDS'],
    ['prefetch-dir', 'string', 'PREFETCH_DIR'],
    ['prefetch-patterns', 'boolean', 'PREFETCH_PATTERNS'],
    ['chunk-dict', 'string', 'CHUNK_DICT'],
    ['chunk-dict-insecure', 'boolean', 'CHUNK_DICT_INSECURE'],
    ['oci-ref', 'boolean', 'OCI_REF'],
    ['with-referrer', 'boolean', 'WITH_REFERRER'],
    ['reverse', 'boolean', 'REVERSE'],
    ['fs-align-chunk', 'boolean', 'FS_ALIGN_CHUNK'],
    ['backend-aligned-chunk', 'boolean', 'BACKEND_ALIGNED_CHUNK'],
    ['batch-size', 'string', 'BATCH_SIZE'],
    ['encrypt', 'boolean', undefined],
    ['encrypt-recipients', 'string', undefined],
  ] as const
).map(([name, type, env]) => ({
  name,
  type,
  ...(env === undefined ? {} : { env }),
  group: ACCEPTED,
  hidden: true,
  help: 'not supported yet',
}));

/** Values of those flags that ask for nothing. */
const ASKS_FOR_NOTHING: Readonly<Record<string, (text: string) => boolean>> = {
  'batch-size': (text) => /^(0x)?0+$/i.test(text),
  // All of the image, without a list: what happens anyway.
  'prefetch-dir': (text) => text === '/',
};

export type ProgressMode = 'auto' | 'tty' | 'plain' | 'json' | 'none';

/** One conversion as the command line asks for it. */
export interface ConvertRequest {
  /** Location of the source, as `openSource` takes it. */
  readonly source: string;
  readonly target: string;
  /** What `--source` names, when the bytes come from an archive. */
  readonly sourceArchive: string | undefined;
  readonly targetArchive: string | undefined;
  readonly sourceInsecure: boolean;
  readonly targetInsecure: boolean;
  readonly plainHttp: boolean;
  readonly pushRetry: { readonly attempts: number; readonly delayMs: number } | undefined;
  readonly outputJson: string | undefined;
  readonly progress: ProgressMode;
  /** To be told to the user before the work starts. */
  readonly notes: readonly string[];
  readonly options: Partial<ConvertOptions>;
}

/** What validation asks of the file system. */
export interface FileChecks {
  /** The error's text, or undefined when the path can be had. */
  fileProblem(path: string): string | undefined;
  parentProblem(path: string): string | undefined;
}

/** Throws UsageError and InvalidReferenceError. */
export function convertRequest(
  flags: FlagValues,
  positional: readonly (string | undefined)[],
  files: FileChecks,
): ConvertRequest {
  const source = positionalOr(flags, 'source', positional[0]);
  if (source === undefined) requireFlags(['source']);
  const sourceArchive = flags.text('source-archive');
  const targetArchive = flags.text('target-archive');
  const sourceProblem = sourceArchive === undefined ? undefined : files.fileProblem(sourceArchive);
  if (sourceProblem !== undefined) throw new UsageError(`source archive not accessible: ${sourceProblem}`);
  const targetProblem = targetArchive === undefined ? undefined : files.parentProblem(targetArchive);
  if (targetProblem !== undefined)
    throw new UsageError(`target archive directory not accessible: ${targetProblem}`);
  const target = targetOf(flags, source ?? '', positional[1]);
  refuseLater(flags);
  refuseUnsupportedValues(flags);
  const notes: string[] = [];
  if (flags.isGiven('nydus-image')) notes.push('--nydus-image has no effect: no second binary is needed');
  if (flags.isOn('docker-v2-format')) {
    notes.push('--docker-v2-format is deprecated: Docker media types are kept unless --oci is given');
  }
  const compressor = flags.oneOf('compressor', ['zstd', 'none']);
  const options: Partial<ConvertOptions> = withoutAbsent({
    platforms: platformsOf(flags),
    mergePlatform: flags.isOn('merge-platform'),
    indexMarks: flags.oneOf('index-marks', ['both', 'artifact-type', 'os-features', 'dual']),
    mergeIsolation: flags.oneOf('merge-isolation', ['empty-layer', 'none']),
    keepAttestations: flags.choice('keep-attestations'),
    // As upstream has it: the deprecated flag switches `--oci` off.
    oci: flags.isOn('oci') && !flags.isOn('docker-v2-format'),
    compressor,
    chunkSize: parseByteSize('fs-chunk-size', flags.text('fs-chunk-size') ?? ''),
    dedup: flags.oneOf('dedup', ['image', 'layer']),
    concurrency: flags.number('concurrency'),
    threads: flags.number('threads') ?? availableParallelism(),
    workDir: flags.text('work-dir'),
    sourceReference: sourceArchive === undefined ? undefined : formatReference(parseReference(source ?? '')),
  });
  return {
    source: source ?? '',
    target,
    sourceArchive,
    targetArchive,
    sourceInsecure: flags.isOn('source-insecure'),
    targetInsecure: flags.isOn('target-insecure'),
    plainHttp: flags.isOn('plain-http'),
    pushRetry: pushRetryOf(flags),
    outputJson: flags.text('output-json'),
    progress: flags.oneOf('progress', ['auto', 'tty', 'plain', 'json', 'none']) ?? 'auto',
    notes,
    options,
  };
}

function positionalOr(flags: FlagValues, name: string, positional: string | undefined): string | undefined {
  const flag = flags.text(name);
  if (positional === undefined || flag === undefined || positional === flag) return positional ?? flag;
  throw new UsageError(`the ${name} is given twice: "${positional}" and --${name} "${flag}"`);
}

function targetOf(flags: FlagValues, source: string, positional: string | undefined): string {
  const target = positionalOr(flags, 'target', positional);
  const suffix = flags.text('target-suffix');
  if (target !== undefined && suffix !== undefined) {
    throw new UsageError('--target conflicts with --target-suffix');
  }
  if (target !== undefined) return target;
  if (suffix === undefined) {
    throw new UsageError('--target or --target-suffix is required', {
      hint: 'nydusify convert SOURCE TARGET',
    });
  }
  const reference = parseReference(source);
  if (reference.digest !== undefined) {
    throw new UsageError(`unsupported digested image reference: ${formatReference(reference)}`, {
      hint: 'a suffix goes behind a tag; name the target with --target',
    });
  }
  return formatReference(parseReference(`${formatReference(reference)}${suffix}`));
}

function refuseLater(flags: FlagValues): void {
  for (const { name, type, env } of LATER_FLAGS) {
    if (!flags.isGiven(name)) continue;
    const text = flags.text(name);
    const asked = type === 'boolean' ? flags.isOn(name) : text !== undefined;
    if (!asked || (text !== undefined && ASKS_FOR_NOTHING[name]?.(text) === true)) continue;
    throw new UsageError(`--${name} is not supported yet`, {
      hint:
        env === undefined ? undefined : `leave it out; it can also come from the environment variable ${env}`,
    });
  }
}

function refuseUnsupportedValues(flags: FlagValues): void {
  const version = flags.text('fs-version');
  if (version === '5')
    throw new UsageError('--fs-version 5 is not supported yet', { hint: 'RAFS v6 is the default' });
  if (version !== '6') throw new UsageError(`--fs-version should be one of [5 6], not "${version ?? ''}"`);
  const compressor = flags.text('compressor');
  if (compressor === 'lz4_block' || compressor === 'gzip') {
    throw new UsageError(`--compressor ${compressor} is not supported yet`, {
      hint: 'zstd (the default) or none',
    });
  }
}

/** `--all-platforms` wins over `--platform`, as it does upstream. */
function platformsOf(flags: FlagValues): PlatformSelection {
  if (flags.isOn('all-platforms')) return allPlatforms;
  const text = flags.text('platform');
  if (text !== undefined) return parsePlatforms(text);
  const architecture = process.arch === 'x64' ? 'amd64' : process.arch;
  return { kind: 'list', platforms: [{ os: 'linux', architecture }] };
}

const UNITS: Readonly<Record<string, number>> = { '': 1, K: 2 ** 10, M: 2 ** 20 };

/** `0x100000`, `1048576`, `1024K`, `1M`, `1MiB`. Throws UsageError. */
export function parseByteSize(name: string, text: string): number {
  if (/^0x[0-9a-f]+$/i.test(text)) return Number(text);
  const match = /^([0-9]+)([KM]?)(?:i?B)?$/i.exec(text);
  const unit = UNITS[match?.[2]?.toUpperCase() ?? ''];
  if (match === null || unit === undefined) {
    throw new UsageError(`--${name} "${text}" is not a size`, {
      hint: 'write it as 0x100000, 1048576 or 1M',
    });
  }
  return Number(match[1]) * unit;
}

/** Undefined: nothing was asked for, the registry client's own backoff holds. */
function pushRetryOf(flags: FlagValues): ConvertRequest['pushRetry'] {
  const count = flags.number('push-retry-count') ?? 0;
  const delayMs = parseGoDuration(flags.text('push-retry-delay') ?? '');
  if (!flags.isGiven('push-retry-count') && !flags.isGiven('push-retry-delay')) return undefined;
  return { attempts: count <= 0 ? 3 : count, delayMs: delayMs <= 0 ? 5000 : delayMs };
}

const DURATION_MS: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
};

/** Go's time.ParseDuration: `5s`, `1m30s`, `1.5h`; milliseconds. Throws UsageError. */
export function parseGoDuration(text: string): number {
  const sign = text.startsWith('-') ? -1 : 1;
  const body = text.replace(/^[-+]/, '');
  if (body === '0') return 0;
  const part = /([0-9]+(?:\.[0-9]*)?|\.[0-9]+)(ns|us|µs|ms|s|m|h)/y;
  let total = 0;
  while (part.lastIndex < body.length) {
    const match = part.exec(body);
    if (match === null) throw badDuration(text);
    total += Number(match[1]) * (DURATION_MS[match[2] ?? ''] ?? 0);
  }
  if (body === '') throw badDuration(text);
  return sign * total;
}

function badDuration(text: string): UsageError {
  return new UsageError(`parse push retry delay: "${text}" is not a duration`, {
    hint: 'write it as 5s, 500ms or 1m30s',
  });
}

function withoutAbsent<T extends object>(fields: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  const present = Object.entries(fields).filter(([, value]) => value !== undefined);
  return Object.fromEntries(present) as { [K in keyof T]?: Exclude<T[K], undefined> }; // the same keys, less those just dropped
}
