/** Which failures are final, and how long the others wait. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { afterFailure, afterWorkerDeath } from '../../../src/service/jobs/retries.js';
import type { JobFailure } from '../../../src/service/jobs/request.js';
import type { Task } from '../../../src/service/queue/task.js';

const RULES = { attempts: 5, random: () => 1 };

function task(attempts: number, deaths = 0): Task {
  return {
    id: 'id',
    kind: 'convert',
    key: 'k',
    source: 's',
    target: 't',
    rule: 'r',
    origin: 'webhook',
    priority: 5,
    force: false,
    state: 'active',
    reason: '',
    attempts,
    deaths,
    created: 0,
    started: 0,
    finished: undefined,
    nextAttempt: undefined,
    progress: undefined,
    error: undefined,
    trace: undefined,
  };
}

/** `failed`, or the seconds until the next attempt. */
function after(failure: Partial<JobFailure>, attempts = 1): string | number {
  const outcome = afterFailure(task(attempts), { code: 'REGISTRY', message: 'm', ...failure }, RULES);
  return outcome.kind === 'retry' ? outcome.delayMs / 1000 : outcome.kind;
}

test('failures that may pass wait 30 s, 60 s and so on, at most an hour, until the attempts are used up', () => {
  assert.deepEqual(
    [1, 2, 3, 4, 5].map((attempts) => after({}, attempts)),
    [30, 60, 120, 240, 'failed'],
  );
  const many = { attempts: 100, random: () => 1 };
  const late = afterFailure(task(20), { code: 'REGISTRY', message: 'm' }, many);
  assert.equal(late.kind === 'retry' && late.delayMs, 3_600_000);
});

test('chance takes up to half of a wait, so that jobs that failed together come back apart', () => {
  const outcome = afterFailure(task(1), { code: 'REGISTRY', message: 'm' }, { attempts: 5, random: () => 0 });
  assert.equal(outcome.kind === 'retry' && outcome.delayMs, 15_000);
});

test('what another attempt cannot change is final at once', () => {
  for (const code of ['USAGE', 'REFERENCE', 'FORMAT', 'UNSUPPORTED', 'AUTH', 'ADDON'])
    assert.equal(after({ code }), 'failed', code);
  for (const status of [401, 403]) assert.equal(after({ status }), 'failed', String(status));
  assert.equal(after({ code: 'CONTENT' }), 'failed', 'content of the source');
  assert.equal(after({ code: 'CONTENT', side: 'target' }), 30, 'what the target has damaged is sent again');
});

test('a source that is missing is looked for three times, a target as often as all else', () => {
  assert.deepEqual(
    [1, 2, 3].map((attempts) => after({ status: 404 }, attempts)),
    [30, 60, 'failed'],
  );
  assert.equal(after({ status: 404, side: 'target' }, 3), 120);
});

test('429 waits as long as the registry asks, and does not count', () => {
  const outcome = afterFailure(
    task(5),
    { code: 'REGISTRY', message: 'm', status: 429, retryAfterMs: 7000 },
    RULES,
  );
  assert.deepEqual(outcome.kind === 'retry' && [outcome.delayMs, outcome.counts], [7000, false]);
  assert.equal(after({ status: 429 }), 30, 'without Retry-After');
  assert.equal(after({ status: 429, retryAfterMs: 1e9 }), 3600);
});

test('Retry-After of another refusal makes a wait longer, and never shorter', () => {
  assert.equal(after({ status: 503, retryAfterMs: 90_000 }), 90);
  assert.equal(after({ status: 503, retryAfterMs: 1000 }), 30);
});

test('a process that dies is a try, and the third is the last', () => {
  const first = afterWorkerDeath(task(1), 'SIGKILL', RULES);
  assert.deepEqual(first.kind === 'retry' && [first.delayMs, first.counts, first.died], [30_000, true, true]);
  const second = afterWorkerDeath(task(2, 1), 'SIGKILL', RULES);
  assert.equal(second.kind === 'retry' && second.delayMs, 60_000);
  const third = afterWorkerDeath(task(3, 2), 'SIGKILL', RULES);
  assert.match(third.kind === 'failed' ? third.error.message : '', /SIGKILL\), as 3 times in a row/);
});
