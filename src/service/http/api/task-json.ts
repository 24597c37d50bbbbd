/** A task as v2 answers it. */
import type { Task } from '../../queue/task.js';
import type { TaskJson } from './schemas.js';

export function taskJson(task: Task): TaskJson {
  const { progress, error } = task;
  return {
    id: task.id,
    kind: task.kind,
    source: task.source,
    target: orNull(task.target),
    rule: orNull(task.rule),
    origin: task.origin,
    priority: task.priority,
    state: task.state,
    reason: task.reason,
    attempts: task.attempts,
    created: timeText(task.created),
    started: maybeTime(task.started),
    finished: maybeTime(task.finished),
    next_attempt: maybeTime(task.nextAttempt),
    source_digest: task.sourceDigest ?? null,
    target_digest: task.targetDigest ?? null,
    source_size: task.sourceSize ?? null,
    target_size: task.targetSize ?? null,
    progress:
      progress === undefined
        ? null
        : {
            layers: progress.layers,
            done: progress.done,
            bytes: progress.bytes,
            total: progress.total,
            each: (progress.each ?? []).map(({ platform, size, bytes, outcome }) => ({
              platform,
              size,
              bytes,
              outcome: outcome === '' ? null : outcome,
            })),
          },
    error:
      error === undefined ? null : { code: error.code, message: error.message, hint: error.hint ?? null },
  };
}

export function timeText(ms: number): string {
  return new Date(ms).toISOString();
}

function maybeTime(ms: number | undefined): string | null {
  return ms === undefined ? null : timeText(ms);
}

function orNull(text: string): string | null {
  return text === '' ? null : text;
}
