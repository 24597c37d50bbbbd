/**
 * Uploads the blob of one layer, while the packer still writes it if the target can take such an upload and the blob is
 * large. The blob's digest is known only at its end, so such an upload may send a blob that the target has already. If
 * the note of an earlier run says that the target may have it, the upload therefore waits for the end.
 */
import { InterruptedError } from '../errors.js';
import type { GrowingContent, GrowingFile } from '../io/growing.js';
import type { ReplayableContent } from '../io/streams.js';
import type { Descriptor } from '../oci/descriptor.js';
import {
  type GrowingPush,
  type GrowingSink,
  type ImageTarget,
  type PushOutcome,
  takesGrowing,
} from '../registry/stores/store.js';
import type { CallOptions } from '../reporter.js';
import type { UploadNote } from './upload-note.js';

/** A blob of fewer bytes is sent in one request when it is complete, and needs no note. */
const MIN_GROWING_BYTES = 4 * 1024 * 1024;

/** Called as the growing blob is read for upload. `total` is what the packer has written so far. */
type OnProgress = (done: number, total: number) => void;

export class LayerUpload {
  readonly #target: ImageTarget;
  readonly #blob: GrowingFile;
  readonly #note: UploadNote | undefined;
  readonly #onProgress: OnProgress;
  readonly #stop = new AbortController();
  readonly #deciding: Promise<void>;
  #growing: GrowingPush | undefined;
  #noted: Promise<void> | undefined;

  /** Takes over `blob`, which the packer has begun to write. The caller must call `close` in every case. */
  constructor(
    target: ImageTarget,
    blob: GrowingFile,
    note: UploadNote,
    call: CallOptions,
    onProgress: OnProgress,
  ) {
    this.#target = target;
    this.#blob = blob;
    this.#onProgress = onProgress;
    if (!takesGrowing(target)) {
      this.#deciding = Promise.resolve();
      return;
    }
    this.#note = note;
    const { signal } = this.#stop;
    this.#deciding = this.#decide(target, note, call, {
      ...call,
      signal: call.signal === undefined ? signal : AbortSignal.any([call.signal, signal]),
    });
  }

  /** Pushes the complete blob, or the rest of it that the target does not have yet. */
  async finish(descriptor: Descriptor, content: ReplayableContent, call: CallOptions): Promise<PushOutcome> {
    await this.#deciding;
    if (descriptor.size >= MIN_GROWING_BYTES) this.#noted ??= this.#note?.place(call);
    await this.#noted;
    return this.#growing === undefined
      ? this.#target.push(descriptor, content, call)
      : this.#growing.finish(descriptor, content, call);
  }

  /** Gives up an unfinished upload. */
  close(): void {
    this.#stop.abort(new InterruptedError('the blob is not sent any further'));
    this.#growing?.cancel();
    void this.#blob[Symbol.asyncDispose]();
  }

  /**
   * Starts sending the growing blob if that saves time. `call` is the call of the push; `own` also ends with `close`.
   */
  async #decide(
    target: GrowingSink,
    note: UploadNote,
    call: CallOptions,
    own: CallOptions & { readonly signal: AbortSignal },
  ): Promise<void> {
    try {
      const { complete } = await this.#blob.moreThan(MIN_GROWING_BYTES - 1, own.signal);
      if (complete || (await note.exists(own))) return;
      // If the packer finished while the target answered, an ordinary push sends less, because it asks first whether
      // the blob exists.
      if ((await this.#blob.moreThan(0, own.signal)).complete) return;
      this.#growing = target.pushGrowing(observed(this.#blob, this.#onProgress), call);
      this.#noted = note.place(own);
    } catch {
      // The layer failed, the upload was given up, or the target does not answer: nothing is sent before the blob is
      // complete.
    }
  }
}

function observed(content: GrowingContent, onProgress: OnProgress): GrowingContent {
  let total = 0;
  return {
    moreThan: async (size, signal) => {
      const growth = await content.moreThan(size, signal);
      total = growth.size;
      return growth;
    },
    read: async function* (range, signal) {
      let { start: done } = range;
      for await (const bytes of content.read(range, signal)) {
        done += bytes.length;
        yield bytes;
        onProgress(done, total);
      }
    },
  };
}
