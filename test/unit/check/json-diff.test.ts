import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fc } from '../../support/properties.js';
import { diffJson, type JsonDifference } from '../../../src/check/json-diff.js';
import { FormatError } from '../../../src/errors.js';
import { parseJson } from '../../../src/oci/json/value.js';

function diff(expected: string, found: string, ignored?: (path: string) => boolean): JsonDifference[] {
  return [
    ...diffJson(parseJson(Buffer.from(expected), 'left'), parseJson(Buffer.from(found), 'right'), ignored),
  ];
}

test('a document with many members is compared in time that grows with their number', () => {
  const members = Array.from({ length: 100_000 }, (_, i) => `"label ${i}":"x"`);
  const [left, right] = [`{${members.join(',')}}`, `{${members.toReversed().join(',')},"y":1}`];
  const started = performance.now();
  assert.equal(diff(left, right).length, 1);
  assert.ok(performance.now() - started < 30_000); // A second. Looking up each label among all the others takes minutes.
});

test('key order, blanks and escapes make no difference', () => {
  assert.deepEqual(diff('{"a": 1, "b": ["\\u0041"]}', '{"b":["A"],"a":1}'), []);
});

test('numbers that one double would hold differ by their digits', () => {
  assert.deepEqual(diff('{"n": 9007199254740993}', '{"n": 9007199254740992}'), [
    { path: 'n', expected: '9007199254740993', found: '9007199254740992' },
  ]);
});

test('missing, new and changed fields are reported with their paths', () => {
  assert.deepEqual(diff('{"a":{"b":[1,2]},"c":null}', '{"a":{"b":[1,{"x":1},3]},"d":0}'), [
    { path: 'a.b[1]', expected: '2', found: '{"x":1}' },
    { path: 'a.b[2]', expected: undefined, found: '3' },
    { path: 'c', expected: 'null', found: undefined },
    { path: 'd', expected: undefined, found: '0' },
  ]);
});

test('an ignored path is skipped with all that lies below it', () => {
  assert.deepEqual(
    diff('{"history":[1],"x":1}', '{"history":{"a":2},"x":1}', (path) => path === 'history'),
    [],
  );
});

test('a document of nothing but brackets is a FormatError', () => {
  assert.throws(() => parseJson(Buffer.from('['.repeat(200_000) + ']'.repeat(200_000)), 'deep'), FormatError);
  assert.throws(() => parseJson(Buffer.from('{"a":1,}'), 'comma'), FormatError);
});

test('any JSON equals itself printed another way, and differs from nothing else of its kind', () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.jsonValue(), (left, right) => {
      assert.deepEqual(diff(JSON.stringify(left), JSON.stringify(left, null, 2)), []);
      const same = JSON.stringify(left) === JSON.stringify(right);
      if (same) assert.deepEqual(diff(JSON.stringify(left), JSON.stringify(right)), []);
    }),
  );
});
