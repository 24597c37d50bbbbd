/** The format of what is built: the caller's, or that of the image that it is put on. */
import { formatOptions, type FormatOptions } from '../convert/format.js';
import { UsageError } from '../errors.js';
import { formatOf } from '../optimize/format.js';
import type { RafsImage } from '../rafs-builder/versions.js';
import type { BuildFormat, BuildOptions } from './options.js';

const NAMES = [
  'fsVersion',
  'compressor',
  'compressionLevel',
  'chunkSize',
  'batchSize',
  'digester',
  'alignChunks',
  'compat',
  'prefetch',
] as const satisfies readonly (keyof BuildFormat)[];

/** What a bootstrap has only one of. */
const COMMON = {
  fsVersion: 'RAFS version',
  chunkSize: 'chunk size',
  digester: 'digester',
  compressor: 'compressor',
} as const;

/** Throws UsageError for values out of range. */
export function formatOfBuild(given: BuildOptions): FormatOptions {
  return formatOptions(own(given));
}

/** Throws UsageError where the caller asks for another format than the lower image has. */
export function formatOver(
  bytes: Uint8Array,
  { bootstrap }: RafsImage,
  name: string,
  given: BuildOptions,
): FormatOptions {
  const below = formatOf(bytes, bootstrap, given.prefetch ?? []);
  for (const [key, what] of Object.entries(COMMON)) {
    const member = key as keyof typeof COMMON; // the keys of an object literal
    const [wanted, there] = [given[member], below[member]];
    if (wanted === undefined || wanted === there) continue;
    throw new UsageError(`${name} has ${what} ${there}, and the directory is to be packed with ${wanted}`, {
      hint: 'a bootstrap has one of them; leave it out to take that of the lower image',
    });
  }
  const { fsVersion, chunkSize, digester, compressor } = below;
  return formatOptions({ ...own(given), fsVersion, chunkSize, digester, compressor });
}

function own(given: BuildOptions): BuildFormat {
  const asked = NAMES.map((name) => [name, given[name]] as const).filter(([, value]) => value !== undefined);
  return Object.fromEntries(asked);
}
