/** The end of a blob, where its sections are told: read once, and again only when what is asked for begins before that. */
import { FormatError } from '../errors.js';
import { collect } from '../io/streams.js';
import type { Descriptor } from '../oci/descriptor.js';
import { TAR_HEADER_SIZE } from '../rafs-builder/layout/blob.js';
import { decodeTarHeader } from '../rafs-builder/blob/section-header.js';
import type { ContentSource } from '../registry/stores/store.js';
import type { CallOptions } from '../reporter.js';

/** Enough for a table of contents and, mostly, for everything behind the data; bytes. */
const FIRST_READ = 64 * 1024;
/** Of everything behind the data: 2^24 chunks take 0.75 GiB of records and digests. */
export const MAX_TAIL = 2 * 1024 ** 3;

export class BlobEnd {
  /** The last bytes of the blob, or all of it. */
  readonly window: Window;
  readonly #start: number;
  readonly #read: (start: number) => Promise<Buffer>;

  private constructor(bytes: Buffer, start: number, read: (start: number) => Promise<Buffer>) {
    this.window = new Window(bytes, start);
    this.#start = start;
    this.#read = read;
  }

  static async read(store: ContentSource, blob: Descriptor, call: CallOptions): Promise<BlobEnd> {
    const read = (start: number): Promise<Buffer> => readRange(store, blob, { start, end: blob.size }, call);
    const start = Math.max(0, blob.size - FIRST_READ);
    return new BlobEnd(await read(start), start, read);
  }

  /** All bytes from an offset in the blob. The caller has bounded them by MAX_TAIL. */
  async from(offset: number): Promise<Buffer> {
    return offset >= this.#start ? this.window.from(offset) : this.#read(offset);
  }
}

/** Bytes of a part of the blob, addressed by their offset in the blob. */
export class Window {
  readonly #bytes: Buffer;
  readonly #start: number;

  constructor(bytes: Buffer, start: number) {
    this.#bytes = bytes;
    this.#start = start;
  }

  slice(start: number, end: number): Buffer {
    if (start < this.#start || end < start || end > this.#start + this.#bytes.length) {
      throw frameFault(`bytes ${start} to ${end} lie outside of the sections behind the data`, start);
    }
    return this.#bytes.subarray(start - this.#start, end - this.#start);
  }

  /** To the end. */
  from(start: number): Buffer {
    return this.slice(start, this.#start + this.#bytes.length);
  }

  header(offset: number): { readonly name: string; readonly size: number } {
    return decodeTarHeader(this.slice(offset, offset + TAR_HEADER_SIZE), 0);
  }
}

/** Throws FormatError when fewer bytes come than were asked for. */
async function readRange(
  store: ContentSource,
  blob: Descriptor,
  range: { readonly start: number; readonly end: number },
  call: CallOptions,
): Promise<Buffer> {
  const size = range.end - range.start;
  const bytes = await collect(store.fetch(blob, { ...call, range }), size, 'range of a blob');
  if (bytes.length !== size) throw frameFault(`registry sent ${bytes.length} of ${size} bytes`, range.start);
  return bytes;
}

/** A fault of a blob's frame, at an offset in the blob. */
export function frameFault(message: string, offset: number): FormatError {
  return new FormatError(message, { offset });
}
