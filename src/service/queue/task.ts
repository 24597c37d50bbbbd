/** Tasks: what was asked for, what becomes of it, and what is kept afterwards. */

/**
 * `convert` makes one target; `look` lists the tags of a repository and makes `convert` tasks of them; `sweep` lists the repositories of
 * a registry and makes `look` tasks of them.
 */
export const TASK_KINDS = ['convert', 'look', 'sweep'] as const;
export type TaskKind = (typeof TASK_KINDS)[number];
export type TaskOrigin = 'hand' | 'webhook' | 'look' | 'sweep';
export const TASK_STATES = [
  'waiting',
  'delayed',
  'active',
  'completed',
  'skipped',
  'cancelled',
  'failed',
] as const;
export type TaskState = (typeof TASK_STATES)[number];
export const FINISHED: ReadonlySet<TaskState> = new Set(['completed', 'skipped', 'cancelled', 'failed']);

export interface NewTask {
  readonly kind: TaskKind;
  /** Of two tasks with one key at most one runs and at most one waits. */
  readonly key: string;
  readonly source: string;
  /** Empty for a look and a sweep. */
  readonly target: string;
  /** The name of the rule, or that of the sweep. */
  readonly rule: string;
  readonly origin: TaskOrigin;
  /** Lower ones first. */
  readonly priority: number;
  /** Convert even if the target was made from the same source. */
  readonly force?: boolean;
  /** Milliseconds until it may begin. */
  readonly delayMs?: number;
  /** The trace that the task belongs to, as W3C's header has it. */
  readonly trace?: string;
}

export interface TaskProgress {
  readonly layers: number;
  readonly done: number;
  readonly bytes: number;
  readonly total: number;
  /** Layer by layer, in the order of the images. */
  readonly each?: readonly LayerProgress[] | undefined;
}

export interface LayerProgress {
  readonly platform: string;
  readonly size: number;
  /** Bytes that were read so far; none of a layer whose result was there already. */
  readonly bytes: number;
  /** Empty until the layer is done. */
  readonly outcome: '' | 'pushed' | 'present' | 'mounted';
}

export interface TaskFailure {
  readonly code: string;
  readonly message: string;
  readonly hint?: string | undefined;
}

/** What a conversion came to. */
export interface TaskResult {
  readonly sourceDigest?: string | undefined;
  readonly targetDigest?: string | undefined;
  readonly sourceSize?: number | undefined;
  readonly targetSize?: number | undefined;
}

/** Times are milliseconds since 1970. */
export interface Task extends Required<Omit<NewTask, 'delayMs' | 'trace'>>, TaskResult {
  readonly id: string;
  readonly state: TaskState;
  /** Why it was skipped, cancelled or failed; empty otherwise. */
  readonly reason: string;
  /** Attempts that have begun and count. */
  readonly attempts: number;
  /** Attempts at which a process died: that of the conversion, or the service. */
  readonly deaths: number;
  readonly created: number;
  readonly started: number | undefined;
  readonly finished: number | undefined;
  /** When it may begin, unless that is past. */
  readonly nextAttempt: number | undefined;
  readonly progress: TaskProgress | undefined;
  readonly error: TaskFailure | undefined;
  readonly trace: string | undefined;
}
