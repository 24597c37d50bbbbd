/**
 * Asks for the blobs that the build cache names before their layers have their turns, several at a time: over a slow link a question
 * costs more time than the bytes of its answer.
 */
import { InterruptedError } from '../errors.js';
import type { Descriptor } from '../oci/descriptor.js';
import type { CallOptions } from '../reporter.js';
import { askForBlob, type AskedBlob } from './cached-end.js';
import type { LayerContext, LayerJob } from './layer.js';
import type { FoundBlob, RunCache } from './run-cache.js';

/** What the build cache has for a layer. */
export interface AheadBlob {
  readonly cache: RunCache;
  readonly found: FoundBlob;
  /** See `askForBlob`. */
  readonly asked: Promise<AskedBlob | undefined>;
}

/** So many blobs are asked for at a time, and are held until their layers have their turns. */
const BLOBS_AHEAD = 8;
/** Bytes of the ends that are held; one may always be. */
const BYTES_AHEAD = 32 * 2 ** 20;

interface Question {
  readonly found: FoundBlob;
  readonly cache: RunCache;
  /** The source layer, if the blob is of no use to a target without it, and the run does not bring it there. */
  readonly needed: Descriptor | undefined;
  /** Bytes of the blob's end, as far as the record says. */
  readonly bytes: number;
}

export class LookAhead implements AsyncDisposable {
  readonly #context: LayerContext;
  readonly #questions: readonly (Question | undefined)[];
  /** Questions that are asked before their layers' turns, by place. */
  readonly #begun = new Map<number, Promise<AskedBlob | undefined>>();
  readonly #running = new Set<Promise<unknown>>();
  readonly #stop = new AbortController();
  readonly #call: CallOptions;
  /** Numbers in `#questions`: the next one to ask, and the next one that is taken. */
  #next = 0;
  #taken = 0;

  /** The questions of layers without anything in the cache are none. */
  constructor(
    context: LayerContext,
    jobs: readonly LayerJob[],
    call: CallOptions & { readonly signal: AbortSignal },
  ) {
    this.#context = context;
    this.#call = { ...call, signal: AbortSignal.any([call.signal, this.#stop.signal]) };
    this.#questions = jobs.map((job) => questionOf(context, job));
    this.#advance();
  }

  /** The blob for the layer at this place. Places are taken in their order. */
  take(place: number): AheadBlob | undefined {
    const question = this.#questions[place];
    this.#taken = place + 1;
    const asked = question === undefined ? undefined : (this.#begun.get(place) ?? this.#ask(question));
    this.#begun.delete(place);
    this.#next = Math.max(this.#next, this.#taken);
    this.#advance();
    return question === undefined || asked === undefined ? undefined : { ...question, asked };
  }

  /** Ends the questions that have no answer yet. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort(new InterruptedError('the conversion has ended'));
    await Promise.allSettled(this.#running);
  }

  #advance(): void {
    for (; this.#next < this.#questions.length; this.#next++) {
      const question = this.#questions[this.#next];
      if (question === undefined) continue;
      const held = [...this.#begun.keys()].map((place) => this.#questions[place]?.bytes ?? 0);
      const bytes = held.reduce((sum, more) => sum + more, question.bytes);
      const isFull = held.length >= this.#room || (held.length > 0 && bytes > BYTES_AHEAD);
      if (isFull) return;
      this.#begun.set(this.#next, this.#ask(question));
    }
  }

  /** Blobs that are read as a whole are not read long before their layers' turns. */
  get #room(): number {
    return this.#context.cache?.verify === true ? this.#context.options.concurrency : BLOBS_AHEAD;
  }

  #ask({ cache, found, needed }: Question): Promise<AskedBlob | undefined> {
    const asked = askForBlob(this.#context, cache, { found, needed }, this.#call);
    this.#running.add(asked);
    const ended = (): void => void this.#running.delete(asked);
    asked.then(ended, ended); // a failure is thrown where the layer awaits it
    return asked;
  }
}

function questionOf(
  { cache, options, placesLayers }: LayerContext,
  { descriptor, diffIds, keys }: LayerJob,
): Question | undefined {
  const found = keys === undefined ? undefined : cache?.find(descriptor.digest, keys);
  if (cache === undefined || found === undefined) return undefined;
  const { cached, blob } = found;
  // A config that promises another diffID is an error, which only a conversion finds.
  if (cached !== undefined && diffIds.some((promised) => promised !== cached.diffId)) return undefined;
  const needed = options.ociRef === 'off' || placesLayers ? undefined : descriptor;
  return { cache, found, needed, bytes: blob.size - (cached?.tail.start ?? blob.size) };
}
