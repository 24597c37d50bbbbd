/** Packs a directory into a blob, and makes the bootstrap of it and what lies below it. */
import { type Dictionary, loadDictionary } from '../convert/dictionary.js';
import { LocalIoError, UnsupportedError, UsageError } from '../errors.js';
import type { NativeUsedBlob } from '../native/addon-types.js';
import { withBudget } from '../native/budget.js';
import { openBootstrapInTurns } from '../native/judge.js';
import { openImagePacker, type SealedBlob } from '../native/packer.js';
import { untilAborted } from '../native/until-aborted.js';
import type { Platform } from '../oci/descriptor.js';
import { digestHex } from '../oci/digest.js';
import { displayName, type RawPath } from '../oci/raw-name.js';
import { meaningOf, type PrefetchMeaning } from '../prefetch/meaning.js';
import type { CallOptions, PackStats } from '../reporter.js';
import { formatOfBuild, formatOver } from './format.js';
import { type BuildOptions, entryOptions } from './options.js';

/** The bootstrap of an image that the directory is put on. */
export interface LowerTree {
  /** For messages. */
  readonly name: string;
  readonly bootstrap: Uint8Array;
}

export interface PackedDirectory {
  readonly sealed: SealedBlob;
  readonly bootstrap: Buffer;
  readonly stats: PackStats;
  readonly fsVersion: number;
  readonly compressor: string;
  readonly prefetched: PrefetchMeaning | undefined;
  readonly dictionary: Dictionary | undefined;
  /** The blobs of the dictionary that the bootstrap names. */
  readonly borrowed: readonly NativeUsedBlob[];
}

export interface PackRequest {
  readonly directory: string;
  /** A file that is not there yet. */
  readonly blobPath: string;
  readonly below?: LowerTree | undefined;
  /** The platform whose image a dictionary of several is taken from. */
  readonly platform: Platform;
}

/** The numbers of the layers in the packer. */
const BELOW = 0;
const TREE = 1;

/**
 * Throws LocalIoError for what cannot be read, or changes while it is read, UnsupportedError for what no image holds, and UsageError for
 * options that do not go together. The blob's file is then gone.
 */
export async function packDirectory(
  { directory, blobPath, below, platform }: PackRequest,
  given: BuildOptions,
  from: CallOptions = {},
): Promise<PackedDirectory> {
  const call = withBudget(from);
  const { threads, ...entries } = entryOptions(given);
  const lower = below === undefined ? undefined : await openBootstrapInTurns(below.bootstrap, call.signal);
  const format =
    below === undefined || lower === undefined
      ? formatOfBuild(given)
      : formatOver(below.bootstrap, lower, below.name, given);
  const dictionary =
    given.dictionary === undefined
      ? undefined
      : await loadDictionary(given.dictionary, platform, format, call);
  const names = new Set(lower?.bootstrap.blobs.map(({ record }) => record.id));
  refuseBelow(names, dictionary);
  using packer = openImagePacker({
    ...format,
    threads,
    layers: 1,
    dictionary: dictionary?.native,
    budget: call.budget,
    limits: call.limits,
  });
  if (below !== undefined) await packer.base(BELOW, { bootstrap: below.bootstrap });
  call.signal?.throwIfAborted();
  call.reporter?.emit({ type: 'step', message: `packing ${directory}` });
  const layer = packer.openDirectory(TREE, blobPath, {
    path: directory,
    ...entries,
    isLowest: below === undefined,
  });
  return await untilAborted(layer, call.signal, async () => {
    const packed = await layer.finish().catch(aboutDirectory);
    for (const { code, message } of packed.warnings) call.reporter?.emit({ type: 'warning', code, message });
    const sealed = await layer.seal();
    const id = digestHex(sealed.digest);
    if (names.has(id))
      throw new UnsupportedError(`${below?.name ?? ''} has the blob of this directory already`, {
        hint: 'put it on the image that was there before',
      });
    const places = below === undefined ? [TREE] : [BELOW, TREE];
    const { bootstrap, prefetched, dictionaryBlobs } = await packer.bootstrap(places);
    const meaning = prefetched && meaningOf(format.prefetch ?? [], prefetched);
    warnOfMissing(meaning, call);
    return {
      sealed,
      bootstrap,
      stats: { ...packed.stats, blobBytes: sealed.size },
      fsVersion: format.fsVersion,
      compressor: format.compressor,
      prefetched: meaning,
      dictionary,
      borrowed: dictionaryBlobs,
    };
  });
}

/** A bootstrap has one row for a blob, and a dictionary counts the chunks of a blob otherwise than the image that it belongs to. */
function refuseBelow(names: ReadonlySet<string>, dictionary: Dictionary | undefined): void {
  const blobs =
    dictionary?.parts.flatMap(({ blobs: own }) => own.map(({ digest }) => digestHex(digest))) ?? [];
  const both = blobs.find((id) => names.has(id));
  if (both === undefined) return;
  throw new UsageError(`the chunk dictionary names blob ${both}, which lies below already`, {
    hint: 'leave the dictionary out, or take one of other images',
  });
}

/** The addon takes a failure of the disk for one of the blob's file, which another work folder may mend. */
function aboutDirectory(error: unknown): never {
  if (error instanceof LocalIoError && error.message.startsWith('cannot read '))
    throw new LocalIoError(error.message, { cause: error });
  throw error;
}

function warnOfMissing(meaning: PrefetchMeaning | undefined, { reporter }: CallOptions): void {
  if (meaning === undefined || meaning.missing.count === 0) return;
  const { count, paths } = meaning.missing;
  const shown = paths.map((path) => displayName(path as RawPath)).join(', '); // patterns are bytes as paths are
  const more = count > paths.length ? `, and ${count - paths.length} more` : '';
  const message = `${count} of ${meaning.patterns} patterns of the prefetch list are not there: ${shown}${more}`;
  reporter?.emit({ type: 'warning', code: 'prefetch-missing', message });
}
