/** Changes of tasks, for listeners that may have been away: the last ones are kept, and have numbers. */
import { randomBytes } from 'node:crypto';
import type { TaskQueue } from '../queue/queue.js';
import type { Task } from '../queue/task.js';

export interface TaskEvent {
  /** Of this run of the service alone. */
  readonly id: string;
  readonly task: Task;
}

const KEPT = 1000;

export class EventHub implements Disposable {
  /** Numbers of another run mean nothing here, so ids begin with this. */
  readonly #run = randomBytes(6).toString('hex');
  readonly #kept: TaskEvent[] = [];
  readonly #listeners = new Set<(event: TaskEvent) => void>();
  readonly #unsubscribe: () => void;
  #number = 0;

  constructor(queue: Pick<TaskQueue, 'subscribe'>) {
    this.#unsubscribe = queue.subscribe((task) => {
      const event: TaskEvent = { id: `${this.#run}-${++this.#number}`, task };
      this.#kept.push(event);
      if (this.#kept.length > KEPT) this.#kept.shift();
      for (const listener of this.#listeners) listener(event);
    });
  }

  get listeners(): number {
    return this.#listeners.size;
  }

  /** The events after one; undefined where some of them are not kept any more, or it is of another run. */
  since(id: string): readonly TaskEvent[] | undefined {
    const [run, number = ''] = id.split('-');
    if (run !== this.#run || !/^\d{1,15}$/.test(number) || Number(number) > this.#number) return undefined;
    const missed = this.#number - Number(number);
    if (missed > this.#kept.length) return undefined;
    return missed === 0 ? [] : this.#kept.slice(-missed);
  }

  /** Calls back with each event until the returned function is called. */
  listen(listener: (event: TaskEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  [Symbol.dispose](): void {
    this.#unsubscribe();
    this.#listeners.clear();
  }
}
