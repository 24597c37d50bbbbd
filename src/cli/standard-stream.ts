/**
 * Standard output and standard error, which may be a full disk, a closed pipe or a terminal that has gone. A failure is kept, and
 * the process ends with one line and an exit code instead of Node's stack trace.
 */
import { fstatSync, writeSync } from 'node:fs';
import { isatty } from 'node:tty';
import { LocalIoError } from '../errors.js';
import { systemReason } from '../io/system-error.js';
import type { Output } from './context.js';
import type { Terminal } from './text/live-area.js';

export class StandardStream implements Output {
  readonly #name: string;
  readonly #stream: NodeJS.WriteStream;
  readonly #fd: number;
  /** Files are written here, since Node's stream for them takes a short write, as on a disk that is nearly full, for a whole one. */
  readonly #direct: boolean;
  readonly #onFailure: (error: Error) => void;
  #failure: Error | undefined;
  #closed = false;
  /** The lines drawn below the output, which are taken away while a line is written. */
  #area: { clear(): void; draw(): void } | undefined;

  /** `onFailure` is called once, with the `failure`. */
  constructor(
    name: string,
    stream: NodeJS.WriteStream & { readonly fd: number },
    onFailure: (error: Error) => void,
  ) {
    this.#name = name;
    this.#stream = stream;
    this.#fd = stream.fd;
    this.#direct = isFile(stream.fd);
    this.#onFailure = onFailure;
    stream.on('error', (error: Error) => {
      this.#fail(error);
    });
  }

  /** The first error, after which nothing more is written: an UnwritableError, or that of a closed pipe as it is. */
  get failure(): Error | undefined {
    return this.#failure;
  }

  /** The terminal that the stream is; undefined for anything else. */
  get terminal(): Terminal | undefined {
    const stream = this.#stream;
    if (!stream.isTTY) return undefined;
    return {
      write: (text) => {
        if (this.#failure === undefined) stream.write(text);
      },
      size: () => windowSize(stream),
      on: (event, listener) => stream.on(event, listener),
      off: (event, listener) => stream.off(event, listener),
      setArea: (area) => {
        this.#area = area;
      },
    };
  }

  write(text: string): void {
    if (this.#failure !== undefined) return;
    this.#area?.clear();
    if (this.#direct) this.#writeAll(Buffer.from(text));
    else this.#stream.write(text);
    this.#area?.draw();
  }

  /** Resolves when there is room for more; rejects with the error that `failure` is then. */
  async writeBytes(bytes: Uint8Array): Promise<void> {
    if (this.#direct && this.#failure === undefined) this.#writeAll(bytes);
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#direct) return;
    await new Promise<void>((resolve, reject) => {
      this.#stream.write(bytes, (error) => {
        if (error === undefined || error === null) resolve();
        else reject(this.#fail(error));
      });
    });
  }

  /** Resolves when everything is written, or cannot be. */
  async settled(): Promise<void> {
    if (this.#direct || this.#failure !== undefined) return;
    await new Promise<void>((resolve) => {
      this.#stream.write('', () => {
        resolve();
      });
    });
  }

  #writeAll(bytes: Uint8Array): void {
    try {
      if (this.#closed) throw Object.assign(new Error('closed'), { code: 'EBADF' });
      for (let at = 0; at < bytes.length;) at += writeSync(this.#fd, bytes, at);
    } catch (error) {
      this.#fail(error as Error); // fs throws nothing else
    }
  }

  /** Every write fails from now on, as it does for a stream that the caller has closed. */
  close(): void {
    this.#closed = true;
  }

  #fail(error: Error): Error {
    if (this.#failure !== undefined) return this.#failure;
    this.#failure = isClosedPipe(error) ? error : new UnwritableError(this.#name, error);
    this.#onFailure(this.#failure);
    return this.#failure;
  }
}

/** Asks the terminal itself where that can be, since Node learns of a new size only by a signal, which may be late or never come. */
function windowSize(stream: NodeJS.WriteStream): readonly [columns: number, rows: number] {
  const size: [number, number] = [stream.columns, stream.rows];
  const { _handle: handle } = stream as { _handle?: { getWindowSize?: (size: [number, number]) => number } }; // of Node's own
  handle?.getWindowSize?.(size);
  return size;
}

/** True for files and devices, whose writes do not wait for a reader. */
function isFile(fd: number): boolean {
  try {
    const status = fstatSync(fd);
    return status.isFile() || status.isBlockDevice() || (status.isCharacterDevice() && !isatty(fd));
  } catch {
    return false;
  }
}

/** True when the reader of a pipe has gone, as `head` does when it has enough. */
export function isClosedPipe(error: unknown): boolean {
  return (
    error instanceof Error &&
    'code' in error &&
    (error.code === 'EPIPE' || error.code === 'ERR_STREAM_DESTROYED')
  );
}

/** Standard output or standard error could not be written. */
export class UnwritableError extends LocalIoError {
  constructor(what: string, cause: Error) {
    super(`cannot write to ${what}: ${systemReason(cause)}`, { cause });
  }
}
