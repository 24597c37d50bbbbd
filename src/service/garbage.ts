/**
 * Keeps what lies in the work folder below `gcpolicy.threshold`: leftovers of dead processes go first, then finished tasks, those that ended
 * first before others. What a running job holds stays, and so does what waits. Jobs do not wait for it.
 */
import type { Log } from './log.js';
import type { TaskQueue } from './queue/queue.js';
import { bytesIn, removeLeftovers, type WorkDir } from './work-dir.js';

export interface Collected {
  readonly freedBytes: number;
  readonly removedTasks: number;
  /** Bytes in the work folder afterwards. */
  readonly keptBytes: number;
  readonly thresholdBytes: number;
}

export interface GarbageOptions {
  readonly work: WorkDir;
  readonly queue: Pick<TaskQueue, 'shrink'>;
  readonly log: Log;
  /** As the configuration has it now. */
  readonly threshold: () => number;
}

/** A round begins beyond this part of the threshold and frees down to it, so that jobs of the next minutes have room. */
const FILLED = 0.8;

export class GarbageCollector {
  readonly #options: GarbageOptions;
  #running: Promise<Collected> | undefined;
  /** So that a folder that cannot be emptied is in the log once, and not after each job. */
  #isOver = false;

  constructor(options: GarbageOptions) {
    this.#options = options;
  }

  /** One round. Callers during a round get its result. */
  collect(): Promise<Collected> {
    this.#running ??= this.#collect().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  async #collect(): Promise<Collected> {
    const { work, queue, log, threshold } = this.#options;
    const thresholdBytes = threshold();
    const goal = thresholdBytes * FILLED;
    const before = bytesIn(work.path);
    let removedTasks = 0;
    let now = before;
    if (now > goal) {
      await removeLeftovers(work);
      now = bytesIn(work.path);
    }
    if (now > goal) {
      removedTasks = (await queue.shrink(now - goal)).tasks;
      now = bytesIn(work.path);
    }
    const freedBytes = Math.max(0, before - now);
    if (freedBytes > 0)
      log.info('garbage was removed', {
        freed: freedBytes,
        tasks: removedTasks,
        kept: now,
        threshold: thresholdBytes,
      });
    const isOver = now > thresholdBytes;
    if (isOver && !this.#isOver)
      log.warn(
        'the work folder holds more than provider.gcpolicy.threshold: running jobs, waiting tasks and damaged queues stay',
        {
          kept: now,
          threshold: thresholdBytes,
        },
      );
    this.#isOver = isOver;
    return { freedBytes, removedTasks, keptBytes: now, thresholdBytes };
  }
}
