/** Sends steps to a lane in batches, and collects the next one while the lane works. */
import type { ExtractLane, ExtractStep, NotExtracted } from '../native/extractor.js';

const STEPS = 512;
/** Bytes of files. */
const BYTES = 4 * 1024 * 1024;

export class Batches {
  readonly #lane: ExtractLane;
  readonly #leftOut: NotExtracted[];
  readonly #signal: AbortSignal | undefined;
  #steps: ExtractStep[] = [];
  #bytes = 0;
  #sent: Promise<readonly NotExtracted[]> = Promise.resolve([]);

  constructor(lane: ExtractLane, leftOut: NotExtracted[], signal: AbortSignal | undefined) {
    this.#lane = lane;
    this.#leftOut = leftOut;
    this.#signal = signal;
  }

  /** Rejects with what an earlier batch met. */
  async add(step: ExtractStep): Promise<void> {
    this.#steps.push(step);
    this.#bytes += step.bytes?.length ?? 0;
    if (this.#steps.length >= STEPS || this.#bytes >= BYTES) await this.#send();
  }

  /** Everything is made when it returns. */
  async flush(): Promise<void> {
    await this.#send();
    await this.#received();
  }

  async #send(): Promise<void> {
    const steps = this.#steps;
    [this.#steps, this.#bytes] = [[], 0];
    await this.#received();
    this.#signal?.throwIfAborted();
    if (steps.length === 0) return;
    this.#sent = this.#lane.make(steps);
    this.#sent.catch(() => undefined); // the next call reports it
  }

  async #received(): Promise<void> {
    this.#leftOut.push(...(await this.#sent));
    this.#sent = Promise.resolve([]);
  }
}
