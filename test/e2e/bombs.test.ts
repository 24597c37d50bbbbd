/** A sample of the bombs; `npm run bombs` runs all of them. */
import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { BOMBS } from '../support/bombs/all.js';
import { argumentsOf, type Bomb, type Command } from '../support/bombs/bomb.js';
import { BOMB_BUDGET, bombFaults, stopFaults } from '../support/bombs/faults.js';
import { type BombResult, runBomb } from '../support/bombs/run.js';
import { soundImage } from '../support/bombs/sound-image.js';
import { tempFolder } from '../support/temp-folder.js';

/** One of each kind, with the memory that it may take in MiB: without a budget each took a multiple. */
const SAMPLE: readonly (readonly [name: string, command: Command, megabytes: number])[] = [
  ['global attribute of 60 KB on 20,000 entries', 'convert', 400],
  ['a hole of 16 TiB in chunks of 4 KiB', 'convert', 200],
  ['a hole of nearly 4 TiB', 'convert', 250],
  ['2,000 paths of 1,000 implied folders each', 'ls', 400],
  ['2,000 paths of 1,000 implied folders each', 'check --source', 400],
  ['100 paths of 2,040 implied folders each', 'diff', 500],
  ['a bootstrap of 2 GiB of zeros', 'ls', 400],
  ['a compressed archive that is no tar', 'ls', 300],
  ['a large layer listed 1,000 times', 'ls', 400],
  ['a large layer listed 1,000 times', 'check --source', 400],
  ['an empty layer listed 20,000 times', 'check --source', 400],
  ['200,000 entries', 'ls --json', 450],
  ['an index of 1,000 entries that is listed for 1,000 platforms', 'ls', 400],
  ['120,000 annotations', 'plan', 400],
];

const STOPPED: readonly (readonly [name: string, command: Command, signal: 'SIGINT' | 'SIGTERM'])[] = [
  ['200,000 entries', 'ls', 'SIGINT'],
  ['120,000 annotations', 'check --source', 'SIGTERM'],
];

function bombNamed(name: string): Bomb {
  return BOMBS.find((one) => one.name === name) ?? assert.fail(`${name} is not in the table`);
}

/** Writes the bomb and runs the command on it, with a signal after so many seconds. */
async function runner(
  t: TestContext,
  name: string,
  command: Command,
): Promise<(signal?: 'SIGINT' | 'SIGTERM', after?: number) => Promise<BombResult>> {
  const bomb = bombNamed(name);
  const folder = await tempFolder(t);
  const from = await bomb.write(folder);
  const sound =
    command === 'check --source' || command === 'diff' ? await soundImage(join(folder, 'sound')) : from;
  return async (signal, after = 0) => {
    const stop = signal === undefined ? undefined : { signal, after };
    const result = await runBomb(argumentsOf(bomb, command, { from, folder, sound }), folder, stop);
    await rm(join(folder, 'target'), { recursive: true, force: true });
    return result;
  };
}

test('a hole of 16 TiB takes the room of its chunk index, and no more', async (t) => {
  const run = await runner(t, 'a hole of 16 TiB, for which the limit is raised', 'convert');
  const result = await run();
  assert.equal(result.exitCode, 0, result.said.join('\n'));
  // The index of the image has 128 MiB, and is copied once to be compressed.
  assert.ok(result.memory < 400 * 2 ** 20, `${Math.round(result.memory / 2 ** 20)} MiB`);
});

test(
  'a small image takes a bounded part of the machine, leaves the event loop free, and ends in one sentence',
  { concurrency: 2 },
  async (t) => {
    for (const [name, command, megabytes] of SAMPLE) {
      await t.test(`${name}, ${command}`, async (t) => {
        const run = await runner(t, name, command);
        // A stretch of work that other processes interrupt can look longer than it is, so that the best of a few counts.
        let result = await run();
        for (let again = 0; again < 2 && result.held > BOMB_BUDGET.held; again++) result = await run();
        assert.deepEqual(bombFaults(result), [], result.said.join('\n'));
        assert.ok(result.memory < megabytes * 2 ** 20, `${Math.round(result.memory / 2 ** 20)} MiB`);
      });
    }
  },
);

test('a run on such an image ends within a second of a signal', { concurrency: 2 }, async (t) => {
  for (const [name, command, signal] of STOPPED) {
    await t.test(`${name}, ${command}, ${signal}`, async (t) => {
      const run = await runner(t, name, command);
      const { wall } = await run();
      let result = await run(signal, wall / 2);
      for (let again = 0; again < 2 && stopFaults(result).length > 0; again++)
        result = await run(signal, wall / 2);
      assert.deepEqual(stopFaults(result), []);
    });
  }
});
