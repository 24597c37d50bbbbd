/**
 * Reads the end of a blob, which describes its sections. A second read follows only if a section begins before those
 * bytes.
 */
import { frameFault, Window } from './window.js';

/** Returns the bytes `start` to `end` of a blob: all of them, or an error. */
export type ReadRange = (start: number, end: number) => Promise<Buffer>;

/** Bytes of the first read. They hold the table of contents and, in most blobs, everything behind the data. */
const FIRST_READ = 64 * 1024;
/** The most bytes accepted behind the data: 2^24 chunks take 0.75 GiB of records and digests. */
export const MAX_TAIL = 2 * 1024 ** 3;

export class BlobEnd {
  readonly size: number;
  /** The last bytes of the blob, or all of it. */
  readonly window: Window;
  readonly #read: ReadRange;

  private constructor(size: number, window: Window, read: ReadRange) {
    this.size = size;
    this.window = window;
    this.#read = read;
  }

  /** Reads the last bytes of a blob of `size` bytes. */
  static async read(size: number, read: ReadRange): Promise<BlobEnd> {
    const start = Math.max(0, size - FIRST_READ);
    return new BlobEnd(size, new Window(await read(start, size), start), read);
  }

  /** Returns all bytes from an offset in the blob. Throws FormatError when they are more than MAX_TAIL. */
  async from(offset: number): Promise<Buffer> {
    if (this.size - offset > MAX_TAIL) throw frameFault('more than 2 GiB lie behind the data', offset);
    return offset >= this.window.start ? this.window.from(offset) : this.#read(offset, this.size);
  }

  /** Returns the bytes of one section. */
  async slice(start: number, end: number): Promise<Buffer> {
    return start >= this.window.start ? this.window.slice(start, end) : this.#read(start, end);
  }
}
