/** A blob of a folder that is written before its digest is known, and gets its name at the end. */
import { createHash } from 'node:crypto';
import { InterruptedError } from '../../errors.js';
import type { GrowingContent } from '../../io/growing.js';
import type { ByteStream } from '../../io/streams.js';
import type { Descriptor } from '../../oci/descriptor.js';
import type { CallOptions } from '../../reporter.js';

/** Writes a file that appears whole; asks for its path when all bytes are written. */
type Write = (path: () => Promise<string>, bytes: ByteStream, signal: AbortSignal) => Promise<void>;

export class UnnamedBlob {
  readonly #content: GrowingContent;
  readonly #stop = new AbortController();
  readonly #writing: Promise<void>;
  readonly #hash = createHash('sha256');
  #size = 0;
  #failure: unknown;
  #name: (path: string) => void = () => undefined;
  #refuse: (reason: Error) => void = () => undefined;
  #read: () => void = () => undefined;
  /** Settles when all bytes are written but for the name, or writing has failed. */
  readonly ended: Promise<void>;

  constructor(content: GrowingContent, { signal }: CallOptions, write: Write) {
    this.#content = content;
    const { signal: own } = this.#stop;
    const both = signal === undefined ? own : AbortSignal.any([signal, own]);
    const path = new Promise<string>((resolve, reject) => {
      this.#name = resolve;
      this.#refuse = reject;
    });
    path.catch(() => undefined);
    const read = new Promise<void>((resolve) => {
      this.#read = resolve;
    });
    const written = (): Promise<string> => {
      this.#read();
      return path;
    };
    this.#writing = write(written, this.#bytes(both), both).catch((error: unknown) => {
      this.#failure = error;
    });
    this.ended = Promise.race([read, this.#writing]);
  }

  /** True when the bytes are the content of `descriptor`, and the blob is at `path`. If not, nothing is left of it. */
  async isNow({ digest, size }: Descriptor, path: string): Promise<boolean> {
    await this.ended;
    const isRight = this.#size === size && `sha256:${this.#hash.digest('hex')}` === digest;
    if (isRight) this.#name(path);
    else this.cancel();
    await this.#writing;
    return isRight && this.#failure === undefined;
  }

  /** Stops writing, unless the blob has its name. */
  cancel(): void {
    const reason = new InterruptedError('the blob is not written any further');
    this.#stop.abort(reason);
    this.#refuse(reason);
  }

  async *#bytes(signal: AbortSignal): ByteStream {
    for (let at = 0; ;) {
      const { size, complete } = await this.#content.moreThan(at, signal);
      for await (const bytes of this.#content.read({ start: at, end: size }, signal)) {
        this.#hash.update(bytes);
        this.#size += bytes.length;
        yield bytes;
      }
      at = size;
      if (complete) return;
    }
  }
}
