/** How changes are put on a Nydus image, and the defaults. */
import { availableParallelism } from 'node:os';
import type { FormatOptions } from '../convert/format.js';
import { within } from '../convert/within.js';
import { UsageError } from '../errors.js';
import { COPY_CONCURRENCY } from '../io/concurrency.js';
import type { Platform } from '../oci/descriptor.js';

export interface CommitOptions {
  /** The image of an index that is meant; needed only where the index has several. */
  readonly platform: Platform | undefined;
  /** Taken where several platforms are there and `platform` names none. */
  readonly preferred: Platform | undefined;
  /** The new blob; what is left out is as in the base, whose version, chunk size and digester are kept in any case. */
  readonly format: Partial<Pick<FormatOptions, 'compressor' | 'compressionLevel' | 'batchSize' | 'dedup'>>;
  /** Text of the new entry of the history. */
  readonly message: string | undefined;
  readonly author: string | undefined;
  /** The time in the config and in the new entry of the history, as RFC 3339 has it; without it both stay without a new one. */
  readonly created: string | undefined;
  /** The most layers that may have been put on an image in this way. */
  readonly maximumTimes: number;
  readonly concurrency: number;
  readonly threads: number;
  /** The folder for the blob; that of the system without one. */
  readonly workDir: string | undefined;
}

/** As upstream has it. */
export const MAXIMUM_TIMES = 400;

/** Fills in defaults; throws UsageError for values out of range. */
export function commitOptions(from: Partial<CommitOptions>): CommitOptions {
  // Each option is read once: a getter may give another value at the second time.
  const given = { ...from };
  const options: CommitOptions = {
    platform: given.platform,
    preferred: given.preferred,
    format: given.format ?? {},
    message: given.message,
    author: given.author,
    created: given.created,
    maximumTimes: given.maximumTimes ?? MAXIMUM_TIMES,
    concurrency: given.concurrency ?? COPY_CONCURRENCY,
    threads: given.threads ?? availableParallelism(),
    workDir: given.workDir,
  };
  within('concurrency', options.concurrency, 1, 64);
  within('threads', options.threads, 1, 256);
  within('maximum times', options.maximumTimes, 1, 1_000_000);
  if (options.created !== undefined && Number.isNaN(Date.parse(options.created)))
    throw new UsageError(`"${options.created}" is no time`, { hint: 'as in 2026-11-30T12:00:00Z' });
  return Object.freeze(options);
}
