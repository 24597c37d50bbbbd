/**
 * A blob that goes out while it is being made: the end of it, and with that its digest, is known only when most of it is
 * already there. One streamed PATCH, as Docker sends layers, or PATCHes of whole chunks; the PUT with the digest is for
 * whoever takes the session over. It is a try: what fails here is made good later, so nothing here throws or retries.
 */
import { InterruptedError, RegistryError } from '../../errors.js';
import type { GrowingContent } from '../../io/growing-file.js';
import type { ByteStream } from '../../io/streams.js';
import type { CallOptions } from '../../reporter.js';
import { type UploadContext, UploadSession } from './session.js';

export class EarlyUpload {
  readonly #context: UploadContext;
  readonly #content: GrowingContent;
  readonly #chunkSize: number;
  readonly #call: CallOptions;
  readonly #stop = new AbortController();
  readonly #refused: () => void;
  readonly #running: Promise<void>;
  #session: UploadSession | undefined;
  #isTaken = false;

  /** `refused` is told when the registry does not take it in this way. */
  constructor(
    context: UploadContext,
    content: GrowingContent,
    chunkSize: number,
    call: CallOptions,
    refused: () => void,
  ) {
    this.#context = context;
    this.#content = content;
    this.#chunkSize = chunkSize;
    const { signal } = this.#stop;
    this.#call = {
      ...call,
      signal: call.signal === undefined ? signal : AbortSignal.any([call.signal, signal]),
    };
    this.#refused = refused;
    this.#running = this.#send();
  }

  /** When all has been sent, or sending has failed: the session, as far as it got. Undefined when there is none to go on with. */
  async session(): Promise<UploadSession | undefined> {
    await this.#running;
    this.#isTaken = true;
    return this.#stop.signal.aborted ? undefined : this.#session;
  }

  cancel(): void {
    if (this.#isTaken || this.#stop.signal.aborted) return;
    this.#stop.abort(new InterruptedError('the blob is not sent early after all'));
    void this.#running.then(() => this.#session?.cancel({}));
  }

  async #send(): Promise<void> {
    try {
      this.#session = await UploadSession.open(this.#context, this.#call);
      if (this.#chunkSize === 0) await this.#stream(this.#session);
      else await this.#chunks(this.#session);
    } catch (error) {
      const isRefusal = error instanceof RegistryError && error.status !== undefined && !error.retryable;
      if (!isRefusal) return;
      this.#refused();
      this.#session = undefined;
    }
  }

  async #stream(session: UploadSession): Promise<void> {
    await session.patch({ start: 0, content: { size: Infinity, open: () => this.#bytes() } }, this.#call);
  }

  async *#bytes(): ByteStream {
    const { signal } = this.#call;
    for (let at = 0; ;) {
      const { size, isComplete } = await this.#content.moreThan(at, signal);
      yield* this.#content.read({ start: at, end: size }, signal);
      at = size;
      if (isComplete) return;
    }
  }

  /** Whole chunks only: the last one, and what the registry did not take, is for whoever takes the session over. */
  async #chunks(session: UploadSession): Promise<void> {
    const { signal } = this.#call;
    for (let at = 0; ;) {
      const end = at + Math.max(this.#chunkSize, session.minChunk);
      const { size } = await this.#content.moreThan(end - 1, signal);
      if (size < end) return;
      const content = { size: end - at, open: () => this.#content.read({ start: at, end }, signal) };
      await session.patch({ start: at, content }, this.#call);
      if (session.acknowledged !== end) return;
      at = end;
    }
  }
}
