/**
 * Streams of fixed pieces: nothing changes, transfers or uses again the memory of a piece that such a stream has passed on. Two
 * readers may have one piece at the same time, as long as both only read it. A stream of any other origin may use its memory again,
 * and any other reader may change what it gets, so both need copies.
 */
import type { Digest } from '../oci/digest.js';
import type { ByteRange, ByteStream, ReplayableContent } from './streams.js';

const fixed = new WeakMap<ByteStream, { readonly verified: Digest | undefined }>();

/** Marks a stream of fixed pieces. It fails at its end unless its bytes have the digest `verified`, if there is one. */
export function withFixedPieces<T extends ByteStream>(stream: T, verified?: Digest): T {
  fixed.set(stream, { verified });
  return stream;
}

/** True for a marked stream. A stream that is made from it is another one, and has no mark. */
export function hasFixedPieces(stream: ByteStream): boolean {
  return fixed.has(stream);
}

/** The digest that the stream verifies by itself; undefined for streams without mark. */
export function verifiedDigest(stream: ByteStream): Digest | undefined {
  return fixed.get(stream)?.verified;
}

const FOR_READING = Symbol('for reading');

/** Opens content, or a range of it. */
type Open = (range?: ByteRange) => ByteStream;

/** Content whose reader gets copies from `open`, unless it asks by `forReading`. */
export function sharedContent(size: number, open: Open, shared: Open): ReplayableContent {
  return Object.assign({ size, open }, { [FOR_READING]: shared });
}

/** The content for a reader that neither changes nor transfers what it gets, and so needs no copies. */
export function forReading(content: ReplayableContent): ReplayableContent {
  const { [FOR_READING]: open } = content as ReplayableContent & {
    readonly [FOR_READING]?: Open;
  };
  return open === undefined ? content : { size: content.size, open };
}

/** A copy that its reader alone has. A small Buffer would lie in a pool of Node's, whose memory cannot be transferred. */
export function ownCopy(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes);
}

/** Passes on copies, which are the reader's alone. */
export async function* copied(stream: ByteStream): ByteStream {
  for await (const bytes of stream) yield ownCopy(bytes);
}
