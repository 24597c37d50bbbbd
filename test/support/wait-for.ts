/** Waits for what another process or a task of its own does. */
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';

const LIMIT_MS = 60_000;

/** Asks until the condition holds. Throws when it does not within a minute. */
export async function waitFor(condition: () => boolean | Promise<boolean>): Promise<void> {
  const end = performance.now() + LIMIT_MS;
  while (!(await condition())) {
    assert.ok(performance.now() < end, 'waited for a minute in vain');
    await sleep(10);
  }
}
