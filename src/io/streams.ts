/** Byte streams: async iterables of Uint8Array. The reader pulls, which gives backpressure. */
import { createHash } from 'node:crypto';
import { ContentMismatchError, FormatError } from '../errors.js';
import type { Descriptor } from '../oci/descriptor.js';

export type ByteStream = AsyncIterable<Uint8Array>;

export interface ByteRange {
  readonly start: number;
  /** Exclusive. */
  readonly end: number;
}

/** Content that can be read again from its start, so that a retry is simply another call. */
export interface ReplayableContent {
  /** Bytes; Infinity while the end is not known. */
  readonly size: number;
  open(range?: ByteRange): ByteStream;
}

/** Bytes of a piece of `contentOf`, so that large content is never copied whole. */
const PIECE_BYTES = 1024 * 1024;

/** Each reader gets copies of its own, which it may change or transfer: other readers do not see that. */
export function contentOf(bytes: Uint8Array): ReplayableContent {
  return {
    size: bytes.length,
    // eslint-disable-next-line @typescript-eslint/require-await -- a ByteStream is asynchronous by type
    open: async function* ({ start, end } = { start: 0, end: bytes.length }) {
      const last = Math.min(end, bytes.length);
      for (let at = start; at < last; at += PIECE_BYTES)
        yield new Uint8Array(bytes.subarray(at, Math.min(last, at + PIECE_BYTES)));
    },
  };
}

/** Passes bytes on and throws ContentMismatchError when there are too many, too few or wrong ones. `what` names the content and its store. */
export async function* verified(stream: ByteStream, expected: Descriptor, what: string): ByteStream {
  const hash = createHash('sha256');
  for await (const bytes of sized(stream, expected, what)) {
    hash.update(bytes);
    yield bytes;
  }
  compareDigest(`sha256:${hash.digest('hex')}`, expected, what);
}

/** Verifies the size alone, for callers that digest the bytes themselves and call `compareDigest`. */
export async function* sized(stream: ByteStream, expected: Descriptor, what: string): ByteStream {
  let size = 0;
  for await (const bytes of stream) {
    size += bytes.length;
    if (size > expected.size) {
      throw new ContentMismatchError(`${what}: more than the ${expected.size} bytes promised`, {
        mismatch: {
          message: `${what}: has more bytes than promised`,
          expected: `${expected.size} bytes`,
          found: `${size} bytes or more`,
        },
      });
    }
    yield bytes;
  }
  if (size < expected.size) {
    throw new ContentMismatchError(`${what}: ends after ${size} of ${expected.size} bytes`, {
      mismatch: {
        message: `${what}: ends too early`,
        expected: `${expected.size} bytes`,
        found: `${size} bytes`,
      },
    });
  }
}

/** Throws ContentMismatchError unless the digest is the expected one. */
export function compareDigest(actual: string, expected: Descriptor, what: string): void {
  if (actual !== expected.digest) {
    throw new ContentMismatchError(`${what}: has digest ${actual}, not ${expected.digest}`, {
      mismatch: { message: `${what}: has another digest`, expected: expected.digest, found: actual },
    });
  }
}

/** All bytes of a stream. Throws FormatError when there are more than `limit`. */
export async function collect(stream: ByteStream, limit: number, what: string): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const bytes of stream) {
    size += bytes.length;
    if (size > limit) throw new FormatError(`${what}: more than ${limit} bytes`);
    parts.push(Buffer.copyBytesFrom(bytes)); // the stream may use its buffer again
  }
  return Buffer.concat(parts, size);
}

/** Passes bytes on and calls `onBytes` with their total after each piece. */
export async function* counted(stream: ByteStream, onBytes: (total: number) => void): ByteStream {
  let total = 0;
  for await (const bytes of stream) {
    total += bytes.length;
    yield bytes;
    onBytes(total);
  }
}

/** Reads a stream to its end, for its digest and size. */
export async function measure(
  stream: ByteStream,
): Promise<{ readonly sha256Hex: string; readonly size: number }> {
  const hash = createHash('sha256');
  let size = 0;
  for await (const bytes of stream) {
    hash.update(bytes);
    size += bytes.length;
  }
  return { sha256Hex: hash.digest('hex'), size };
}
