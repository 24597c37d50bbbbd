/** The flags that decide about the bytes of blobs and bootstraps, and what they come to. */
import type { FormatOptions } from '../../convert/format.js';
import { UsageError } from '../../errors.js';
import {
  CODECS,
  FORMAT_DEFAULTS,
  FS_VERSIONS,
  READERS,
  type WrittenCompressor,
} from '../../native/formats.js';
import { parseByteSize } from './byte-size.js';
import { alternatives } from './choices.js';
import type { Flag, FlagValues } from './flags.js';
import { FLATTEN_FLAG, flattenOf } from './flatten.js';
import { laterFlag, type LaterFlag } from './later.js';
import { referringOf, refers } from './referring.js';

const GROUP = 'Result:';

const VERSION_NAMES = FS_VERSIONS.toSorted().map(String);
const DIGESTERS = ['blake3', 'sha256'] as const satisfies readonly FormatOptions['digester'][];
const READER_NAMES = READERS.map(({ name }) => name);
const DEDUP_SCOPES = ['layer', 'image'] as const;

export const FORMAT_FLAGS: readonly Flag[] = [
  {
    name: 'fs-version',
    type: 'string',
    value: 'n',
    choices: VERSION_NAMES,
    default: String(FORMAT_DEFAULTS.fsVersion),
    env: 'FS_VERSION',
    group: GROUP,
    help: 'RAFS version',
  },
  {
    name: 'compressor',
    type: 'string',
    value: 'name',
    choices: written().map(({ name }) => name),
    default: FORMAT_DEFAULTS.compressor,
    env: 'COMPRESSOR',
    group: GROUP,
    help: compressors(({ name, levels }) =>
      levels === undefined
        ? [name]
        : [
            name,
            `${name}:LEVEL (${levels.min} to ${levels.max}, ${levels.default} when not given; higher is smaller and slower)`,
          ],
    ),
  },
  {
    name: 'fs-chunk-size',
    alias: 'chunk-size',
    type: 'string',
    value: 'bytes',
    default: `0x${FORMAT_DEFAULTS.chunkSize.toString(16)}`,
    env: 'FS_CHUNK_SIZE',
    group: GROUP,
    help: 'power of two from 0x1000 to 0x1000000, or as 64K, 1M',
  },
  {
    name: 'batch-size',
    type: 'string',
    value: 'bytes',
    default: '0',
    env: 'BATCH_SIZE',
    group: GROUP,
    help: 'compress files of less than half of this together, which makes images of many small files smaller; power of two from 0x1000 to the chunk size; auto: files below 64 KiB, in blobs that have several in a row; 0: each chunk on its own',
  },
  {
    name: 'fs-align-chunk',
    type: 'boolean',
    env: 'FS_ALIGN_CHUNK',
    group: GROUP,
    help: 'start chunks of RAFS v5 at multiples of 4096, as those of RAFS v6 always do',
  },
  {
    name: 'digester',
    type: 'string',
    value: 'name',
    choices: DIGESTERS,
    default: FORMAT_DEFAULTS.digester,
    group: GROUP,
    help: 'digests of chunks and, in RAFS v5, of inodes; upstream always writes blake3',
  },
  {
    name: 'compat',
    type: 'string',
    value: 'reader',
    choices: READER_NAMES,
    default: FORMAT_DEFAULTS.compat,
    group: GROUP,
    help: 'the oldest reader: nydusd-2.3 for chunks without checksums, which nydusd knows from 2.3.2 on; nydusd-2.2 for no batches either',
  },
  {
    name: 'dedup',
    type: 'string',
    value: 'scope',
    choices: DEDUP_SCOPES,
    default: FORMAT_DEFAULTS.dedup,
    group: GROUP,
    help: 'layer: every blob stands alone, byte for byte as upstream makes it, for every reader; image: chunks of lower layers are not stored again, which is smaller, but tools that unpack single layers (reverse conversion, BuildKit) write zeros for them',
  },
  FLATTEN_FLAG,
];

/** Flags of the format that upstream has and this command has not yet. */
export const LATER_FORMAT_FLAGS: readonly LaterFlag[] = [
  laterFlag('encrypt', 'boolean'),
  laterFlag('encrypt-recipients', 'string'),
];

/** Upstream's old name of `--fs-align-chunk`. */
export const ALIGNED_CHUNK: Flag = {
  name: 'backend-aligned-chunk',
  type: 'boolean',
  env: 'BACKEND_ALIGNED_CHUNK',
  group: GROUP,
  hidden: true,
  help: 'deprecated name of --fs-align-chunk',
};

/** Throws UsageError. Ranges are checked with the other options'. */
export function formatOptionsOf(flags: FlagValues): Partial<FormatOptions> {
  const format = treeFormatOf(flags);
  const dedup = flags.oneOf('dedup', DEDUP_SCOPES);
  const flatten = flattenOf(flags);
  const referring = referringOf(flags, format);
  return {
    ...format,
    ...referring,
    ...(dedup === undefined ? {} : { dedup }),
    ...(flatten === undefined ? {} : { flatten }),
  };
}

