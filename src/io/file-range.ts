/** Bytes of a part of a file: archives and layouts are read in place, and a blob's spool file is sent from any offset. */
import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { localIoError } from './system-error.js';
import type { ByteRange, ByteStream } from './streams.js';

/** Large reads, because each piece costs a turn of the event loop on its way to a socket or to the addon. */
const READ_BYTES = 512 * 1024;

/**
 * Opens a regular file for reading. A pipe or device in its place is refused, since it may block for good or never end; asking for
 * no waiting makes opening one harmless. Throws LocalIoError.
 */
export async function openFile(path: string): Promise<FileHandle> {
  let file;
  try {
    file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    await demandRegular(file);
    return file;
  } catch (cause) {
    await file?.close();
    throw localIoError(`cannot read ${path}`, cause);
  }
}

async function demandRegular(file: FileHandle): Promise<void> {
  const found = await file.stat();
  if (found.isFile()) return;
  throw found.isDirectory()
    ? Object.assign(new Error('it is a folder'), { code: 'EISDIR' })
    : new Error('it is no regular file');
}

/** The bytes of a small file. Throws LocalIoError, for a file of more than `limit` bytes too. */
export async function readSmallFile(path: string, limit: number): Promise<Buffer> {
  const file = await openFile(path);
  try {
    const bytes = await readPiece(file, { start: 0, end: Math.min(limit, (await file.stat()).size) + 1 });
    if (bytes.length > limit) throw new Error(`it has more than ${limit} bytes`);
    return bytes;
  } catch (cause) {
    throw localIoError(`cannot read ${path}`, cause);
  } finally {
    await file.close();
  }
}

/** The whole file when no range is given. Ends early where the file does. Throws LocalIoError, and the signal's reason once it has fired. */
export async function* readFileRange(path: string, range?: ByteRange, signal?: AbortSignal): ByteStream {
  // A caller that asks for thousands of files, most of which are not there, ends here.
  signal?.throwIfAborted();
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
