/**
 * The upload of a blob that is still being made. The registry takes bytes now and the digest at the end: in one streamed PATCH, as
 * Docker sends layers, or in PATCHes of whole chunks. `Upload` goes on with the session when the blob is complete; it sends what
 * is missing, and retries. So a failure here only costs time, and nothing here throws or retries.
 */
import { InterruptedError } from '../../errors.js';
import type { GrowingContent } from '../../io/growing.js';
import type { ByteStream } from '../../io/streams.js';
import type { CallOptions } from '../../reporter.js';
import { LAST_ANSWER_MS, type UploadContext, UploadSession } from './session.js';
import { isRefusal } from './ways.js';

export class GrowingUpload {
  readonly #context: UploadContext;
  readonly #content: GrowingContent;
  /** Of everything but a chunk: ends as soon as sending is to stop. */
  readonly #call: CallOptions;
  readonly #stop = new AbortController();
  /** Of a chunk, all of whose bytes are there: it gets the time to be answered, because the answer says where the session is. */
  readonly #chunkCall: CallOptions;
  readonly #cut = new AbortController();
  readonly #sending: Promise<void>;
  #session: UploadSession | undefined;
  #isHandedOver = false;

  /** Starts to send. */
  constructor(context: UploadContext, content: GrowingContent, call: CallOptions) {
    this.#context = context;
    this.#content = content;
    const within = ({ signal }: AbortController): CallOptions => ({
      ...call,
      signal: call.signal === undefined ? signal : AbortSignal.any([call.signal, signal]),
    });
    this.#call = within(this.#stop);
    this.#chunkCall = within(this.#cut);
    this.#sending = this.#send();
  }

  /** Settles when all bytes have been sent or sending has failed. */
  get ended(): Promise<void> {
    return this.#sending;
  }

  /** The session to go on with, when all bytes have been sent or sending has failed. Undefined when there is none. */
  async handOver(): Promise<UploadSession | undefined> {
    await this.#sending;
    this.#isHandedOver = true;
    return this.#stop.signal.aborted ? undefined : this.#session;
  }

  /** Stops sending and cancels the session, unless it was handed over. */
  cancel(): void {
    if (this.#isHandedOver || this.#stop.signal.aborted) return;
    const reason = new InterruptedError('the blob is not sent any further');
    this.#stop.abort(reason);
    setTimeout(() => {
      this.#cut.abort(reason);
    }, LAST_ANSWER_MS).unref();
    void this.#sending.then(() => this.#session?.cancel({}));
  }

  async #send(): Promise<void> {
    try {
      this.#session = await UploadSession.open(this.#context, 'blob that is being made', this.#call);
      if (this.#context.chunkSize === 0) await this.#stream(this.#session);
      else await this.#chunks(this.#session);
    } catch (error) {
      if (!isRefusal(error)) return;
      this.#context.ways.takesGrowing = false;
      this.#session = undefined;
    }
  }

  async #stream(session: UploadSession): Promise<void> {
    await session.patch({ start: 0, content: { size: Infinity, open: () => this.#bytes() } }, this.#call);
  }

  async *#bytes(): ByteStream {
    const { signal } = this.#call;
    for (let at = 0; ;) {
      const { size, complete } = await this.#content.moreThan(at, signal);
      yield* this.#content.read({ start: at, end: size }, signal);
      at = size;
      if (complete) return;
    }
  }

  /** Sends whole chunks only. The last chunk, and what the registry did not take, is left to `Upload`. */
  async #chunks(session: UploadSession): Promise<void> {
    const { signal } = this.#call;
    const { signal: chunkSignal } = this.#chunkCall;
    for (let at = 0; ;) {
      const end = at + Math.max(this.#context.chunkSize, session.minChunk);
      const { size } = await this.#content.moreThan(end - 1, signal);
      if (size < end) return;
      const content = { size: end - at, open: () => this.#content.read({ start: at, end }, chunkSignal) };
      await session.patch({ start: at, content }, this.#chunkCall);
      if (this.#stop.signal.aborted || session.isInDoubt || session.acknowledged !== end) return;
      at = end;
    }
  }
}
