/** Content that is read while it is being made, from its start to an end that comes later. */
import type { FileHandle } from 'node:fs/promises';
import { orAborted } from './abort.js';
import { openFile, readRange } from './file-range.js';
import type { ByteRange, ByteStream } from './streams.js';

/** The bytes that are there can be read in any order and again. */
export interface GrowingContent {
  /** Waits until more than `size` bytes are there, or all of them. Fails when the content will not be completed. */
  moreThan(size: number, signal?: AbortSignal): Promise<Growth>;
  /** A range of the bytes that are there. */
  read(range: ByteRange, signal?: AbortSignal): ByteStream;
}

export interface Growth {
  /** Bytes that are there. */
  readonly size: number;
  /** No more bytes come. */
  readonly complete: boolean;
}

/** A file to which its writer appends. The writer says how far it is, so that nothing here looks at the file in vain. */
export class GrowingFile implements GrowingContent, AsyncDisposable {
  readonly #path: string;
  readonly #grown: (size: number) => Promise<Growth>;
  #file: Promise<FileHandle> | undefined;

  /** `grown` settles as `moreThan` does; it is the writer's, and may be called again before it has settled. */
  constructor(path: string, grown: (size: number) => Promise<Growth>) {
    this.#path = path;
    this.#grown = grown;
  }

  async moreThan(size: number, signal?: AbortSignal): Promise<Growth> {
    signal?.throwIfAborted();
    return orAborted(this.#grown(size), signal);
  }

  async *read(range: ByteRange, signal?: AbortSignal): ByteStream {
    this.#file ??= openFile(this.#path);
    yield* readRange(await this.#file, range, signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const file = await this.#file?.catch(() => undefined);
    await file?.close();
  }
}
