/** The one place that tries again: exponential backoff with jitter. It honours a server's wish, and reports every wait. */
import { setTimeout } from 'node:timers/promises';
import { type CallOptions, silentReporter } from '../reporter.js';

export interface RetryPolicy {
  /** Including the first. */
  readonly attempts: number;
  readonly baseMs: number;
  readonly capMs: number;
  /**
   * Milliseconds after which no further attempt begins, counted from the first attempt or the last progress. Without it, a fixed
   * policy has its number of attempts alone, and any other one `RETRY_LIMIT_MS`.
   */
  readonly limitMs?: number | undefined;
  /** Makes every pause `baseMs`, as upstream's settings do; a server's `Retry-After` may make it longer. */
  readonly fixed?: boolean | undefined;
}

/** A server that asks for a longer pause than this has in effect refused, so the call fails instead of waiting. */
export const MAX_RETRY_AFTER_MS = 120_000;

/** Attempts that each wait to their end for a server, or as long as it asks, are few. */
const RETRY_LIMIT_MS = 180_000;

/** About 0.5 + 1 + 2 + 4 seconds: enough for a registry that restarts its workers, and short enough to show that one is down. */
export const DEFAULT_RETRY: RetryPolicy = { attempts: 5, baseMs: 500, capMs: 30_000 };

/** The decision about a failure. */
export type Verdict =
  { readonly again: false } | { readonly again: true; readonly afterMs?: number | undefined };

export interface RetryOptions extends CallOptions {
  readonly policy?: RetryPolicy | undefined;
  readonly judge: (error: unknown) => Verdict;
  /** Called after a failure. True when the attempt has made progress, so that the count begins anew. */
  readonly progressed?: (() => boolean) | undefined;
  /** Gives a number between 0 and 1; tests replace it. */
  readonly random?: (() => number) | undefined;
  /** A clock in milliseconds; tests replace it. */
  readonly now?: (() => number) | undefined;
  readonly sleep?: ((ms: number, signal?: AbortSignal) => Promise<void>) | undefined;
}

/** Runs `attempt` until it succeeds, fails for good, or the attempts are used up; then throws the last error. `what` names the purpose for the reporter. */
export async function retry<T>(
  what: string,
  attempt: (n: number) => Promise<T>,
  options: RetryOptions,
): Promise<T> {
  const {
    policy = DEFAULT_RETRY,
    judge,
    progressed = () => false,
    signal,
    reporter = silentReporter,
    random = Math.random,
    sleep = sleepFor,
    now = () => performance.now(),
  } = options;
  const limitMs = policy.limitMs ?? (policy.fixed === true ? Infinity : RETRY_LIMIT_MS);
  let sinceMs = now();
  for (let n = 1; ; n++) {
    signal?.throwIfAborted();
    try {
      return await attempt(n);
    } catch (cause) {
      signal?.throwIfAborted();
      const verdict = judge(cause);
      if (progressed()) {
        n = 1;
        sinceMs = now();
      }
      if (!verdict.again || n >= policy.attempts) throw cause;
      const { afterMs = 0 } = verdict;
      if (afterMs > MAX_RETRY_AFTER_MS) throw cause;
      const delayMs = pauseMs(policy, n, afterMs, random);
      if (now() + delayMs - sinceMs > limitMs) throw cause;
      reporter.emit({ type: 'retry', what, attempt: n, delayMs, cause });
      await sleep(delayMs, signal);
    }
  }
}

/** The pause that the server asked for, or else the policy's. With fixed pauses the longer of the two. */
function pauseMs(policy: RetryPolicy, attempt: number, afterMs: number, random: () => number): number {
  const own = backoffMs(policy, attempt, random);
  if (policy.fixed === true) return Math.max(own, afterMs);
  return afterMs > 0 ? afterMs : own;
}

/** A random pause from half of the step to all of it, so that clients that failed together do not come back together. */
export function backoffMs(policy: RetryPolicy, attempt: number, random: () => number): number {
  if (policy.fixed === true) return policy.baseMs;
  const step = Math.min(policy.capMs, policy.baseMs * 2 ** (attempt - 1));
  return Math.round(step * (0.5 + random() / 2));
}

/** Parses `Retry-After`, RFC 9110 10.2.3: seconds or a date. Undefined when it is absent or malformed. */
export function parseRetryAfter(value: string | undefined, nowMs: number): number | undefined {
  if (value === undefined) return undefined;
  if (/^[0-9]+$/.test(value.trim())) return Number(value) * 1000;
  const date = Date.parse(value);
  return Number.isNaN(date) ? undefined : Math.max(0, date - nowMs);
}

/** Waits; when the signal fires, rejects with its reason at once. */
export async function sleepFor(ms: number, signal?: AbortSignal): Promise<void> {
  try {
    await setTimeout(ms, undefined, signal === undefined ? {} : { signal });
  } catch (error) {
    signal?.throwIfAborted();
    throw error;
  }
}
