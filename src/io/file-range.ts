/** Bytes of a part of a file: archives and layouts are read in place, and a blob's spool file is sent from any offset. */
import { type FileHandle, open } from 'node:fs/promises';
import { localIoError } from './scratch.js';
import type { ByteRange, ByteStream } from './streams.js';

/** Large reads, because each piece costs a turn of the event loop on its way to a socket or to the addon. */
const READ_BYTES = 512 * 1024;

/** Opens a file for reading. Throws LocalIoError. */
export async function openFile(path: string): Promise<FileHandle> {
  try {
    return await open(path, 'r');
  } catch (cause) {
    throw localIoError(`cannot read ${path}`, cause);
  }
}

/** The whole file when no range is given. Ends early where the file does. Throws LocalIoError, and the signal's reason once it has fired. */
export async function* readFileRange(path: string, range?: ByteRange, signal?: AbortSignal): ByteStream {
  const file = await openFile(path);
  try {
    yield* readRange(file, range, signal);
  } catch (cause) {
    throw isSystemError(cause) ? localIoError(`cannot read ${path}`, cause) : cause;
  } finally {
    await file.close();
  }
}

/** Reads an open file, whose own position does not move. */
export async function* readRange(
  file: FileHandle,
  { start, end }: ByteRange = { start: 0, end: Infinity },
  signal?: AbortSignal,
): ByteStream {
  for (let at = start; at < end;) {
    signal?.throwIfAborted();
    const length = Math.min(READ_BYTES, end - at);
    // A new buffer each time, because the reader may keep the bytes.
    const { bytesRead, buffer } = await file.read(Buffer.allocUnsafe(length), 0, length, at);
    if (bytesRead === 0) return;
    at += bytesRead;
    yield buffer.subarray(0, bytesRead);
  }
}

/** The bytes of `range`; fewer where the file ends before. */
export async function readPiece(file: FileHandle, { start, end }: ByteRange): Promise<Buffer> {
  const piece = Buffer.alloc(end - start);
  let done = 0;
  while (done < piece.length) {
    const { bytesRead } = await file.read(piece, done, piece.length - done, start + done);
    if (bytesRead === 0) break;
    done += bytesRead;
  }
  return piece.subarray(0, done);
}

function isSystemError(cause: unknown): boolean {
  return cause instanceof Error && 'syscall' in cause;
}
