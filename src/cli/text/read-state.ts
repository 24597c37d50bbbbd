/** The progress of a check or a look: the step that it is at, and how much of its blobs and layers is read. */
import type { ConvertEvent } from '../../reporter.js';
import { elapsedPart, speedParts } from './run-state.js';
import { Speed } from './speed.js';
import { formatBytes } from './units.js';

export class ReadState {
  readonly #started: number;
  readonly #reads = new Map<string, { readonly done: number; readonly total: number }>();
  #reading = new Speed();
  #step = 'looking at the image';

  constructor(now: number) {
    this.#started = now;
  }

  add(event: ConvertEvent): void {
    if (event.type === 'image.start') this.#reads.clear();
    else if (event.type === 'step') {
      // Each step has its own whole: how much later ones will read is not known yet.
      this.#step = event.message;
      this.#reads.clear();
      this.#reading = new Speed();
    } else if (event.type === 'read') {
      const before = this.#reads.get(event.digest)?.done ?? 0;
      this.#reads.set(event.digest, { done: Math.max(before, event.done), total: event.total });
    }
  }

  /** True while a blob or a layer is read, or copied as it is. */
  get isReading(): boolean {
    return this.#reads.size > 0;
  }

  /** Parts of a line, the most important first. */
  parts(now: number): readonly string[] {
    const elapsed = elapsedPart(now - this.#started);
    const { done, total } = this.#sum;
    if (total === 0) return [this.#step, ...elapsed];
    this.#reading.add(now, done);
    const rate = this.#reading.perSecond;
    return [
      `${Math.floor((done / total) * 100)} %`,
      this.#step,
      `read ${formatBytes(done)} of ${formatBytes(total)}`,
      ...speedParts(rate, total - done, rate),
      ...elapsed,
    ];
  }

  get #sum(): { readonly done: number; readonly total: number } {
    let [done, total] = [0, 0];
    for (const read of this.#reads.values()) [done, total] = [done + read.done, total + read.total];
    return { done, total };
  }
}
