/** How long the stages of a run took. They overlap, so each is the span from the run's start of it to its last sign of life. */

export class Span {
  readonly #now: () => number;
  #start: number | undefined;
  #end: number | undefined;

  constructor(now: () => number) {
    this.#now = now;
  }

  /** The stage goes on; the first call starts it. */
  extend(): void {
    this.#end = this.#now();
    this.#start ??= this.#end;
  }

  /** Milliseconds. */
  get ms(): number {
    return this.#start === undefined || this.#end === undefined ? 0 : this.#end - this.#start;
  }
}

export interface Stopwatch {
  readonly pull: Span;
  readonly conversion: Span;
  readonly push: Span;
}

/** `now` gives milliseconds. */
export function stopwatch(now: () => number): Stopwatch {
  return { pull: new Span(now), conversion: new Span(now), push: new Span(now) };
}
