/** How fast a number grows, as the mean of the last seconds. */

const WINDOW_MS = 15_000;
const SAMPLE_MS = 500;
/** In a shorter time there is nothing to take a mean of. */
const LEAST_MS = 2000;

interface Sample {
  readonly at: number;
  readonly value: number;
}

export class Speed {
  #samples: readonly Sample[] = [];

  add(at: number, value: number): void {
    const last = this.#samples.at(-1);
    if (last !== undefined && at - last.at < SAMPLE_MS) return;
    this.#samples = [...this.#samples.filter((sample) => at - sample.at <= WINDOW_MS), { at, value }];
  }

  /** Undefined while it is too early to say. */
  get perSecond(): number | undefined {
    const [first] = this.#samples;
    const last = this.#samples.at(-1);
    if (first === undefined || last === undefined || last.at - first.at < LEAST_MS) return undefined;
    return ((last.value - first.value) / (last.at - first.at)) * 1000;
  }
}
