/** Cuts content into parts of known sizes, which share one read of it as long as they follow one another. */
import type { ByteRange, ByteStream, ReplayableContent } from './streams.js';

/**
 * `part` gives a piece of the content, as content of its own. Parts that follow one another share one read, so that a shared
 * download is not made again for each of them; a part that is opened again, or out of order, is read by range.
 */
export class ContentParts {
  readonly #content: ReplayableContent;
  #read: SharedRead | undefined;

  constructor(content: ReplayableContent) {
    this.#content = content;
  }

  part({ start, end }: ByteRange): ReplayableContent {
    return { size: end - start, open: () => this.#open(start, end) };
  }

  /** Ends the read that the parts share. */
  async close(): Promise<void> {
    const read = this.#read;
    this.#read = undefined;
    await read?.close();
  }

  async *#open(start: number, end: number): ByteStream {
    if (this.#read?.at !== start) {
      await this.close();
      const whole = start === 0;
      const { size } = this.#content;
      this.#read = new SharedRead(this.#content.open(whole ? undefined : { start, end: size }), start);
    }
    yield* this.#read.until(end);
  }
}

class SharedRead {
  /** Offset of the next byte within the content; NaN when no part can continue this read. */
  at: number;
  readonly #iterator: AsyncIterator<Uint8Array>;
  #rest: Uint8Array | undefined;

  constructor(stream: ByteStream, at: number) {
    this.at = at;
    this.#iterator = stream[Symbol.asyncIterator]();
  }

  async *until(end: number): ByteStream {
    let at = this.at;
    this.at = NaN; // no other part may continue here before this one is complete
    while (at < end) {
      const bytes = this.#rest ?? (await this.#next());
      if (bytes === undefined) return;
      const isCut = bytes.length > end - at;
      // The rest is for the reader of the next part, so this one gets memory of its own.
      const piece = isCut ? new Uint8Array(bytes.subarray(0, end - at)) : bytes;
      this.#rest = isCut ? bytes.subarray(piece.length) : undefined;
      at += piece.length;
      yield piece;
    }
    this.at = at;
  }

  async close(): Promise<void> {
    await this.#iterator.return?.();
  }

  async #next(): Promise<Uint8Array | undefined> {
    const result = await this.#iterator.next();
    return result.done === true ? undefined : result.value;
  }
}
