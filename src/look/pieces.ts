/** Cuts a stream of bytes into pieces. */
import type { ByteStream } from '../io/streams.js';

/** Yields pieces of these sizes, and ignores the bytes behind the last one. */
export async function* cut(stream: ByteStream, sizes: readonly number[]): AsyncGenerator<Buffer> {
  let next = 0;
  let parts: Uint8Array[] = [];
  let waiting = 0;
  for await (const bytes of stream) {
    parts.push(bytes);
    waiting += bytes.length;
    if (waiting < (sizes[next] ?? 0)) continue;
    let joined = Buffer.concat(parts);
    for (let size = sizes[next]; size !== undefined && size <= joined.length; size = sizes[next]) {
      yield joined.subarray(0, size);
      joined = joined.subarray(size);
      next += 1;
    }
    parts = [joined];
    waiting = joined.length;
  }
}
