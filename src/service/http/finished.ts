/** Waits for the end of a task. */
import { FINISHED, type Task } from '../queue/task.js';
import { ApiError } from './errors.js';
import type { ApiParts } from './parts.js';

/** The task, once it has ended. The request may end before: the task goes on. Throws ApiError when the service stops. */
export async function whenFinished(
  task: Task,
  { queue, closing }: Pick<ApiParts, 'queue' | 'closing'>,
): Promise<Task> {
  let unsubscribe: (() => void) | undefined;
  let stopped: (() => void) | undefined;
  try {
    return await new Promise<Task>((resolve, reject) => {
      stopped = () => {
        reject(
          new ApiError(
            'ERR_INTERNAL',
            'the service is stopping; the conversion goes on when it starts again',
          ),
        );
      };
      closing.addEventListener('abort', stopped);
      unsubscribe = queue.subscribe((changed) => {
        if (changed.id === task.id && FINISHED.has(changed.state)) resolve(changed);
      });
      queue.get(task.id).then((now) => {
        if (now !== undefined && FINISHED.has(now.state)) resolve(now);
      }, reject);
    });
  } finally {
    unsubscribe?.();
    if (stopped !== undefined) closing.removeEventListener('abort', stopped);
  }
}
