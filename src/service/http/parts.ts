/** What the API needs of the service. */
import type { ServiceConfig } from '../config/config.js';
import type { Collected } from '../garbage.js';
import type { ProcessState } from '../jobs/pool.js';
import type { Log } from '../log.js';
import type { Metrics } from '../metrics.js';
import type { TaskQueue } from '../queue/queue.js';

export interface ApiParts {
  /** The configuration that is in force now. */
  readonly config: () => ServiceConfig;
  readonly queue: TaskQueue;
  readonly metrics: Metrics;
  readonly log: Log;
  /** Fires when the service begins to stop. */
  readonly closing: AbortSignal;
  /** The server listens on a Unix socket, whose permissions say who may ask. */
  readonly isSocket: boolean;
  readonly jobs: JobControl;
}

/** What the API may do with running jobs and the work folder. */
export interface JobControl {
  /** True if the task was running and is being stopped. */
  cancel(id: string): boolean;
  /** Looks for tasks that may begin. */
  wake(): void;
  /** The processes that convert, and those that are being started anew. */
  processes(): readonly ProcessState[];
  /** Processes that there should be. */
  readonly workers: number;
  collectGarbage(): Promise<Collected>;
  /** Whether the work folder can be written to. */
  isWritable(): Promise<boolean>;
}
