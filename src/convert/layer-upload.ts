/**
 * Which blobs go out while they are still being made. A blob that the target has already would be sent for nothing then, since
 * only its end tells what it is: so it waits for its end where the note of an earlier run says that it may be there.
 */
import { InterruptedError } from '../errors.js';
import { type GrowingContent, GrowingFile } from '../io/growing-file.js';
import type { ReplayableContent } from '../io/streams.js';
import type { Descriptor } from '../oci/descriptor.js';
import { type EarlyPush, type ImageTarget, type PushOutcome, takesEarly } from '../registry/stores/store.js';
import type { CallOptions } from '../reporter.js';
import type { ConvertOptions } from './options.js';
import { SentNote } from './sent-note.js';

/** Bytes: a smaller blob is sent in one go when it is finished, and needs no note. */
const EARLY_BYTES = 4 * 1024 * 1024;

/** Told how much of a layer's blob has been read for sending, of how much as far as is known. */
type OnProgress = (layer: number, done: number, total: number) => void;

/** Of one image. */
export class EarlyPushes {
  readonly #target: ImageTarget;
  readonly #options: ConvertOptions;
  readonly #onProgress: OnProgress;

  constructor(target: ImageTarget, options: ConvertOptions, onProgress: OnProgress) {
    this.#target = target;
    this.#options = options;
    this.#onProgress = onProgress;
  }

  /** Follows the file of a source layer's blob as it grows, and begins to send it when that is worth it. `close` it in any case. */
  watch(layer: number, source: Descriptor, path: string, call: CallOptions): EarlyBlob {
    const target = this.#target;
    if (!takesEarly(target)) return new EarlyBlob(path, target, undefined, call);
    return new EarlyBlob(
      path,
      target,
      {
        note: new SentNote(target, source.digest, this.#options),
        begin: (content) => target.pushEarly(observed(content, layer, this.#onProgress), call),
      },
      call,
    );
  }
}

function observed(content: GrowingContent, layer: number, report: OnProgress): GrowingContent {
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
        report(layer, done, total);
      }
    },
  };
}

/** How a target takes a blob before its end. */
interface EarlyWay {
  readonly note: SentNote;
  readonly begin: (content: GrowingContent) => EarlyPush | undefined;
}

export class EarlyBlob {
  readonly #target: ImageTarget;
  readonly #file: GrowingFile;
  readonly #way: EarlyWay | undefined;
  readonly #stop = new AbortController();
  readonly #watching: Promise<void>;
  #isComplete = false;
  #early: EarlyPush | undefined;
  /** The note on its way, while the blob is. */
  #noted: Promise<void> | undefined;

  /** Without a way it is sent when it is finished. */
  constructor(path: string, target: ImageTarget, way: EarlyWay | undefined, call: CallOptions) {
    this.#target = target;
    this.#file = new GrowingFile(path);
    this.#way = way;
    const { signal } = this.#stop;
    const own = {
      ...call,
      signal: call.signal === undefined ? signal : AbortSignal.any([call.signal, signal]),
    };
    this.#watching = way === undefined ? Promise.resolve() : this.#watch(way, own);
  }

  /** The blob's file now has all its bytes. */
  complete(size: number): void {
    this.#isComplete = true;
    this.#file.complete(size);
  }

  /** Brings the blob, which is complete, into the target. */
  async push(descriptor: Descriptor, content: ReplayableContent, call: CallOptions): Promise<PushOutcome> {
    await this.#watching;
    if (descriptor.size >= EARLY_BYTES) this.#noted ??= this.#way?.note.place(call);
    await this.#noted;
    return this.#early === undefined
      ? this.#target.push(descriptor, content, call)
      : this.#early.finish(descriptor, content, call);
  }

  close(): void {
    this.#stop.abort(new InterruptedError('the blob is not sent early after all'));
    this.#early?.cancel();
    void this.#file[Symbol.asyncDispose]();
  }

  async #watch(
    { note, begin }: EarlyWay,
    call: CallOptions & { readonly signal: AbortSignal },
  ): Promise<void> {
    try {
      const { isComplete } = await this.#file.moreThan(EARLY_BYTES - 1, call.signal);
      if (isComplete || (await note.isThere(call)) || this.#isComplete || call.signal.aborted) return;
      this.#early = begin(this.#file);
      this.#noted = note.place(call);
    } catch {
      // Given up, or the file is gone, or the target does not answer: then nothing is sent early.
    }
  }
}
