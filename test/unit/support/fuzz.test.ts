/** The fuzzer in small: every input of the corpora, and some mutations of each. `npm run fuzz` goes on from there. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { UsageError } from '../../../src/errors.js';
import { readCorpus } from '../../support/fuzz/corpus.js';
import { fuzz } from '../../support/fuzz/fuzz.js';
import { mutated, Random } from '../../support/fuzz/mutate.js';
import { fuzzTargets } from '../../support/fuzz/targets.js';

test('every reader of foreign bytes answers every input of its corpus, and mutations of it', async () => {
  for (const target of fuzzTargets()) {
    const seeds = await readCorpus(target.name);
    assert.ok(seeds.length > 0, `${target.name} has no seeds`);
    const { faults } = await fuzz(target, seeds, {
      seed: 1,
      until: performance.now() + 1000,
      executions: seeds.length + 200,
    });
    assert.deepEqual(
      faults.map(({ input, reason }) => `${target.name}: ${reason} (${input.toString('base64')})`),
      [],
    );
  }
});

test('mutations are the same for the same seed, and differ from their input', () => {
  const input = Buffer.from('an input that is long enough');
  const make = (seed: number): readonly string[] => {
    const random = new Random(seed);
    return Array.from({ length: 100 }, () => mutated(input, [input], ['word'], random).toString('base64'));
  };
  assert.deepEqual(make(7), make(7));
  assert.ok(new Set(make(7)).size > 80);
  assert.ok(input.equals(Buffer.from('an input that is long enough')));
});

test('a reader that throws an error of the language is at fault; other errors are outcomes', async () => {
  const reader = {
    name: 'reader',
    words: ['!'],
    run: (input: Buffer) => {
      if (input.includes('!')) throw new TypeError('a fault of the reader');
      if (input.length > 20) throw new UsageError('too long');
    },
  };
  const options = { seed: 1, until: Infinity, executions: 500 };
  const { executions, faults, found } = await fuzz(reader, [Buffer.from('seed')], options);
  assert.equal(executions, 500);
  assert.ok(faults.length > 0 && faults.every(({ reason }) => reason.includes('a fault of the reader')));
  assert.equal(found.length, 1);
});
