import assert from 'node:assert/strict';
import { test } from 'node:test';
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
