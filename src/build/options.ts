/** How a directory is packed, and the defaults. */
import { availableParallelism } from 'node:os';
import type { OneDictionary } from '../convert/dictionary.js';
import type { FormatOptions } from '../convert/format.js';
import { within } from '../convert/within.js';
import { UsageError } from '../errors.js';

/** The forms in which a directory of changes says what it removes, by upstream's names. */
export type WhiteoutForm = 'oci' | 'overlayfs' | 'none';
export const WHITEOUT_FORMS = ['oci', 'overlayfs', 'none'] as const satisfies readonly WhiteoutForm[];

/** Format options that are about a directory too. */
export type BuildFormat = Partial<
  Pick<
    FormatOptions,
    | 'fsVersion'
    | 'compressor'
    | 'compressionLevel'
    | 'chunkSize'
    | 'batchSize'
    | 'digester'
    | 'alignChunks'
    | 'compat'
    | 'prefetch'
  >
>;

export interface BuildOptions extends BuildFormat {
  /** The owner of every entry, instead of the directory's. */
  readonly owner?: { readonly uid: number; readonly gid: number } | undefined;
  /** The modification time of every entry, in seconds since 1970, instead of the directory's. */
  readonly mtime?: number | undefined;
  /**
   * True: nothing of this machine and this user is kept. Without `owner` everything is root's, without `mtime` it is of 1970, and
   * labels and signatures of security modules are left out.
   */
  readonly reproducible?: boolean | undefined;
  readonly whiteouts?: WhiteoutForm | undefined;
  /** Chunks of other images that files may refer to. */
  readonly dictionary?: OneDictionary | undefined;
  /** Compression threads; the result does not depend on it. */
  readonly threads?: number | undefined;
}

/** What the addon does with the entries, and the threads. */
export interface EntryOptions {
  readonly owner: { readonly uid: number; readonly gid: number } | undefined;
  readonly mtime: number | undefined;
  readonly withoutLabels: boolean;
  readonly whiteouts: WhiteoutForm;
  readonly threads: number;
}

const ROOT = { uid: 0, gid: 0 };
const MAX_ID = 2 ** 32 - 1;

/** Fills in defaults; throws UsageError for values out of range. */
export function entryOptions(given: BuildOptions): EntryOptions {
  const reproducible = given.reproducible === true;
  const options: EntryOptions = {
    owner: given.owner ?? (reproducible ? ROOT : undefined),
    mtime: given.mtime ?? (reproducible ? 0 : undefined),
    withoutLabels: reproducible,
    whiteouts: given.whiteouts ?? 'oci',
    threads: given.threads ?? availableParallelism(),
  };
  const { owner, mtime } = options;
  if (owner !== undefined) {
    within('user', owner.uid, 0, MAX_ID);
    within('group', owner.gid, 0, MAX_ID);
  }
  if (mtime !== undefined && !Number.isSafeInteger(mtime))
    throw new UsageError(`the modification time ${mtime} is no whole number of seconds`);
  if (!WHITEOUT_FORMS.includes(options.whiteouts))
    throw new UsageError(`there are no whiteouts of the form "${options.whiteouts}"`);
  within('threads', options.threads, 1, 256);
  return options;
}
