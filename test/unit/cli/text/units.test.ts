import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fc } from '../../../support/properties.js';
import { UsageError } from '../../../../src/errors.js';
import { formatBytes, formatMs, parseRate, plural } from '../../../../src/cli/text/units.js';

test('bytes have three digits', () => {
  const cases: readonly (readonly [number, string])[] = [
    [0, '0 B'],
    [999, '999 B'],
    [1000, '1.00 kB'],
    [9994, '9.99 kB'],
    [9996, '10.0 kB'],
    [99_960, '100 kB'],
    [999_499, '999 kB'],
    [999_500, '1.00 MB'],
    [652_000_000, '652 MB'],
    [1.967e9, '1.97 GB'],
    [2e15, '2000 TB'],
  ];
  for (const [bytes, text] of cases) assert.equal(formatBytes(bytes), text);
});

test('times and counts read as people say them', () => {
  assert.deepEqual([formatMs(12), formatMs(8340), formatMs(125_000)], ['12 ms', '8.3 s', '2 min 5 s']);
  assert.deepEqual([plural(1, 'layer'), plural(2, 'layer')], ['1 layer', '2 layers']);
});

test('a time is rounded before its unit is chosen', () => {
  const cases: readonly (readonly [number, string])[] = [
    [999.4, '999 ms'],
    [999.5, '1.0 s'],
    [59_949, '59.9 s'],
    [59_950, '1 min 0 s'],
    [119_499, '1 min 59 s'],
    [119_500, '2 min 0 s'],
    [3_599_499, '59 min 59 s'],
    [3_599_500, '1 h 0 min'],
    [7_199_999, '2 h 0 min'],
    [90_000_000, '25 h 0 min'],
  ];
  for (const [ms, text] of cases) assert.equal(formatMs(ms), text);
});

const SECONDS: Readonly<Record<string, number>> = { ms: 0.001, s: 1, min: 60, h: 3600 };

function secondsOf(text: string): number {
  let sum = 0;
  for (const [, number, unit = ''] of text.matchAll(/([0-9.]+) ([a-z]+)/g))
    sum += Number(number) * (SECONDS[unit] ?? NaN);
  return sum;
}

/** Values of every magnitude, and those at which a unit or a digit changes. */
const numbers = (most: number): fc.Arbitrary<number> =>
  fc.oneof(
    fc.double({ min: 0, max: most, noNaN: true }),
    fc.integer({ min: 0, max: 100_000 }),
    fc
      .tuple(
        fc.constantFrom(1000, 9995, 60_000, 59_950, 3_600_000, 999_500, 999_500_000),
        fc.integer({ min: -60, max: 60 }),
      )
      .map(([edge, off]) => edge + off),
  );

test('a time that is shown is near the time that it stands for, and none of its parts is a whole of the next', () => {
  fc.assert(
    fc.property(numbers(1e9), (ms) => {
      const text = formatMs(ms);
      const least = ms < 1000 ? 0.0005 : ms < 60_000 ? 0.05 : ms < 3_599_500 ? 0.5 : 30;
      assert.ok(Math.abs(secondsOf(text) - ms / 1000) <= least * 1.001, `${ms}: ${text}`);
      assert.doesNotMatch(text, /\b60(?:\.0)? (?:s|min)|\b1000 ms/);
    }),
  );
});

test('a longer time is never shown as a shorter one', () => {
  fc.assert(
    fc.property(numbers(1e9), numbers(1e9), (a, b) => {
      const [less, more] = a < b ? [a, b] : [b, a];
      assert.ok(secondsOf(formatMs(less)) <= secondsOf(formatMs(more)) + 1e-9);
    }),
  );
});

test('bytes that are shown are within half a percent, with at most three digits', () => {
  const factors: Readonly<Record<string, number>> = { B: 1, kB: 1e3, MB: 1e6, GB: 1e9, TB: 1e12 };
  fc.assert(
    fc.property(numbers(9e14).map(Math.floor), (bytes) => {
      const [number = '', unit = ''] = formatBytes(bytes).split(' ');
      assert.ok(
        Math.abs(Number(number) * (factors[unit] ?? NaN) - bytes) <= bytes * 0.00501,
        `${bytes}: ${number} ${unit}`,
      );
      assert.ok(number.replace('.', '').length <= 3, number);
    }),
  );
});

test('a rate is bytes a second, decimal unless it says otherwise', () => {
  const cases: readonly (readonly [string, number])[] = [
    ['10MB/s', 1e7],
    ['10M', 1e7],
    ['1.5GB', 1.5e9],
    ['512KiB/s', 512 * 1024],
    ['500 kB/s', 5e5],
    ['1000000', 1e6],
    ['1B/s', 1],
  ];
  for (const [text, rate] of cases) assert.equal(parseRate('limit-rate', text), rate, text);
  for (const text of ['', 'fast', '0', '-1MB/s', '10 apples', '10iB', '1MB/h']) {
    assert.throws(() => parseRate('limit-rate', text), UsageError, text);
  }
});
