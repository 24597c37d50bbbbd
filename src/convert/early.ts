/**
 * Which blobs go out while they are still being made. A blob that the target has already is sent for nothing then, since only
 * its end tells what it is; so it is guessed: what an earlier run has brought there, it has brought from the bottom up.
 */
import { type GrowingContent, GrowingFile } from '../io/growing-file.js';
import { type ReplayableContent } from '../io/streams.js';
import { type Descriptor } from '../oci/descriptor.js';
import { parseLocation } from '../registry/location.js';
import {
  type EarlyPush,
  type ImageSource,
  type ImageTarget,
  type PushOutcome,
  takesEarly,
} from '../registry/store.js';
import { type CallOptions } from '../reporter.js';

/** Bytes: below this a blob is not worth a guess, it is sent in one go when it is finished. */
export const EARLY_BYTES = 4 * 1024 * 1024;

/** Told how much of a layer's blob has been read for sending, of how much as far as is known. */
type OnProgress = (layer: number, done: number, total: number) => void;

/** Of one image. */
export class EarlyPushes {
  readonly #target: ImageTarget;
  readonly #onProgress: OnProgress;
  /** In one repository the source's layers are always there, which says nothing about blobs. */
  readonly #sameRepository: boolean;
  /** By layer: whether its blob was in the target already, as far as is known. */
  readonly #present: (boolean | undefined)[] = [];
  readonly #active = new Set<EarlyBlob>();

  constructor(source: ImageSource, target: ImageTarget, onProgress: OnProgress) {
    this.#target = target;
    this.#onProgress = onProgress;
    this.#sameRepository = repositoryOf(source.location) === repositoryOf(target.location);
  }

  /** Follows a blob's file as it grows, and begins to send it when that seems worth it. `close` it in any case. */
  watch(layer: number, path: string, call: CallOptions): EarlyBlob {
    const target = this.#target;
    const begin = (content: GrowingContent): EarlyPush | undefined => {
      if (!takesEarly(target) || this.#isLikelyPresent(layer)) return undefined;
      return target.pushEarly(this.#observed(layer, content), call);
    };
    const blob: EarlyBlob = new EarlyBlob(layer, path, target, begin, call, () => this.#active.delete(blob));
    this.#active.add(blob);
    return blob;
  }

  /** How a layer's blob got into the target: a hint for the layers above it. */
  learn(layer: number, outcome: PushOutcome): void {
    this.#present[layer] = outcome === 'present';
    this.#stopGuessing();
  }

  /** How the source layer itself got there, for a merged index: where that was found, the blob may be, too. */
  learnSource(layer: number, outcome: PushOutcome): void {
    if (this.#sameRepository || outcome !== 'present') return;
    this.#present[layer] ??= true;
    this.#stopGuessing();
  }

  /** As the nearest layer that is known, from this one down. */
  #isLikelyPresent(layer: number): boolean {
    for (let lower = layer; lower >= 0; lower--) {
      const present = this.#present[lower];
      if (present !== undefined) return present;
    }
    return false;
  }

  #stopGuessing(): void {
    for (const blob of this.#active) if (this.#isLikelyPresent(blob.layer)) blob.giveUp();
  }

  #observed(layer: number, content: GrowingContent): GrowingContent {
    const report = this.#onProgress;
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
}

export class EarlyBlob {
  readonly layer: number;
  readonly #target: ImageTarget;
  readonly #file: GrowingFile;
  readonly #closed: () => void;
  readonly #stop = new AbortController();
  #early: EarlyPush | undefined;

  constructor(
    layer: number,
    path: string,
    target: ImageTarget,
    begin: (content: GrowingContent) => EarlyPush | undefined,
    call: CallOptions,
    closed: () => void,
  ) {
    this.layer = layer;
    this.#target = target;
    this.#file = new GrowingFile(path);
    this.#closed = closed;
    void this.#watch(begin, call);
  }

  /** The blob's file now has all its bytes. */
  complete(size: number): void {
    this.#file.complete(size);
  }

  /** Brings the blob, which is complete, into the target. */
  push(descriptor: Descriptor, content: ReplayableContent, call: CallOptions): Promise<PushOutcome> {
    return this.#early === undefined
      ? this.#target.push(descriptor, content, call)
      : this.#early.finish(descriptor, content, call);
  }

  /** It is to be sent when it is finished, if at all. */
  giveUp(): void {
    this.#stop.abort();
    this.#early?.cancel();
  }

  close(): void {
    this.giveUp();
    this.#closed();
    void this.#file[Symbol.asyncDispose]();
  }

  async #watch(begin: (content: GrowingContent) => EarlyPush | undefined, call: CallOptions): Promise<void> {
    const { signal } = this.#stop;
    try {
      const { isComplete } = await this.#file.moreThan(EARLY_BYTES - 1, signal);
      if (!isComplete && call.signal?.aborted !== true && !signal.aborted) this.#early = begin(this.#file);
    } catch {
      // Given up, or the file is gone: then there is nothing to send early.
    }
  }
}

/** Of a registry; undefined for files and folders. */
function repositoryOf(location: string): string | undefined {
  const parsed = parseLocation(location);
  if (parsed.kind !== 'registry') return undefined;
  return `${parsed.reference.registry}/${parsed.reference.repository}`;
}
