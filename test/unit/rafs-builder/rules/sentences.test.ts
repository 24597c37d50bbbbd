import assert from 'node:assert/strict';
import { test } from 'node:test';
import { InternalError } from '../../../../src/errors.js';
import { SENTENCES, sentenceText } from '../../../../src/rafs-builder/rules/sentences.js';

test('a sentence takes its arguments in order, each in the form that its placeholder names', () => {
  const template = '{field} at {@}: {hex:a}, {octal:b}, {raw:name}, {chunkFlags:flags}';
  const args = ['X.y', '255', '8', 'caf\xc3\xa9', '3'];
  assert.equal(sentenceText(template, args, 12), 'X.y at 12: 0xff, 0o10, café, COMPRESSED|HOLE');
});

test('too few or too many arguments are an error of ours', () => {
  assert.throws(() => sentenceText('{a} and {b}', ['1'], undefined), InternalError);
  assert.throws(() => sentenceText('{a}', ['1', '2'], undefined), InternalError);
});

test('every sentence is a clause without full stop, and names only forms that there are', () => {
  for (const [key, [, template]] of Object.entries(SENTENCES)) {
    const count = template.match(/\{(?!@)/g)?.length ?? 0;
    const text = sentenceText(template, Array<string>(count).fill('1'), 0);
    assert.doesNotMatch(text, /[{}]|\.$/, key);
  }
});
