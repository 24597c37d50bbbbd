/** Which failures are final, and how long others wait. */
import { afterDeath } from '../queue/deaths.js';
import type { Task } from '../queue/task.js';
import { MAX_DELAY_MS, type Outcome } from '../queue/queue.js';
import type { JobFailure } from './request.js';

const BASE_MS = 30_000;
/** Codes of failures that another attempt cannot change. */
const FINAL: ReadonlySet<string> = new Set(['USAGE', 'REFERENCE', 'FORMAT', 'UNSUPPORTED', 'AUTH', 'ADDON']);
/** Attempts for a source that is not there: a registry may tell of a push before it serves it. */
const MISSING_ATTEMPTS = 3;

const NOT_FOUND = 404;
const TOO_MANY = 429;
const FORBIDDEN: ReadonlySet<number> = new Set([401, 403]);

export interface RetryRules {
  /** Attempts in all. */
  readonly attempts: number;
  /** Gives a number from 0 to 1. */
  readonly random: () => number;
}

/** The outcome of a failed attempt. `attempts` of the task include it. */
export function afterFailure(task: Task, failure: JobFailure, { attempts, random }: RetryRules): Outcome {
  const { code, message, hint } = failure;
  const error = { code, message, ...(hint === undefined ? {} : { hint }) };
  const { status, retryAfterMs } = failure;
  // The registry is there and asks for patience, so that the attempt does not count.
  if (status === TOO_MANY)
    return { kind: 'retry', delayMs: Math.min(retryAfterMs ?? BASE_MS, MAX_DELAY_MS), counts: false, error };
  const isFinal =
    FINAL.has(code) ||
    (code === 'CONTENT' && failure.side !== 'target') ||
    (status !== undefined && FORBIDDEN.has(status)) ||
    (status === NOT_FOUND && failure.side !== 'target' && task.attempts >= MISSING_ATTEMPTS) ||
    task.attempts >= attempts;
  if (isFinal) return { kind: 'failed', error };
  const delayMs = Math.max(retryAfterMs ?? 0, backoff(task.attempts, random));
  return { kind: 'retry', delayMs: Math.min(delayMs, MAX_DELAY_MS), counts: true, error };
}

/** The outcome of an attempt whose process has died. `how` says by what. */
export function afterWorkerDeath(task: Task, how: string, { random }: Pick<RetryRules, 'random'>): Outcome {
  return afterDeath(task, `the process that converted it died (${how})`, backoff(task.deaths + 1, random));
}

/** 30 s, 60 s, 120 s and so on, half of which is chance, so that jobs that failed together do not come back together. */
function backoff(attempt: number, random: () => number): number {
  const whole = Math.min(MAX_DELAY_MS, BASE_MS * 2 ** (attempt - 1));
  return Math.round(whole * (0.5 + random() / 2));
}
