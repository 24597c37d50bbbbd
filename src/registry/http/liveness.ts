/** Ends a body that trickles: each byte restarts undici's timer, so the run would not end. */
import { RegistryError } from '../../errors.js';
import type { ByteStream } from '../../io/streams.js';

/** Bytes that must come in the time after which a silent server is given up: about 140 a second. */
export const MIN_BYTES_PER_WAIT = 16 * 1024;

/**
 * Passes bytes on. Throws a retryable RegistryError when fewer than `MIN_BYTES_PER_WAIT` came in `waitMs` of waiting for them. The
 * time that the reader takes does not count.
 */
export async function* lively(stream: ByteStream, waitMs: number, host: string): ByteStream {
  const iterator = stream[Symbol.asyncIterator]();
  let waitedMs = 0;
  let got = 0;
  try {
    for (;;) {
      const askedAt = performance.now();
      const result = await iterator.next();
      if (result.done === true) return;
      waitedMs += performance.now() - askedAt;
      got += result.value.length;
      if (got >= MIN_BYTES_PER_WAIT) {
        waitedMs = 0;
        got = 0;
      } else if (waitedMs >= waitMs) {
        throw new RegistryError(
          `registry ${host}: it sends next to nothing (${got} bytes in ${Math.round(waitedMs / 1000)} s)`,
          { retryable: true },
        );
      }
      yield result.value;
    }
  } finally {
    await iterator.return?.();
  }
}
