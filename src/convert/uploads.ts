/**
 * Uploads run beside the other work of a run, at most `limit` at a time, and each digest once even if several images
 * need it. The first failure stops the run; disposing waits for the uploads that are still running.
 */
import { InterruptedError } from '../errors.js';
import type { Descriptor } from '../oci/descriptor.js';
import type { Digest } from '../oci/digest.js';
import { Slots } from '../io/slots.js';
import type { ReplayableContent } from '../io/streams.js';
import type { ImageTarget, PushOutcome } from '../registry/stores/store.js';
import type { CallOptions } from '../reporter.js';
import type { Span } from './stopwatch.js';

export class Uploads implements AsyncDisposable {
  readonly #target: ImageTarget;
  readonly #slots: Slots;
  readonly #span: Span;
  readonly #stop = new AbortController();
  readonly #call: CallOptions;
  readonly #started = new Map<Digest, Promise<PushOutcome>>();
  #failure: { readonly error: unknown } | undefined;

  /** `span` is extended while uploads are running. */
  constructor(target: ImageTarget, limit: number, span: Span, call: CallOptions) {
    this.#span = span;
    this.#target = target;
    this.#slots = new Slots(limit);
    const { signal } = this.#stop;
    this.#call = {
      ...call,
      signal: call.signal === undefined ? signal : AbortSignal.any([call.signal, signal]),
    };
  }

  /** The call for all requests of the run: its signal also fires when an upload fails. */
  get call(): CallOptions & { readonly signal: AbortSignal } {
    return { ...this.#call, signal: this.#call.signal ?? this.#stop.signal };
  }

  /**
   * Starts a push and returns at once. The caller may ignore the promise, because `settle` reports failures. `push`
   * replaces the target's ordinary way of pushing.
   */
  push(
    descriptor: Descriptor,
    content: ReplayableContent,
    push: (call: CallOptions) => Promise<PushOutcome> = (call) =>
      this.#target.push(descriptor, content, call),
  ): Promise<PushOutcome> {
    return this.once(descriptor.digest, () => this.#slots.with(() => push(this.#call)));
  }

  /** Like `push`, for content that reaches the target in another way. It does not count against the limit. */
  once(digest: Digest, place: () => Promise<PushOutcome>): Promise<PushOutcome> {
    const known = this.#started.get(digest);
    if (known !== undefined) return known.then(() => 'present');
    this.#span.extend();
    const started = place();
    this.#started.set(digest, started);
    started.then(
      () => {
        this.#span.extend();
      },
      (error: unknown) => {
        // An upload that was interrupted because another part failed is not the cause of the failure.
        if (this.#failure === undefined || this.#failure.error instanceof InterruptedError)
          this.#failure = { error };
        this.#stop.abort(new InterruptedError('an upload has failed', { cause: error }));
      },
    );
    return started;
  }

  /** True when this run has pushed the content or is pushing it. */
  has(digest: Digest): boolean {
    return this.#started.has(digest);
  }

  /** Waits for all pushes started so far; throws the first failure. */
  async settle(): Promise<void> {
    await Promise.allSettled(this.#started.values());
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  /** Returns the failure of the upload that stopped the run, if any, else `error` itself. */
  blame(error: unknown): unknown {
    return this.#failure === undefined || this.#failure.error instanceof InterruptedError
      ? error
      : this.#failure.error;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort(new InterruptedError('the conversion has ended'));
    await Promise.allSettled(this.#started.values());
  }
}
