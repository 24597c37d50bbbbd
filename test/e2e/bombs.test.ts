/** A sample of the bombs; `npm run bombs` runs all of them. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { bombFaults } from '../support/bombs/faults.js';
import { runBomb } from '../support/bombs/run.js';
import { argumentsOf, BOMBS } from '../support/bombs/table.js';

/** One of each kind, with the memory that it may take in MiB: without a budget each took a multiple. */
const SAMPLE = [
  ['global attribute of 60 KB on 20,000 entries', 'convert', 400],
  ['a hole of 16 TiB in chunks of 4 KiB', 'convert', 200],
  ['a hole of nearly 4 TiB', 'convert', 250],
  ['2,000 paths of 1,000 implied folders each', 'ls', 400],
  ['a bootstrap of 2 GiB of zeros', 'ls', 400],
  ['a compressed archive that is no tar', 'ls', 300],
  ['a large layer listed 1,000 times', 'ls', 400],
] as const;

test('a hole of 16 TiB takes the room of its chunk index, and no more', async () => {
  const bomb = BOMBS.find(({ name }) => name === 'a hole of 16 TiB, for which the limit is raised');
  assert.ok(bomb);
  const folder = await mkdtemp(join(tmpdir(), 'bomb-'));
  try {
    const result = await runBomb(argumentsOf(bomb, 'convert', await bomb.write(folder), folder), folder);
    assert.equal(result.exitCode, 0, result.said.join('\n'));
    // The index of the image has 128 MiB, and is copied once to be compressed.
    assert.ok(result.memory < 400 * 2 ** 20, `${Math.round(result.memory / 2 ** 20)} MiB`);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

test(
  'a small image takes a bounded part of the machine and ends in one sentence',
  { concurrency: 2 },
  async (t) => {
    for (const [name, command, megabytes] of SAMPLE) {
      await t.test(`${name}, ${command}`, async () => {
        const bomb = BOMBS.find((one) => one.name === name);
        assert.ok(bomb, `${name} is in the table`);
        const folder = await mkdtemp(join(tmpdir(), 'bomb-'));
        try {
          const result = await runBomb(argumentsOf(bomb, command, await bomb.write(folder), folder), folder);
          assert.deepEqual(bombFaults(result), [], result.said.join('\n'));
          assert.ok(result.memory < megabytes * 2 ** 20, `${Math.round(result.memory / 2 ** 20)} MiB`);
        } finally {
          await rm(folder, { recursive: true, force: true });
        }
      });
    }
  },
);
