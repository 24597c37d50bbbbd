/**
 * Work in steps between which the event loop turns, so that signals, timers and transfers do not wait for a large image. Such work is
 * a generator that pauses every few hundred items: `inTurns` lets the loop turn whenever the work has held it for a while, and
 * `atOnce` runs it to its end.
 */
import { setImmediate as turn } from 'node:timers/promises';

/** Work that ends with a T. */
export type Steps<T> = Generator<undefined, T>;

/** Milliseconds for which work holds the loop. */
const AT_ONCE_MS = 20;

/**
 * The last turn that is known of. All work shares it, since thousands of small pieces one after the other, or several at the same
 * time, hold the loop as one long piece does. After a rest it is too old, and costs one turn too many.
 */
let turned = performance.now();

/** Knows when work has held the loop long enough. */
export class Pace {
  readonly #signal: AbortSignal | undefined;

  constructor(signal?: AbortSignal) {
    this.#signal = signal;
  }

  get isDue(): boolean {
    return performance.now() - turned > AT_ONCE_MS;
  }

  /** Lets the loop turn. Rejects with the reason of the signal. */
  async turn(): Promise<void> {
    await turn();
    turned = performance.now();
    this.#signal?.throwIfAborted();
  }
}

/** Rejects with what the work throws, or with the reason of the signal. */
export async function inTurns<T>(steps: Steps<T>, signal?: AbortSignal): Promise<T> {
  const pace = new Pace(signal);
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
    if (pace.isDue) await pace.turn();
  }
}

/** For callers that have nothing else to do. */
export function atOnce<T>(steps: Steps<T>): T {
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
  }
}

/** True once in so many items that the clock is worth a look. */
export function isPause(count: number): boolean {
  return (count & 0xff) === 0;
}

/** Items that are sorted without a pause. */
const RUN = 4096;

/** Sorts in steps: runs first, which then are merged two by two. Items that compare as equal keep their order. */
export function* sortSteps<T>(items: readonly T[], compare: (a: T, b: T) => number): Steps<T[]> {
  let runs: T[][] = [];
  for (let at = 0; at < items.length; at += RUN) {
    runs.push(items.slice(at, at + RUN).sort(compare));
    yield;
  }
  while (runs.length > 1) {
    const longer: T[][] = [];
    for (let i = 0; i < runs.length; i += 2)
      longer.push(yield* mergeSteps(runs[i] ?? [], runs[i + 1] ?? [], compare));
    runs = longer;
  }
  return runs[0] ?? [];
}

function* mergeSteps<T>(
  left: readonly T[],
  right: readonly T[],
  compare: (a: T, b: T) => number,
): Steps<T[]> {
  const merged: T[] = [];
  let [i, j] = [0, 0];
  while (i < left.length || j < right.length) {
    const [a, b] = [left[i], right[j]];
    const takesLeft = j >= right.length || (i < left.length && compare(a as T, b as T) <= 0);
    merged.push((takesLeft ? a : b) as T); // an index below the length
    if (takesLeft) i++;
    else j++;
    if (isPause(merged.length)) yield;
  }
  return merged;
}
