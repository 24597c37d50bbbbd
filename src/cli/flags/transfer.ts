/** The flags about the transfers of a command that copies blobs as they are. */
import { COPY_CONCURRENCY } from '../../io/concurrency.js';
import { parseByteSize } from './byte-size.js';
import { connectionsFor, transfersFor } from './connections.js';
import type { FlagValues } from './flags.js';
import { transferOptions } from './registry.js';

export interface Transfers {
  /** Blobs at a time. */
  readonly concurrency: number;
  readonly transfer: ReturnType<typeof transferOptions> & {
    /** Bytes of one request of an upload; 0: all. */
    readonly chunkSize: number;
  };
}

/** Throws UsageError. */
export function transfersOf(flags: FlagValues): Transfers {
  const { rate, connections } = transferOptions(flags);
  const concurrency = transfersFor(flags.number('concurrency') ?? COPY_CONCURRENCY, connections);
  const chunkSize = parseByteSize('push-chunk-size', flags.text('push-chunk-size') ?? '0');
  return {
    concurrency,
    transfer: { rate, connections: connectionsFor(concurrency, connections), chunkSize },
  };
}
