/** Verbs on tasks, for the API and the page alike. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { InvalidReferenceError, NydusError } from '../../errors.js';
import { parseReference, type Reference } from '../../oci/reference.js';
import { knownHost } from '../config/hosts.js';
import { parsePushed, type PushedImage, recordSkipped, takeIn } from '../intake.js';
import type { Added, QueueCount } from '../queue/queue.js';
import { FINISHED, type Task } from '../queue/task.js';
import type { Choice } from '../rules/plan.js';
import { ApiError, type ApiCode } from './errors.js';
import type { ApiParts } from './parts.js';

export interface TaskWish {
  readonly source: string;
  readonly rule?: string | undefined;
  readonly target?: string | undefined;
  readonly force?: boolean | undefined;
  readonly priority?: number | undefined;
  readonly trace?: string | undefined;
}

/** Turns of the event loop in which a task may be between its queue and its attempt. */
const CANCEL_ATTEMPTS = 10;
/** A person does not wait behind the events of registries. */
const BY_HAND = 1;

/** Throws ApiError, QueueFullError and LocalIoError. An image that needs no work becomes a task that was skipped. */
export async function createTask(wish: TaskWish, parts: ApiParts): Promise<Added> {
  const { config, queue, metrics } = parts;
  const image = named('source', wish.source, parsePushed);
  const { accepted, skipped } = await takeIn([image], config(), queue, {
    origin: 'hand',
    force: wish.force,
    priority: wish.priority ?? BY_HAND,
    choice: choiceOf(wish, image, parts),
    trace: wish.trace,
    lookAfterMs: 0,
  });
  const [added] = accepted;
  if (added !== undefined) return added;
  const [skip] = skipped;
  if (skip === undefined) throw new ApiError('ERR_INTERNAL', 'the task was neither accepted nor skipped');
  metrics.skips.inc({ reason: skip.reason });
  const code = REFUSED[skip.reason];
  if (code !== undefined) throw new ApiError(code, `source: ${skip.message}`);
  return { task: await recordSkipped(queue, skip.image, skip.message, 'hand'), joined: false };
}

/** Reasons that are faults of the request. */
const REFUSED: Readonly<Partial<Record<string, ApiCode>>> = {
  host: 'ERR_FORBIDDEN',
  name: 'ERR_ILLEGAL_PARAMETER',
  'no-rule': 'ERR_ILLEGAL_PARAMETER',
  'own-target': 'ERR_ILLEGAL_PARAMETER',
};

function choiceOf({ rule, target }: TaskWish, image: PushedImage, { config }: ApiParts): Choice {
  const { rules, hosts } = config();
  const chosen = rule === undefined ? undefined : rules.rules.find(({ name }) => name === rule);
  if (rule !== undefined && chosen === undefined)
    throw new ApiError('ERR_ILLEGAL_PARAMETER', 'rule: the configuration has no rule of this name');
  if (target === undefined) return { rule: chosen };
  if (image.tag === undefined)
    throw new ApiError('ERR_ILLEGAL_PARAMETER', 'target: a repository that is looked at has none');
  const place = named('target', target, parseReference);
  if (place.tag === undefined || place.digest !== undefined)
    throw new ApiError('ERR_ILLEGAL_PARAMETER', 'target: a digest cannot be chosen');
  const registry = knownHost(hosts, place.registry);
  if (registry === undefined)
    throw new ApiError('ERR_FORBIDDEN', `target: ${place.registry} is not in provider.source`);
  const known: Reference = { registry, repository: place.repository, tag: place.tag };
  return { rule: chosen, target: known };
}

function named<T>(member: string, text: string, parse: (text: string) => T): T {
  try {
    return parse(text);
  } catch (error) {
    if (!(error instanceof InvalidReferenceError)) throw error;
    throw new ApiError('ERR_ILLEGAL_PARAMETER', `${member}: ${error.message}`);
  }
}

/** Throws ApiError for a task that is not there. */
export async function existing(id: string, { queue }: Pick<ApiParts, 'queue'>): Promise<Task> {
  const task = await queue.get(id);
  if (task === undefined) throw new ApiError('ERR_NOT_FOUND', 'there is no such task');
  return task;
}

/** Throws ApiError. */
export async function retryTask(id: string, parts: ApiParts): Promise<Added> {
  const task = await existing(id, parts);
  if (!canRetry(task)) throw new ApiError('ERR_CONFLICT', `the task is ${task.state}`);
  const added = await parts.queue.retry(id);
  if (added === undefined) throw new ApiError('ERR_CONFLICT', `the task is ${task.state}`);
  return added;
}

/** True for a task that ended without a result, unless there was nothing to convert. */
export function canRetry({ state, kind, target }: Task): boolean {
  const isBad = state === 'failed' || state === 'cancelled' || state === 'skipped';
  return isBad && (kind !== 'convert' || target !== '');
}

/** The task as it is then; one that runs is active until its process has stopped. Throws ApiError. */
export async function cancelTask(id: string, parts: ApiParts): Promise<Task> {
  const { queue, jobs } = parts;
  for (let attempt = 1; ; attempt++) {
    if ((await queue.cancel(id)) || jobs.cancel(id)) return existing(id, parts);
    const task = await existing(id, parts);
    if (hasEnded(task) || attempt === CANCEL_ATTEMPTS)
      throw new ApiError('ERR_CONFLICT', `the task is ${task.state}`);
    // It has just been taken, and its attempt begins in a moment; or that has just ended, and it waits again.
    await nextTurn();
  }
}

/** Throws NydusError. */
export async function setPaused(isPaused: boolean, { queue, jobs, log }: ApiParts): Promise<void> {
  await queue.setPaused(isPaused);
  log.info(isPaused ? 'the queue was paused' : 'the queue was resumed');
  jobs.wake();
}

export interface QueueState extends QueueCount {
  readonly workers: number;
  readonly busy: number;
}

export async function queueState({ queue, jobs }: ApiParts): Promise<QueueState> {
  return {
    ...(await queue.count()),
    workers: jobs.workers,
    busy: jobs.processes().filter(({ isBusy }) => isBusy).length,
  };
}

export interface Readiness {
  readonly queue: boolean;
  readonly workers: boolean;
  readonly workDir: boolean;
  readonly isDraining: boolean;
}

export async function readiness({ queue, jobs, closing }: ApiParts): Promise<Readiness> {
  const answers = queue.count().then(
    () => true,
    (error: unknown) => {
      if (error instanceof NydusError) return false;
      throw error;
    },
  );
  return {
    queue: await answers,
    workers: jobs.processes().some(({ isAlive }) => isAlive),
    workDir: await jobs.isWritable(),
    isDraining: closing.aborted,
  };
}

export function hasEnded({ state }: Task): boolean {
  return FINISHED.has(state);
}
