/**
 * Measures how long the stages of a run took. Stages overlap, so each is measured from its first to its last activity.
 */

export class Span {
  readonly #now: () => number;
  #start: number | undefined;
  #end: number | undefined;

  constructor(now: () => number) {
    this.#now = now;
  }

  /** Records activity of the stage; the first call starts it. */
  extend(): void {
    this.#end = this.#now();
    this.#start ??= this.#end;
  }

  /** The milliseconds from the first to the last activity. */
  get ms(): number {
    return this.#start === undefined || this.#end === undefined ? 0 : this.#end - this.#start;
  }
}

export interface Stopwatch {
  readonly pull: Span;
  readonly conversion: Span;
  readonly push: Span;
}

/** `now` returns milliseconds. */
export function stopwatch(now: () => number): Stopwatch {
  return { pull: new Span(now), conversion: new Span(now), push: new Span(now) };
}
