/**
 * One stream for two readers: the bytes of a source layer are read once and go to the packer and to the target registry at the same
 * time. The slower reader holds the faster one back when the buffer between them is full. When a reader stops (it breaks out of its
 * loop, fails or calls `close`), the other one goes on alone.
 */
import type { Digest } from '../oci/digest.js';
import { ByteBudget } from './byte-budget.js';
import {
  copied,
  hasFixedPieces,
  ownCopy,
  sharedContent,
  verifiedDigest,
  withFixedPieces,
} from './fixed-pieces.js';
import type { ByteRange, ByteStream, ReplayableContent } from './streams.js';

/** Bytes by which one reader may be ahead of the other. */
export const DEFAULT_TEE_BUFFER = 8 * 1024 * 1024;

export interface TeeOptions {
  readonly bufferBytes?: number | undefined;
  /**
   * Shared with the buffers of other streams. While it is spent, the two readers of a stream go in step, so that no more than one
   * piece of each stream is held beyond it.
   */
  readonly budget?: ByteBudget | undefined;
}

export interface TeeBranch extends ByteStream {
  /** Stops reading. A branch that is never read must be closed, or the other one waits for it. */
  close(): void;
}

/** Both branches get every byte, and the error when the stream fails. When both are closed, so is the stream. */
export function tee(stream: ByteStream, options: TeeOptions = {}): readonly [TeeBranch, TeeBranch] {
  const source = new TeeSource(stream, options, ownCopy);
  return [source.left, source.right];
}

export interface SharedRead {
  /** Its reader must leave the pieces as they are. */
  readonly main: ByteStream;
  readonly side: ReplayableContent;
  /** The digest that `main` verifies by itself. */
  readonly verified: Digest | undefined;
  release(): void;
}

/**
 * Shares the first whole read of `content`: `main` is that read; the first `side.open()` joins it, and later ones (retries and
 * ranges) read the content anew. Call `release` when the side needs no more bytes. Fixed pieces are shared without copies, unless
 * the side may change them.
 */
export function shareContent(content: ReplayableContent, options: TeeOptions = {}): SharedRead {
  const stream = content.open();
  const isFixed = hasFixedPieces(stream);
  const source = new TeeSource(stream, options, isFixed ? asIs : ownCopy);
  const { left: main, right: shared } = source;
  let joined = false;
  const joining =
    (join: () => ByteStream) =>
    (range?: ByteRange): ByteStream => {
      if (joined || range !== undefined) return content.open(range);
      joined = true;
      return join();
    };
  const open = joining(() => (isFixed ? copied(shared) : shared));
  const verified = verifiedDigest(stream);
  const forReading = joining(() => (isFixed ? withFixedPieces(shared, verified) : shared));
  return {
    main,
    side: sharedContent(content.size, open, forReading),
    verified,
    release: () => {
      joined = true;
      shared.close();
    },
  };
}

type Keep = (piece: Uint8Array) => Uint8Array;

const asIs: Keep = (piece) => piece;

type End = { readonly error?: unknown };

class TeeSource {
  readonly left: Branch;
  readonly right: Branch;
  readonly #bufferBytes: number;
  readonly #budget: ByteBudget;
  readonly #stream: ByteStream;
  #iterator: AsyncIterator<Uint8Array> | undefined;
  #end: End | undefined;
  #reading = false;
  #wake: (() => void)[] = [];

  /** The source may use its buffer again, and a reader may change or transfer a piece, before the other one takes it, unless `keep` copies. */
  constructor(stream: ByteStream, options: TeeOptions, keep: Keep) {
    this.#stream = stream;
    this.#bufferBytes = options.bufferBytes ?? DEFAULT_TEE_BUFFER;
    this.#budget = options.budget ?? new ByteBudget(Infinity);
    this.left = new Branch(this, this.#budget, keep);
    this.right = new Branch(this, this.#budget, keep);
  }

  /** The next bytes of `branch`; undefined at the end. */
  async next(branch: Branch): Promise<Uint8Array | undefined> {
    for (;;) {
      const bytes = branch.take();
      if (bytes !== undefined) {
        this.notify(); // the other branch may wait for room
        return bytes;
      }
      if (branch.closed) return undefined;
      if (this.#end !== undefined) {
        if ('error' in this.#end) throw this.#end.error;
        return undefined;
      }
      if (this.#reading || this.#isFull(branch === this.left ? this.right : this.left)) {
        if (this.#budget.isSpent) this.#budget.whenRoom(this.notify);
        await new Promise<void>((resolve) => this.#wake.push(resolve));
      } else {
        await this.#read();
      }
    }
  }

  readonly notify = (): void => {
    const wake = this.#wake;
    this.#wake = [];
    for (const resolve of wake) resolve();
  };

  /** Closes the stream when both readers have stopped, and ignores a failure of that. */
  release(): void {
    this.notify();
    if (!this.left.closed || !this.right.closed || this.#end !== undefined) return;
    this.#end = {};
    void this.#iterator?.return?.().catch(() => undefined);
  }

  /** A branch whose reader has taken everything is never full, even with a spent budget, or both readers would wait for each other. */
  #isFull(other: Branch): boolean {
    if (other.closed || other.buffered === 0) return false;
    return other.buffered >= this.#bufferBytes || this.#budget.isSpent;
  }

  async #read(): Promise<void> {
    this.#reading = true;
    this.#iterator ??= this.#stream[Symbol.asyncIterator]();
    try {
      const result = await this.#iterator.next();
      if (result.done === true) {
        this.#end ??= {};
      } else {
        this.left.add(result.value);
        this.right.add(result.value);
      }
    } catch (error) {
      this.#end ??= { error };
    } finally {
      this.#reading = false;
      this.notify();
    }
  }
}

class Branch implements TeeBranch {
  readonly #source: TeeSource;
  readonly #budget: ByteBudget;
  readonly #keep: Keep;
  #queue: Uint8Array[] = [];
  #buffered = 0;
  #closed = false;

  constructor(source: TeeSource, budget: ByteBudget, keep: Keep) {
    this.#source = source;
    this.#budget = budget;
    this.#keep = keep;
  }

  get buffered(): number {
    return this.#buffered;
  }

  get closed(): boolean {
    return this.#closed;
  }

  add(bytes: Uint8Array): void {
    if (this.#closed) return;
    this.#queue.push(this.#keep(bytes));
    this.#buffered += bytes.length;
    this.#budget.take(bytes.length);
  }

  take(): Uint8Array | undefined {
    const bytes = this.#queue.shift();
    if (bytes === undefined) return undefined;
    this.#buffered -= bytes.length;
    this.#budget.giveBack(bytes.length);
    return bytes;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#queue = [];
    this.#budget.giveBack(this.#buffered);
    this.#buffered = 0;
    this.#source.release();
  }

  [Symbol.asyncIterator](): AsyncIterator<Uint8Array> {
    return {
      next: async () => {
        const value = await this.#source.next(this);
        return value === undefined ? { done: true, value: undefined } : { done: false, value };
      },
      return: () => {
        this.close();
        return Promise.resolve({ done: true, value: undefined });
      },
    };
  }
}
