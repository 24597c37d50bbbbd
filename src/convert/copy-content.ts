/** Copies the entries of an index that are not converted, with everything that they refer to. */
import { FormatError, RegistryError, UnsupportedError } from '../errors.js';
import { Copier } from '../copy/copier.js';
import type { Run } from './run.js';
import type { ForeignEntry } from './source-images.js';

/** The statuses with which a target refuses a manifest that it does not accept. */
const REFUSALS: ReadonlySet<number> = new Set([400, 405, 415, 422]);

type CopyRun = Pick<Run, 'source' | 'target' | 'uploads'> & {
  readonly options: Pick<Run['options'], 'concurrency'>;
};

/**
 * Copies the entries with everything that they refer to, and returns those that the target has now. An entry whose
 * content the source lacks, or that the target refuses, is left out with a warning, because the caller came for the
 * images.
 */
export async function copyEntries(
  run: CopyRun,
  entries: readonly ForeignEntry[],
): Promise<readonly ForeignEntry[]> {
  const { source, target, options, uploads } = run;
  // Not by the run's `Uploads`, so that a failure here does not end the run.
  const { concurrency } = options;
  const copier = new Copier({ source, target }, { concurrency, isPlaced: (digest) => uploads.has(digest) });
  if (entries.length > 0)
    uploads.call.reporter?.emit({ type: 'step', message: 'copying what is kept as it is' });
  const kept: ForeignEntry[] = [];
  for (const entry of entries) {
    const { digest, mediaType } = entry.descriptor;
    try {
      await copier.copy(entry.descriptor, uploads.call);
      kept.push(entry);
    } catch (cause) {
      if (!isAboutEntry(cause)) throw cause;
      uploads.call.reporter?.emit({
        type: 'warning',
        code: 'ENTRY_LEFT_OUT',
        message: `an entry of the index is left out, since it cannot be copied: ${digest} (${mediaType}): ${cause.message}`,
      });
    }
  }
  return kept;
}

function isAboutEntry(cause: unknown): cause is RegistryError | FormatError | UnsupportedError {
  if (cause instanceof FormatError || cause instanceof UnsupportedError) return true;
  if (!(cause instanceof RegistryError) || cause.status === undefined) return false;
  return (cause.status === 404 && cause.side !== 'target') || REFUSALS.has(cause.status);
}
