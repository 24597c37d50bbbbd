/** A task and its row in the file. */
import { randomUUID } from 'node:crypto';
import type {
  NewTask,
  Task,
  TaskFailure,
  TaskKind,
  TaskOrigin,
  TaskProgress,
  TaskResult,
  TaskState,
} from '../task.js';
import { MAX_DELAY_MS } from '../queue.js';
import { type Row, type SqlValue, textOf } from './database.js';

/** In the file a task that waits is `pending`; `ready` says whether its time has come. */
export type StoredState = 'pending' | Exclude<TaskState, 'waiting' | 'delayed'>;

const NUMBERS = [
  'number',
  'priority',
  'force',
  'attempts',
  'deaths',
  'created',
  'started',
  'finished',
  'ready',
];
const TEXTS = [
  'id',
  'kind',
  'key',
  'source',
  'target',
  'rule',
  'origin',
  'trace',
  'state',
  'reason',
  'progress',
  'error',
  'result',
];

/** A text is read as its bytes: where a bit has flipped these may be no text, and `libsql` would end the whole process. */
export const COLUMNS = [...NUMBERS, ...TEXTS.map((name) => `CAST(${name} AS BLOB) AS ${name}`)].join(', ');

export function isTextColumn(name: string): boolean {
  return TEXTS.includes(name);
}

export const INSERT = `INSERT INTO tasks
  (id, kind, key, source, target, rule, origin, priority, force, trace, state, reason, created, finished, ready)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`;

/** The values of `INSERT`. */
export function valuesOf(
  task: NewTask,
  now: number,
  ended?: { readonly state: StoredState; readonly reason: string },
): readonly SqlValue[] {
  return [
    randomUUID(),
    task.kind,
    task.key,
    task.source,
    task.target,
    task.rule,
    task.origin,
    task.priority,
    task.force === true ? 1 : 0,
    task.trace ?? null,
    ended?.state ?? 'pending',
    ended?.reason ?? '',
    now,
    ended === undefined ? null : now,
    readyAt(now, task.delayMs ?? 0),
  ];
}

/** When a task may begin. One that need not wait may begin at any time, even if the clock is set back. */
export function readyAt(now: number, delayMs: number): number {
  return delayMs === 0 ? 0 : now + Math.min(delayMs, MAX_DELAY_MS);
}

export function taskOf(row: Row, now: number): Task {
  const text = (name: string): string => textOf(row[name]);
  const time = (name: string): number | undefined => {
    const value = row[name];
    return value === null || value === undefined ? undefined : Number(value);
  };
  const ready = Number(row['ready']);
  const stored = text('state') as StoredState; // only this module writes it
  const state = stored !== 'pending' ? stored : ready > now ? 'delayed' : 'waiting';
  return {
    id: text('id'),
    kind: text('kind') as TaskKind, // only `valuesOf` writes it, and the origin
    key: text('key'),
    source: text('source'),
    target: text('target'),
    rule: text('rule'),
    origin: text('origin') as TaskOrigin,
    priority: Number(row['priority']),
    force: row['force'] === 1,
    trace: row['trace'] === null ? undefined : text('trace'),
    state,
    reason: text('reason'),
    attempts: Number(row['attempts']),
    deaths: Number(row['deaths']),
    created: Number(row['created']),
    started: time('started'),
    finished: time('finished'),
    nextAttempt: stored === 'pending' && ready > now ? ready : undefined,
    progress: json(row['progress']) as TaskProgress | undefined,
    error: json(row['error']) as TaskFailure | undefined,
    ...(json(row['result']) as TaskResult | undefined),
  };
}

/** What this module has written, unless the file was damaged since. */
function json(value: Row[string] | undefined): unknown {
  if (value === null || value === undefined) return undefined;
  try {
    return JSON.parse(textOf(value));
  } catch {
    return undefined;
  }
}
