/**
 * The queue as the service sees it. What `add` has returned is durable. One contract suite holds for every engine
 * (test/support/service/queue-contract.ts).
 */
import { NydusError } from '../../errors.js';
import type { NewTask, Task, TaskFailure, TaskKind, TaskProgress, TaskResult, TaskState } from './task.js';

export interface Added {
  readonly task: Task;
  /** True if a task with the same key was waiting, which now stands for this one, too. */
  readonly joined: boolean;
}

export interface TaskFilter {
  readonly states?: readonly TaskState[] | undefined;
  /** Only tasks of this image. */
  readonly source?: string | undefined;
  readonly origin?: string | undefined;
  /** Only tasks whose source or target contains this. */
  readonly search?: string | undefined;
  readonly limit: number;
  /** From an earlier page. */
  readonly cursor?: string | undefined;
}

export interface TaskPage {
  /** Newest first. */
  readonly tasks: readonly Task[];
  /** Undefined at the end. */
  readonly next: string | undefined;
}

export type StateCount = Readonly<Record<TaskState, number>>;

export interface QueueCount {
  /** Tasks of all kinds. */
  readonly states: StateCount;
  readonly kinds: Readonly<Record<TaskKind, StateCount>>;
  /** Age in milliseconds of the oldest task that could begin; 0 when none could. */
  readonly oldestMs: number;
  readonly paused: boolean;
}

export interface LogLine {
  readonly time: number;
  readonly text: string;
}

export interface Kept {
  readonly ageMs: number;
  readonly count: number;
}

export interface Shrunk {
  readonly freedBytes: number;
  readonly tasks: number;
}

/** How an attempt ended. */
export type Outcome =
  | ({ readonly kind: 'completed' } & TaskResult)
  | ({ readonly kind: 'skipped'; readonly reason: string } & TaskResult)
  | { readonly kind: 'cancelled'; readonly reason: string }
  | { readonly kind: 'failed'; readonly error: TaskFailure }
  /** The task waits again. */
  | {
      readonly kind: 'retry';
      readonly delayMs: number;
      readonly error?: TaskFailure | undefined;
      /** False: the attempt does not count, since the task was not at fault. */
      readonly counts: boolean;
      /** True: the process of the attempt died. */
      readonly died?: boolean;
    };

export interface TaskQueue extends AsyncDisposable {
  /**
   * Adds all of the tasks or none; they are on disk when this returns. A task whose key waits joins that one, and takes the more urgent
   * priority of both. Throws QueueFullError.
   */
  add(tasks: readonly NewTask[]): Promise<readonly Added[]>;
  /** Records a task that needs no work. */
  record(task: NewTask, reason: string): Promise<Task>;
  /**
   * The next task, which is active from now on; undefined when none may begin. The most urgent comes first, or the least. A task at whose
   * attempts processes died twice runs alone, so that the third time it is known which image is at fault.
   */
  take(first?: 'urgent' | 'patient'): Promise<Task | undefined>;
  progress(id: string, progress: TaskProgress): Promise<void>;
  /** Ends the attempt of an active task. Without effect on a task that is not active. */
  settle(id: string, outcome: Outcome): Promise<void>;
  /** True if the task waited and is cancelled now. An active one is stopped by its worker's owner. */
  cancel(id: string): Promise<boolean>;
  /** A new task with the same content as one that has ended badly; undefined where the state does not allow it. */
  retry(id: string): Promise<Added | undefined>;
  /**
   * The process has been asked to stop: attempts that its end interrupts do not count. Without this call they do, as deaths: an image that
   * kills the service must not be tried for ever.
   */
  stopping(): Promise<void>;
  setPaused(paused: boolean): Promise<void>;
  get(id: string): Promise<Task | undefined>;
  list(filter: TaskFilter): Promise<TaskPage>;
  count(): Promise<QueueCount>;
  /** Milliseconds until a waiting task may begin: 0 for now, undefined for none. */
  untilNext(): Promise<number | undefined>;
  log(id: string, text: string): Promise<void>;
  lines(id: string): Promise<readonly LogLine[]>;
  /** Removes finished tasks beyond these bounds; returns their number. */
  prune(kept: Kept): Promise<number>;
  /**
   * Frees about so many bytes of storage, by removing finished tasks, those that ended first before others. Tasks that wait or run are
   * never removed. Others may use the queue meanwhile.
   */
  shrink(bytes: number): Promise<Shrunk>;
  /** Calls `listener` with each task that changes, until the returned function is called. */
  subscribe(listener: (task: Task) => void): () => void;
}

/** No task is kept waiting for longer. */
export const MAX_DELAY_MS = 3_600_000;

/** More tasks wait than the configuration allows. */
export class QueueFullError extends NydusError {
  readonly code = 'BUSY';
  readonly exitCode = 3;
}
