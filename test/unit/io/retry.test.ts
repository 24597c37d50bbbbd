import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  backoffMs,
  MAX_RETRY_AFTER_MS,
  parseRetryAfter,
  retry,
  type Verdict,
} from '../../../src/io/retry.js';
import type { ConvertEvent } from '../../../src/reporter.js';

const policy = { attempts: 4, baseMs: 100, capMs: 1000 };
const always = (): Verdict => ({ again: true });

function recorder(): { sleep: (ms: number) => Promise<void>; waits: number[] } {
  const waits: number[] = [];
  return {
    waits,
    sleep: (ms) => {
      waits.push(ms);
      return Promise.resolve();
    },
  };
}

test('an attempt that fails twice succeeds in the end, and every pause is reported', async () => {
  const { sleep, waits } = recorder();
  const events: ConvertEvent[] = [];
  const result = await retry('it', async (n) => (n < 3 ? Promise.reject(new Error(`try ${n}`)) : n), {
    policy,
    judge: always,
    sleep,
    random: () => 1,
    reporter: { emit: (event) => events.push(event) },
  });
  assert.equal(result, 3);
  assert.deepEqual(waits, [100, 200]);
  assert.deepEqual(
    events.map((event) => event.type === 'retry' && [event.what, event.attempt, event.delayMs]),
    [
      ['it', 1, 100],
      ['it', 2, 200],
    ],
  );
});

test('the last error is thrown when the attempts are used up', async () => {
  const { sleep, waits } = recorder();
  await assert.rejects(
    retry('it', async (n) => Promise.reject(new Error(`try ${n}`)), { policy, judge: always, sleep }),
    /try 4/,
  );
  assert.equal(waits.length, 3);
});

test('a failure that will not pass is thrown at once', async () => {
  let tries = 0;
  const attempt = async (): Promise<never> => {
    tries++;
    throw new Error('no');
  };
  await assert.rejects(retry('it', attempt, { policy, judge: () => ({ again: false }) }), /no/);
  assert.equal(tries, 1);
});

test("the server's Retry-After is the pause, and more than two minutes count as a refusal", async () => {
  const { sleep, waits } = recorder();
  const after = (afterMs: number) => ({ policy, judge: (): Verdict => ({ again: true, afterMs }), sleep });
  await assert.rejects(retry('it', async () => Promise.reject(new Error('x')), after(7)));
  assert.deepEqual(waits, [7, 7, 7]);
  await assert.rejects(
    retry('it', async () => Promise.reject(new Error('x')), after(MAX_RETRY_AFTER_MS + 1)),
  );
  assert.equal(waits.length, 3);
});

test('the signal ends the wait, which rejects with its reason', async () => {
  const stop = new AbortController();
  const slow = { policy: { attempts: 2, baseMs: 60_000, capMs: 60_000 }, judge: always, signal: stop.signal };
  const run = retry('it', async () => Promise.reject(new Error('x')), slow);
  setTimeout(() => {
    stop.abort();
  }, 5);
  await assert.rejects(run, (error) => error === stop.signal.reason);
});

test('waits double up to the cap, with jitter from half of it', () => {
  assert.deepEqual(
    [1, 2, 3, 4, 5, 9].map((n) => backoffMs(policy, n, () => 1)),
    [100, 200, 400, 800, 1000, 1000],
  );
  assert.equal(
    backoffMs(policy, 1, () => 0),
    50,
  );
});

test('Retry-After is seconds or a date', () => {
  assert.equal(parseRetryAfter('3', 0), 3000);
  assert.equal(parseRetryAfter('Thu, 01 Jan 1970 00:00:10 GMT', 4000), 6000);
  assert.equal(parseRetryAfter('Thu, 01 Jan 1970 00:00:01 GMT', 4000), 0);
  assert.equal(parseRetryAfter('soon', 0), undefined);
  assert.equal(parseRetryAfter(undefined, 0), undefined);
});

test('fixed pauses stay as they are, unless the server wants a longer one', async () => {
  const { sleep, waits } = recorder();
  const fixed = { attempts: 3, baseMs: 50, capMs: 50, fixed: true };
  const run = async (afterMs: number | undefined): Promise<unknown> =>
    retry('it', async () => Promise.reject(new Error('x')), {
      policy: fixed,
      judge: () => ({ again: true, afterMs }),
      sleep,
    });
  await assert.rejects(run(undefined));
  await assert.rejects(run(7));
  await assert.rejects(run(70));
  assert.deepEqual(waits, [50, 50, 50, 50, 70, 70]);
});

test('progress makes the count begin anew', async () => {
  const { sleep } = recorder();
  let tries = 0;
  const attempt = async (): Promise<never> => {
    tries++;
    throw new Error('no');
  };
  await assert.rejects(retry('it', attempt, { policy, judge: always, sleep, progressed: () => tries < 10 }));
  assert.equal(tries, 8 + policy.attempts);
});

test('a server that asks for a pause, or takes its time, again and again ends the attempts in three minutes', async () => {
  for (const [tookMs, afterMs] of [
    [0, 119_000],
    [60_000, undefined],
    [1000, 100_000],
  ] as const) {
    let clock = 0;
    const failing = retry(
      'it',
      async () => {
        clock += tookMs;
        return Promise.reject(new Error('again'));
      },
      {
        policy: { attempts: 1000, baseMs: 500, capMs: 1000 },
        judge: () => ({ again: true, afterMs }),
        now: () => clock,
        sleep: (ms) => {
          clock += ms;
          return Promise.resolve();
        },
      },
    );
    await assert.rejects(failing, /again/);
    assert.ok(clock <= 180_000 + tookMs, `${clock} ms`);
  }
});

test('progress begins the time for attempts anew, and attempts that a user has counted have no limit of time', async () => {
  for (const [fixed, progresses] of [
    [false, true],
    [true, false],
  ] as const) {
    let clock = 0;
    let attempts = 0;
    const failing = retry(
      'it',
      async () => {
        clock += 100_000;
        return Promise.reject(new Error(`${++attempts}`));
      },
      {
        policy: { attempts: 10, baseMs: 1, capMs: 1, fixed },
        judge: always,
        progressed: () => progresses && attempts < 5,
        now: () => clock,
        sleep: async () => undefined,
      },
    );
    await assert.rejects(failing);
    assert.ok(attempts >= 5, `${attempts} attempts`);
  }
});
