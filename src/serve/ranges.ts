/** The parts of a file that a request asks for, and the answer that holds several of them. */
import parseRange from 'range-parser';
import type { ByteRange } from '../io/streams.js';
import type { Entity } from './entity.js';
import { Refusal } from './refusal.js';

/** A client that asks for more parts, after those that touch are joined, wants work and not content. */
const MAX_PARTS = 16;

/**
 * Returns the ranges in the order in which they were asked for, and undefined for the whole file. A header that cannot be read counts
 * as none. Throws Refusal when no range lies in the file, and for too many of them.
 */
export function rangesOf(header: string | undefined, size: number): readonly ByteRange[] | undefined {
  if (header === undefined || !header.startsWith('bytes=')) return undefined;
  const unsatisfied = { 'content-range': `bytes */${size}` };
  const parsed = parseRange(size, header, { combine: true });
  if (parsed === -2) return undefined;
  if (parsed === -1) throw new Refusal(416, `no such range: the file has ${size} bytes`, unsatisfied);
  if (parsed.length > MAX_PARTS)
    throw new Refusal(416, `a request may ask for ${MAX_PARTS} ranges`, unsatisfied);
  return parsed.map(({ start, end }) => ({ start, end: end + 1 }));
}

export function contentRange({ start, end }: ByteRange, size: number): string {
  return `bytes ${start}-${end - 1}/${size}`;
}

/** A part of `multipart/byteranges`: what stands before its bytes. */
export interface Part {
  readonly head: Buffer;
  readonly range: ByteRange;
}

export interface Parts {
  readonly parts: readonly Part[];
  readonly tail: Buffer;
  /** Bytes of the whole body. */
  readonly length: number;
}

export function partsOf(ranges: readonly ByteRange[], { size, type }: Entity, boundary: string): Parts {
  const parts = ranges.map((range): Part => {
    const lines = [`--${boundary}`, `Content-Type: ${type}`, `Content-Range: ${contentRange(range, size)}`];
    return { head: Buffer.from(`\r\n${lines.join('\r\n')}\r\n\r\n`, 'latin1'), range };
  });
  const tail = Buffer.from(`\r\n--${boundary}--\r\n`, 'latin1');
  const length = parts.reduce(
    (sum, { head, range }) => sum + head.length + range.end - range.start,
    tail.length,
  );
  return { parts, tail, length };
}