/** The format of one tree, without what is about the layers of an image. Throws UsageError. */
export function treeFormatOf(
  flags: FlagValues,
): Partial<FormatOptions> & Pick<FormatOptions, 'fsVersion' | 'chunkSize' | 'batchSize'> {
  const fsVersion = versionOf(flags);
  const compressor = compressorOf(flags);
  const chunkSize = parseByteSize('fs-chunk-size', flags.text('fs-chunk-size') ?? '');
  const alignChunks = ALIGNMENT_FLAGS.some((name) => flags.isOn(name)) && fsVersion === 5;
  const digester = digesterOf(flags);
  const compat = flags.oneOf('compat', READER_NAMES);
  const batchSize = batchSizeOf(flags.text('batch-size') ?? '0');
  return {
    fsVersion,
    ...compressor,
    chunkSize,
    alignChunks,
    batchSize,
    ...(digester === undefined ? {} : { digester }),
    ...(compat === undefined ? {} : { compat }),
  };
}

function batchSizeOf(text: string): FormatOptions['batchSize'] {
  return text === 'auto' ? text : parseByteSize('batch-size', text);
}

/** The values of these flags that were given, for a command that takes all others from an image. Throws UsageError. */
export function givenFormatOf(
  flags: FlagValues,
): Partial<Pick<FormatOptions, 'compressor' | 'compressionLevel' | 'batchSize' | 'dedup'>> {
  const batch = flags.text('batch-size');
  const dedup = flags.oneOf('dedup', DEDUP_SCOPES);
  return {
    ...(flags.isGiven('compressor') ? compressorOf(flags) : {}),
    ...(batch === undefined ? {} : { batchSize: batchSizeOf(batch) }),
    ...(dedup === undefined ? {} : { dedup }),
  };
}

/** The default of `--digester` is that of images whose chunks are stored; others have one of their own. */
function digesterOf(flags: FlagValues): FormatOptions['digester'] | undefined {
  return flags.isGiven('digester') || !refers(flags) ? flags.oneOf('digester', DIGESTERS) : undefined;
}

const ALIGNMENT_FLAGS = ['fs-align-chunk', ALIGNED_CHUNK.name];

/** Notes about flags of the format that the user should know to be old or without effect. */
export function formatNotes(flags: FlagValues, { fsVersion }: Partial<FormatOptions>): string[] {
  const given = ALIGNMENT_FLAGS.filter((name) => flags.isOn(name));
  if (fsVersion !== 5)
    return given.map((name) => `--${name} has no effect: chunks of RAFS v6 are aligned anyway`);
  return given
    .filter((name) => name === ALIGNED_CHUNK.name)
    .map((name) => `--${name} is deprecated: the name is --fs-align-chunk now`);
}

function versionOf(flags: FlagValues): FormatOptions['fsVersion'] {
  const known = flags.oneOf('fs-version', VERSION_NAMES);
  return FS_VERSIONS.find((version) => String(version) === known) ?? FORMAT_DEFAULTS.fsVersion;
}

/** A name of the table, or `name:LEVEL` for a codec that has levels. */
function compressorOf(
  flags: FlagValues,
): Pick<FormatOptions, 'compressor'> & Partial<Pick<FormatOptions, 'compressionLevel'>> {
  const text = flags.text('compressor') ?? FORMAT_DEFAULTS.compressor;
  const [, leveled, level] = /^(\w+):(-?\d+)$/.exec(text) ?? [];
  const codec = written().find(({ name, levels }) =>
    leveled === undefined ? name === text : name === leveled && levels !== undefined,
  );
  if (codec !== undefined)
    return { compressor: codec.name, ...(level === undefined ? {} : { compressionLevel: Number(level) }) };
  if (CODECS.some(({ name }) => name === text)) {
    const reason = `the format has ${text} only for images whose chunks stay in ${text} layers`;
    throw new UsageError(`--compressor ${text} cannot be written: ${reason}`, {
      hint: compressors(({ name, levels }) => [
        name === FORMAT_DEFAULTS.compressor ? `${name} (the default)` : name,
        ...(levels === undefined ? [] : [`${name}:LEVEL`]),
      ]),
    });
  }
  const names = written().map(({ name }) => name);
  throw new UsageError(`--compressor should be one of [${names.join(' ')}], not "${text}"`);
}

interface WrittenCodec {
  readonly name: WrittenCompressor;
  readonly levels?: { readonly min: number; readonly max: number; readonly default: number };
}

/** The codecs that chunks can be stored with; the one that stores them as they are comes last. */
function written(): readonly WrittenCodec[] {
  return CODECS.filter((codec) => codec.isWritten).toReversed();
}

/** A list of what a user may type, as a phrase. */
function compressors(words: (codec: WrittenCodec) => readonly string[]): string {
  return alternatives(written().flatMap(words));
}
