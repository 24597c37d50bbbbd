/** A file that is read while it is being written, from its start to an end that comes later. */
import { type FileHandle, open } from 'node:fs/promises';
import { localIoError } from './scratch.js';
import type { ByteRange, ByteStream } from './streams.js';

/** Content of which more comes: what is there can be read, in any order and again. */
export interface GrowingContent {
  /** Waits until more than `size` bytes are there, or all of them. */
  moreThan(size: number, signal?: AbortSignal): Promise<Growth>;
  /** Bytes that are there. */
  read(range: ByteRange, signal?: AbortSignal): ByteStream;
}

export interface Growth {
  readonly size: number;
  /** No more comes. */
  readonly isComplete: boolean;
}

/** Large reads: the file goes to a socket, and each piece costs a turn of the event loop. */
const READ_BYTES = 512 * 1024;
/** Nobody tells when the file has grown: its writers are threads of the addon. Short for a network, long for a disk. */
const LOOK_AGAIN_MS = 50;

/** The writer only appends. Whoever opened it says `complete` when the last byte is in it, or `close`. */
export class GrowingFile implements GrowingContent, AsyncDisposable {
  readonly #path: string;
  #file: Promise<FileHandle> | undefined;
  #completeSize: number | undefined;
  readonly #waiting = new Set<() => void>();

  constructor(path: string) {
    this.#path = path;
  }

  /** The file now has all its bytes. */
  complete(size: number): void {
    this.#completeSize = size;
    for (const wake of this.#waiting) wake();
  }

  async moreThan(size: number, signal?: AbortSignal): Promise<Growth> {
    for (;;) {
      signal?.throwIfAborted();
      if (this.#completeSize !== undefined) return { size: this.#completeSize, isComplete: true };
      const now = await this.#size();
      if (now > size) return { size: now, isComplete: false };
      await this.#wait();
    }
  }

  async *read({ start, end }: ByteRange, signal?: AbortSignal): ByteStream {
    const file = await this.#open();
    for (let at = start; at < end;) {
      signal?.throwIfAborted();
      const length = Math.min(READ_BYTES, end - at);
      // A new buffer each time: whoever takes the bytes may keep them.
      const { bytesRead, buffer } = await file.read(Buffer.allocUnsafe(length), 0, length, at);
      if (bytesRead === 0) return;
      at += bytesRead;
      yield buffer.subarray(0, bytesRead);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const file = await this.#file?.catch(() => undefined);
    await file?.close();
  }

  async #wait(): Promise<void> {
    await new Promise<void>((resolve) => {
      const wake = (): void => {
        clearTimeout(timer);
        this.#waiting.delete(wake);
        resolve();
      };
      const timer = setTimeout(wake, LOOK_AGAIN_MS);
      this.#waiting.add(wake);
    });
  }

  async #size(): Promise<number> {
    return (await (await this.#open()).stat()).size;
  }

  #open(): Promise<FileHandle> {
    this.#file ??= open(this.#path, 'r').catch((cause: unknown) => {
      throw localIoError(`cannot read ${this.#path}`, cause);
    });
    return this.#file;
  }
}
