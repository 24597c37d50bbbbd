/** The values of `--push-retry-count` and `--push-retry-delay`. */
import { UsageError } from '../../errors.js';
import type { FlagValues } from './flags.js';

export interface PushRetry {
  readonly attempts: number;
  readonly delayMs: number;
}

/** Undefined: nothing was asked for, the registry client's own backoff holds. */
export function pushRetryOf(flags: FlagValues): PushRetry | undefined {
  const count = flags.number('push-retry-count') ?? 0;
  const delayMs = parseGoDuration(flags.text('push-retry-delay') ?? '0');
  if (!flags.isGiven('push-retry-count') && !flags.isGiven('push-retry-delay')) return undefined;
  return { attempts: count <= 0 ? 3 : count, delayMs: delayMs <= 0 ? 5000 : delayMs };
}

const DURATION_MS: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
};

/** Go's time.ParseDuration: `5s`, `1m30s`, `1.5h`; milliseconds. Throws UsageError. */
export function parseGoDuration(text: string): number {
  const sign = text.startsWith('-') ? -1 : 1;
  const body = text.replace(/^[-+]/, '');
  if (body === '0') return 0;
  const part = /([0-9]+(?:\.[0-9]*)?|\.[0-9]+)(ns|us|µs|ms|s|m|h)/y;
  let total = 0;
  while (part.lastIndex < body.length) {
    const match = part.exec(body);
    if (match === null) throw badDuration(text);
    total += Number(match[1]) * (DURATION_MS[match[2] ?? ''] ?? 0);
  }
  if (body === '') throw badDuration(text);
  return sign * total;
}

function badDuration(text: string): UsageError {
  return new UsageError(`parse push retry delay: "${text}" is not a duration`, {
    hint: 'write it as 5s, 500ms or 1m30s',
  });
}
