/** The bytes of a tar of changes in a file or a pipe. */
import { readFileRange } from '../io/file-range.js';
import { openPipe, STDIN } from '../io/pipe.js';
import type { ByteStream } from '../io/streams.js';

/** `-` is standard input. Throws LocalIoError for what cannot be read. */
export async function openChanges(path: string, signal?: AbortSignal): Promise<ByteStream> {
  const place = path === '-' ? STDIN : path;
  return (await openPipe(place, signal)) ?? readFileRange(place, undefined, signal);
}
