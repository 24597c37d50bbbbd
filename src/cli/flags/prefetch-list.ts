/** The list that the flags about prefetching come to. */
import { UsageError } from '../../errors.js';
import type { PrefetchPattern } from '../../native/addon-types.js';
import { upstreamPatterns } from '../../prefetch/lines.js';
import { type PrefetchList, readPrefetchList } from '../../prefetch/read.js';
import { printable } from '../text/printable.js';
import { plural } from '../text/units.js';
import type { FlagValues } from './flags.js';

/** What reads the files that flags name. */
export interface ListFiles {
  /** Throws UsageError. */
  fileBytes(path: string): Uint8Array;
  /** Everything on standard input. */
  standardInput(): Uint8Array;
}

/** True if the flags take a list from standard input. */
export function asksForInput(flags: FlagValues): boolean {
  return flags.isOn('prefetch-patterns') || flags.text('prefetch-file') === '-';
}

export interface WantedPrefetch {
  /** Undefined for all of the image. */
  readonly patterns: readonly PrefetchPattern[] | undefined;
  readonly notes: readonly string[];
}

/** Throws UsageError. */
export function prefetchOf(flags: FlagValues, files: ListFiles): WantedPrefetch {
  const file = flags.text('prefetch-file');
  const directory = flags.text('prefetch-dir');
  const isListed = flags.isOn('prefetch-patterns');
  const given = [
    ...(directory === undefined ? [] : ['prefetch-dir']),
    ...(isListed ? ['prefetch-patterns'] : []),
    ...(file === undefined ? [] : ['prefetch-file']),
  ];
  if (given.length > 1) throw new UsageError(`--${given[0] ?? ''} conflicts with --${given[1] ?? ''}`);
  if (file !== undefined) return readFile(file, files);
  if (directory !== undefined && !directory.startsWith('/'))
    throw new UsageError(`--prefetch-dir "${directory}" is not a path from the root of the image`);
  const text = isListed ? Buffer.from(files.standardInput()).toString('utf8') : (directory ?? '');
  const patterns = upstreamPatterns(text);
  const relative = patterns?.filter(({ path }) => !path.startsWith('/')).length ?? 0;
  const notes =
    relative === 0 ? [] : [`${plural(relative, 'prefetch pattern')} without a leading slash: left out`];
  return { patterns: patterns?.filter(({ path }) => path.startsWith('/')), notes };
}

function readFile(file: string, files: ListFiles): WantedPrefetch {
  const { patterns, note } = listIn(file, files);
  return { patterns, notes: [note] };
}

/** The list in a file, or on standard input, and a sentence about it. Throws UsageError. */
export function listIn(file: string, files: ListFiles): PrefetchList & { readonly note: string } {
  const bytes = file === '-' ? files.standardInput() : files.fileBytes(file);
  const name = file === '-' ? 'standard input' : printable(file);
  const list = readPrefetchList(bytes, name);
  const { form, patterns, skipped } = list;
  if (patterns.length === 0) throw new UsageError(`${name} names no file; it was read as ${form}`);
  const left = skipped === 0 ? '' : `, and ${plural(skipped, 'line')} without a file of an image`;
  return { ...list, note: `${name} is ${form}: ${plural(patterns.length, 'path')}${left}` };
}
