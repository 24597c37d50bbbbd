/** A hostile registry against the real command: each attack ends with an error, soon, in bounded memory. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { attack, ATTACKS, hostileFaults } from '../support/faults/hostile-registry.js';

for (const each of ATTACKS) {
  test(`a registry that sends ${each.name} is given up with an error, soon, in bounded memory`, async (t) => {
    const result = await attack(each);
    const { sentence, elapsedMs, peakBytes } = result;
    t.diagnostic(`${sentence} (${Math.round(elapsedMs)} ms, ${Math.round(peakBytes / 1024 / 1024)} MiB)`);
    assert.deepEqual(hostileFaults(result), [], sentence);
  });
}
