/** A body that comes drop by drop keeps every timer from firing, and a run from ending. */
import { RegistryError } from '../../errors.js';
import type { ByteStream } from '../../io/streams.js';

/** Bytes that must come in the time that a silent server is given: some 140 a second. */
export const MIN_BYTES_PER_WAIT = 16 * 1024;

/**
 * Passes bytes on. Throws a retryable RegistryError when, in `waitMs` of waiting for them, fewer came than `MIN_BYTES_PER_WAIT`.
 * Time that the reader takes is not the server's.
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
