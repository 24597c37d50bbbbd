/** Ends a body that trickles: each byte restarts undici's timer, so the run would not end. */
import { RegistryError } from '../../errors.js';
import type { ByteStream } from '../../io/streams.js';

/** Bytes that must come in the time after which a silent server is given up: about 140 a second. */
export const MIN_BYTES_PER_WAIT = 16 * 1024;

/** Milliseconds of waiting after which the whole body is judged by its rate. */
const JUDGED_AFTER_MS = 600_000;
/** Bytes a second that a body brings at least, over all the time that was spent waiting for it. */
const MIN_RATE = 4096;

/** True for a transfer of `bytes` that has taken so long that its end cannot be waited for. */
export function isTooSlow(bytes: number, ms: number, judgedAfterMs = JUDGED_AFTER_MS): boolean {
  return ms >= judgedAfterMs && bytes < (MIN_RATE * ms) / 1000;
}

/**
 * Passes bytes on. Throws a retryable RegistryError when fewer than `MIN_BYTES_PER_WAIT` came in `waitMs` of waiting for them. The
 * time that the reader takes does not count. A body that stays above that and below `MIN_RATE` for `judgedAfterMs` fails for good: to go
 on where it ended would take as long.
 */
export async function* lively(
  stream: ByteStream,
  waitMs: number,
  server: string,
  judgedAfterMs = JUDGED_AFTER_MS,
): ByteStream {
  const iterator = stream[Symbol.asyncIterator]();
  let waitedMs = 0;
  let got = 0;
  let allMs = 0;
  let all = 0;
  try {
    for (;;) {
      const askedAt = performance.now();
      const result = await iterator.next();
      if (result.done === true) return;
      const tookMs = performance.now() - askedAt;
      waitedMs += tookMs;
      got += result.value.length;
      allMs += tookMs;
      all += result.value.length;
      if (isTooSlow(all, allMs, judgedAfterMs)) {
        throw new RegistryError(
          `${server}: it sends too slowly (${all} bytes in ${Math.round(allMs / 1000)} s)`,
        );
      }
      if (got >= MIN_BYTES_PER_WAIT) {
        waitedMs = 0;
        got = 0;
      } else if (waitedMs >= waitMs) {
        throw new RegistryError(
          `${server}: it sends next to nothing (${got} bytes in ${Math.round(waitedMs / 1000)} s)`,
          { retryable: true },
        );
      }
      yield result.value;
    }
  } finally {
    await iterator.return?.();
  }
}
