import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FormatError, InternalError } from '../../../../src/errors.js';
import {
  at,
  bytes,
  flags,
  i64,
  reserved,
  roundUp,
  struct,
  text,
  u16,
  u32,
  u64,
  u8,
} from '../../../../src/rafs-builder/layout/struct.js';

const sample = struct('Sample', 32, 'For these tests.', {
  small: at(0, u8, 'a byte'),
  blank: at(1, reserved(1), 'zero'),
  middle: at(2, u16, 'two bytes'),
  big: at(4, u32, 'four bytes'),
  signed: at(8, i64, 'eight bytes'),
  wide: at(16, u64, 'eight bytes'),
  name: at(24, text(4), 'text'),
  raw: at(28, bytes(4), 'bytes'),
});
const values = {
  small: 1,
  middle: 0x302,
  big: 0x7060504,
  signed: -2,
  wide: 2 ** 40 + 5,
  name: 'ab',
  raw: Buffer.from('wxyz'),
};

test('a table whose fields leave a gap, overlap or miss the size does not load', () => {
  const load = (offset: number, size: number): unknown =>
    struct('Bad', size, '', { a: at(0, u32, ''), b: at(offset, u32, '') });
  assert.throws(() => load(8, 12), InternalError);
  assert.throws(() => load(2, 6), InternalError);
  assert.throws(() => load(4, 12), InternalError);
  load(4, 8);
});

test('what a table writes it reads back, byte for byte where the offsets say', () => {
  const buffer = Buffer.alloc(40);
  sample.write(buffer, 8, values);
  assert.equal(
    buffer.toString('hex'),
    `${'00'.repeat(8)}0100020304050607feffffffffffffff0500000000010000616200007778797a`,
  );
  assert.deepEqual(sample.read(buffer, 8), values);
});

test('times before 1970 are two’s complement', () => {
  const time = struct('Time', 8, '', { seconds: at(0, i64, '') });
  for (const seconds of [-1, -(2 ** 32), -(2 ** 33) - 7, 0, 2 ** 33 + 7, Number.MIN_SAFE_INTEGER]) {
    const buffer = Buffer.alloc(8);
    time.write(buffer, 0, { seconds });
    assert.equal(buffer.readBigInt64LE(), BigInt(seconds));
    assert.deepEqual(time.read(buffer, 0), { seconds });
  }
});

test('reading past the end is an error that says what and where', () => {
  assert.throws(
    () => sample.read(Buffer.alloc(40), 9),
    (error) => error instanceof FormatError && error.offset === 9 && error.message.includes('Sample'),
  );
  assert.throws(() => sample.read(Buffer.alloc(40), -1), FormatError);
});

test('a 64-bit number beyond 2^53 is an error that names the field', () => {
  const buffer = Buffer.alloc(32);
  buffer.writeBigUInt64LE(2n ** 53n, 16);
  assert.throws(
    () => sample.read(buffer, 0),
    /^FormatError: Sample\.wide at offset 16: 9007199254740992 .* out of range$/,
  );
});

test('a value that does not fit its field is a bug, not a truncation', () => {
  for (const wrong of [
    { small: 256 },
    { small: -1 },
    { middle: 1.5 },
    { big: 2 ** 32 },
    { wide: -1 },
    { wide: Number.NaN },
    { name: 'abcde' },
    { raw: Buffer.alloc(3) },
  ]) {
    assert.throws(() => {
      sample.write(Buffer.alloc(32), 0, { ...values, ...wrong });
    }, InternalError);
  }
});

test('reserved bytes are not part of the value, and are shown when they are not zero', () => {
  const buffer = Buffer.alloc(32);
  sample.write(buffer, 0, values);
  assert.equal(sample.show(buffer, 0, 'blank'), 'zero');
  buffer[1] = 9;
  assert.match(sample.show(buffer, 0, 'blank'), /^not zero/);
  assert.ok(!('blank' in sample.read(buffer, 0)));
});

test('every field shows its value, whatever the bytes', () => {
  const buffer = Buffer.alloc(32, 0xff);
  assert.deepEqual(
    sample.fields.map((field) => sample.show(buffer, 0, field.name)),
    [
      '255 (0xff)',
      'not zero: ff',
      '65535 (0xffff)',
      '4294967295 (0xffffffff)',
      '-1 (0xffffffffffffffff)',
      '18446744073709551615 (0xffffffffffffffff)',
      '"ÿÿÿÿ"',
      'ffffffff',
    ],
  );
});

test('flags are shown by name, unknown ones as a number', () => {
  const set = flags('Set', { A: [1, 'first'], B: [0x4000_0000, 'second'] });
  assert.equal(set.show(0), '0');
  assert.equal(set.show(0x4000_0001), 'A|B');
  assert.equal(set.show(0x8000_0002), '0x80000002');
  assert.ok(set.has(0x4000_0000, 'B') && !set.has(0x4000_0000, 'A'));
});

test('rounding up works beyond 32 bits', () => {
  assert.equal(roundUp(2 ** 41 + 1, 4096), 2 ** 41 + 4096);
  assert.equal(roundUp(4096, 4096), 4096);
  assert.equal(roundUp(0, 32), 0);
});
