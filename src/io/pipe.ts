/** Input that can be read once and from the start only: standard input and named pipes. */
import { constants, type Stats } from 'node:fs';
import { fstat, open as openCallback } from 'node:fs';
import { stat } from 'node:fs/promises';
import { Socket } from 'node:net';
import { promisify } from 'node:util';
import { LocalIoError } from '../errors.js';
import { localIoError } from './system-error.js';
import type { ByteStream } from './streams.js';

/** The path that stands for standard input. */
export const STDIN = '/dev/stdin';

/**
 * The bytes of a pipe or socket; undefined for a file that can be read in place. Throws LocalIoError for what has no end: a
 * terminal, another device, a folder.
 */
export async function openPipe(path: string, signal?: AbortSignal): Promise<ByteStream | undefined> {
  const fd = path === STDIN ? 0 : undefined;
  const found = await statOf(path, fd);
  if (found.isFile()) return undefined;
  if (!found.isFIFO() && !found.isSocket()) {
    const what = found.isDirectory() ? 'it is a folder' : 'it is neither a file nor a pipe';
    throw new LocalIoError(`cannot read ${path}: ${what}`);
  }
  return bytesOf(path, fd, signal);
}

async function statOf(path: string, fd: number | undefined): Promise<Stats> {
  try {
    return await (fd === undefined ? stat(path) : promisify(fstat)(fd));
  } catch (cause) {
    throw localIoError(`cannot read ${path}`, cause);
  }
}

async function* bytesOf(
  path: string,
  given: number | undefined,
  signal: AbortSignal | undefined,
): ByteStream {
  try {
    // Opened so, a pipe that has no writer yet occupies no thread, and waiting for one can be interrupted.
    const fd = given ?? (await promisify(openCallback)(path, constants.O_RDONLY | constants.O_NONBLOCK));
    const socket = new Socket({ fd, readable: true, writable: false, signal });
    try {
      for await (const bytes of socket) yield bytes as Buffer; // a stream without encoding
    } finally {
      socket.destroy();
    }
  } catch (cause) {
    signal?.throwIfAborted();
    throw localIoError(`cannot read ${path}`, cause);
  }
}
