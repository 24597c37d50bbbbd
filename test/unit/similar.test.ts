import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nearestWord } from '../../src/similar.js';

test('a word is meant when a third of its letters or fewer are wrong, added, left out or exchanged', () => {
  const words = ['concurrency', 'compressor', 'platform', 'ca', 'threads'];
  for (const [typed, meant] of [
    ['concurency', 'concurrency'],
    ['compresor', 'compressor'],
    ['platfrom', 'platform'],
    ['thread', 'threads'],
    ['ac', 'ca'],
    ['bandwidth', undefined],
    ['x', undefined],
  ] as const)
    assert.equal(nearestWord(typed, words), meant, typed);
  assert.equal(nearestWord('anything', []), undefined);
});
