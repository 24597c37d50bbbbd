/** What follows for a task when a process dies at its attempt: of another attempt, and of blaming it for what another image did. */
import type { Outcome } from './queue.js';
import type { Task } from './task.js';

/** A task at whose attempts so many processes died is at fault itself. */
const MAX_DEATHS = 3;
/** After so many deaths a task runs alone, so that none dies a third time of what another image does. */
export const ALONE_FROM = MAX_DEATHS - 1;

/** The outcome of an attempt at which a process died. `how` says by what. */
export function afterDeath(task: Task, how: string, delayMs: number): Outcome {
  const deaths = task.deaths + 1;
  const error = {
    code: 'WORKER',
    message: how,
    hint: 'the image may need more memory than the process may have',
  };
  if (deaths < MAX_DEATHS) return { kind: 'retry', delayMs, counts: true, died: true, error };
  return { kind: 'failed', error: { ...error, message: `${how}, as ${deaths} times in a row` } };
}
