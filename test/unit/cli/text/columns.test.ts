/** Columns and lines of a terminal, with names of every width. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Chalk } from 'chalk';
import { table, textWidth, wrapped } from '../../../../src/cli/text/columns.js';
import { inColumns } from '../../../../src/cli/text/look.js';
import { directory } from '../../../support/images/worked-example.js';

test('tables align text left and numbers right', () => {
  assert.deepEqual(
    table(
      [
        ['a', '1', 'x'],
        ['bcd', '100', ''],
      ],
      new Set([0, 2]),
    ),
    ['a      1  x', 'bcd  100'],
  );
});

test('a text is as wide as a terminal shows it', () => {
  assert.equal(textWidth('plain'), 5);
  assert.equal(textWidth('日本語'), 6);
  assert.equal(textWidth('e\u0301'), 1);
  assert.equal(textWidth('👩‍👩‍👧'), 2);
  assert.equal(textWidth(new Chalk({ level: 1 }).red('red')), 3);
});

test('tables and columns line up behind wide names', () => {
  assert.deepEqual(
    table(
      [
        ['日本', '1'],
        ['abcd', '2'],
        ['e\u0301', '3'],
      ],
      new Set([0]),
    ),
    ['日本  1', 'abcd  2', 'e\u0301     3'],
  );
  const entries = ['日本', 'a', 'bcd', 'e'].map((name) => ({ name, node: directory(name, []) }));
  assert.deepEqual([...inColumns(entries, 12, (name) => name)], ['日本  bcd', 'a     e']);
});

test('lines are wrapped at the width of their words, and later lines are indented', () => {
  assert.deepEqual(wrapped('one two three', 10, 2), ['  one two', '    three']);
  assert.deepEqual(wrapped('日本 日本 日本', 9, 0), ['日本 日本', '  日本']);
  assert.deepEqual(wrapped('unbreakable-and-long', 5, 0), ['unbreakable-and-long']);
});
