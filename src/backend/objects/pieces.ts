/** Bytes in memory as the body of a request. */
import type { ByteStream, ReplayableContent } from '../../io/streams.js';

const PIECE_BYTES = 256 * 1024;

/** Without a copy: the caller does not change the bytes before the answer is there. */
export function inPieces(bytes: Uint8Array): ReplayableContent {
  return {
    size: bytes.length,
    // eslint-disable-next-line @typescript-eslint/require-await -- a ByteStream is asynchronous by type
    open: async function* (): ByteStream {
      for (let at = 0; at < bytes.length; at += PIECE_BYTES) yield bytes.subarray(at, at + PIECE_BYTES);
    },
  };
}
