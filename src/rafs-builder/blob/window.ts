/** A part of a blob, addressed by offsets in the blob. */
import { FormatError } from '../../errors.js';
import { TAR_HEADER_SIZE } from '../layout/blob.js';
import { decodeTarHeader, type SectionHeader } from './section-header.js';

export class Window {
  readonly start: number;
  readonly #bytes: Buffer;

  constructor(bytes: Buffer, start: number) {
    this.start = start;
    this.#bytes = bytes;
  }

  /** Throws FormatError when the range leaves the window. */
  slice(start: number, end: number): Buffer {
    if (start < this.start || end < start || end > this.start + this.#bytes.length) {
      throw frameFault(`bytes ${start} to ${end} lie outside of the sections behind the data`, start);
    }
    return this.#bytes.subarray(start - this.start, end - this.start);
  }

  /** Returns all bytes from an offset to the end of the window. */
  from(start: number): Buffer {
    return this.slice(start, this.start + this.#bytes.length);
  }

  /** Reads the section header at an offset. */
  header(offset: number): SectionHeader {
    return decodeTarHeader(this.slice(offset, offset + TAR_HEADER_SIZE), 0);
  }
}

/** Makes the error for a fault in the division of a blob, at an offset in the blob. */
export function frameFault(message: string, offset: number): FormatError {
  return new FormatError(message, { offset });
}
