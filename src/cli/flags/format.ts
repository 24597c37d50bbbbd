/** The flags that decide about the bytes of blobs and bootstraps, and what they come to. */
import type { FormatOptions } from '../../convert/format.js';
import { UsageError } from '../../errors.js';
import { CODECS, DEFAULT_COMPRESSOR, FS_VERSIONS, type WrittenCompressor } from '../../native/formats.js';
import { DEFAULT_CHUNK_SIZE } from '../../rafs-builder/layout/v6.js';
import { parseByteSize } from './byte-size.js';
import type { Flag, FlagValues } from './flags.js';

const GROUP = 'Result:';

/** Versions that upstream knows. */
const KNOWN_VERSIONS = ['5', '6'] as const;

export const FORMAT_FLAGS: readonly Flag[] = [
  {
    name: 'fs-version',
    type: 'string',
    value: 'n',
    default: String(FS_VERSIONS[0]),
    env: 'FS_VERSION',
    group: GROUP,
    help: 'RAFS version',
  },
  {
    name: 'compressor',
    type: 'string',
    value: 'name',
    default: DEFAULT_COMPRESSOR,
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
    default: `0x${DEFAULT_CHUNK_SIZE.toString(16)}`,
    env: 'FS_CHUNK_SIZE',
    group: GROUP,
    help: 'power of two from 0x1000 to 0x1000000, or as 64K, 1M',
  },
  {
    name: 'dedup',
    type: 'string',
    value: 'scope',
    default: 'image',
    group: GROUP,
    help: 'image: refer to equal chunks of lower layers; layer: every blob stands alone, byte for byte as upstream makes it',
  },
];

/** Throws UsageError. Ranges are checked with the other options'. */
export function formatOptionsOf(flags: FlagValues): Partial<FormatOptions> {
  const fsVersion = versionOf(flags);
  const compressor = compressorOf(flags);
  const chunkSize = parseByteSize('fs-chunk-size', flags.text('fs-chunk-size') ?? '');
  const dedup = flags.oneOf('dedup', ['image', 'layer']);
  return { fsVersion, ...compressor, chunkSize, ...(dedup === undefined ? {} : { dedup }) };
}

function versionOf(flags: FlagValues): FormatOptions['fsVersion'] {
  const known = flags.oneOf('fs-version', KNOWN_VERSIONS) ?? '';
  const version = FS_VERSIONS.find((written) => String(written) === known);
  if (version !== undefined) return version;
  throw new UsageError(`--fs-version ${known} is not supported yet`, {
    hint: `RAFS v${FS_VERSIONS[0]} is the default`,
  });
}

/** A name of the table, or `name:LEVEL` for a codec that has levels. */
function compressorOf(
  flags: FlagValues,
): Pick<FormatOptions, 'compressor'> & Partial<Pick<FormatOptions, 'compressionLevel'>> {
  const text = flags.text('compressor') ?? DEFAULT_COMPRESSOR;
  const [, leveled, level] = /^(\w+):(-?\d+)$/.exec(text) ?? [];
  const codec = written().find(({ name, levels }) =>
    leveled === undefined ? name === text : name === leveled && levels !== undefined,
  );
  if (codec !== undefined)
    return { compressor: codec.name, ...(level === undefined ? {} : { compressionLevel: Number(level) }) };
  if (CODECS.some(({ name }) => name === text)) {
    throw new UsageError(`--compressor ${text} is not supported yet`, {
      hint: compressors(({ name, levels }) => [
        name === DEFAULT_COMPRESSOR ? `${name} (the default)` : name,
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
  return written()
    .flatMap(words)
    .join(', ')
    .replace(/, (?=[^,]*$)/, ' or ');
}
