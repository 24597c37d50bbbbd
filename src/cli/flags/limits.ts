/** The flags that raise what an image may take of this machine. */
import { UsageError } from '../../errors.js';
import type { LimitName, Limits } from '../../limits.js';
import { parseByteSize } from './byte-size.js';
import type { Flag, FlagValues } from './flags.js';

const LIMITS = 'Limits for images that are not trusted:';

export const LIMIT_FLAG_OF: Readonly<Record<LimitName, string>> = {
  maxEntries: 'max-entries',
  maxMetadata: 'max-metadata',
  maxDisk: 'max-disk',
  maxExpansion: 'max-expansion',
};

export const LIMIT_FLAGS: readonly Flag[] = [
  {
    name: 'max-entries',
    type: 'string',
    value: 'n',
    group: LIMITS,
    help: 'entries of all layers at most; default: 16777216',
  },
  {
    name: 'max-metadata',
    type: 'string',
    value: 'size',
    group: LIMITS,
    help: 'bytes of metadata beyond 32 times the compressed layers; default: 64M',
  },
  {
    name: 'max-disk',
    type: 'string',
    value: 'size',
    group: LIMITS,
    help: 'bytes on disk beyond 200 times the compressed layers and 50 times compressed archives; default: 1024M',
  },
  {
    name: 'max-expansion',
    type: 'string',
    value: 'n',
    group: LIMITS,
    help: 'unpacked bytes for each compressed byte, from 1 GiB on; default: 2000',
  },
];

/** Throws UsageError. */
export function limitsOf(flags: FlagValues): Partial<Limits> {
  const number = (name: string): number | undefined => {
    const value = flags.number(name);
    if (value !== undefined && value < 0) throw new UsageError(`--${name} "${value}" is below 0`);
    return value;
  };
  const size = (name: string): number | undefined => {
    const text = flags.text(name);
    return text === undefined ? undefined : parseByteSize(name, text);
  };
  const given = {
    maxEntries: number('max-entries'),
    maxMetadata: size('max-metadata'),
    maxDisk: size('max-disk'),
    maxExpansion: number('max-expansion'),
  };
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
}
