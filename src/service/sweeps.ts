/** Adds a task for each sweep whenever its time has come. What was missed while no service ran is left to the next time. */
import { Cron } from 'croner';
import type { Sweep } from './config/sweeps.js';
import type { Log } from './log.js';
import type { Added, TaskQueue } from './queue/queue.js';

/** Less urgent than what was pushed. */
export const SWEEP_PRIORITY = 10;

/** One task for all requests of a sweep that come while it waits. */
export async function addSweep({ name, registry }: Sweep, queue: TaskQueue): Promise<Added> {
  const [added] = await queue.add([
    {
      kind: 'sweep',
      key: `sweep ${name}`,
      source: registry,
      target: '',
      rule: name,
      origin: 'sweep',
      priority: SWEEP_PRIORITY,
    },
  ]);
  if (added === undefined) throw new Error('one task is added');
  return added;
}

export class SweepClock implements Disposable {
  readonly #queue: TaskQueue;
  readonly #log: Log;
  #timers: readonly Cron[] = [];

  constructor(queue: TaskQueue, log: Log) {
    this.#queue = queue;
    this.#log = log;
  }

  /** From now on these sweeps alone. */
  set(sweeps: Iterable<Sweep>): void {
    this[Symbol.dispose]();
    this.#timers = [...sweeps].map(
      (sweep) =>
        new Cron(sweep.cron, { timezone: sweep.zone, unref: true }, () => {
          addSweep(sweep, this.#queue).catch((error: unknown) => {
            this.#log.error('a sweep could not be added', {
              sweep: sweep.name,
              error: error instanceof Error ? error.message : String(error),
            });
          });
        }),
    );
  }

  [Symbol.dispose](): void {
    for (const timer of this.#timers) timer.stop();
    this.#timers = [];
  }
}
