import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FormatError } from '../../../../src/errors.js';
import { decodeTarHeader } from '../../../../src/rafs-builder/blob/section-header.js';
import { encodeTarHeader } from '../../../support/images/section-header.js';

test('size and checksum have the digits of the reference', () => {
  const digits = (name: string, size: number): string => {
    const header = encodeTarHeader(name, size);
    return `${header.toString('latin1', 124, 136)} ${header.toString('latin1', 148, 156)}`;
  };
  assert.equal(digits('image.blob', 5020), '00000011634\0 0005636\0');
  assert.equal(digits('blob.meta', 4128), '00000010040\0 0005470\0');
  assert.equal(digits('blob.digest', 64), '00000000100\0 0006015\0');
  assert.equal(digits('rafs.blob.toc', 640), '00000001200\0 0006257\0');
});

test('mode, owner and group stay empty, and the magic is that of GNU', () => {
  const header = encodeTarHeader('image.blob', 1);
  assert.deepEqual(header.subarray(100, 124), Buffer.alloc(24));
  assert.equal(header.toString('latin1', 257, 265), 'ustar  \0');
  assert.equal(header.toString('latin1', 136, 148), '00000000000\0');
  assert.equal(header[156], 0x30);
});

test('names and sizes come back, also from 8 GiB on', () => {
  for (const size of [0, 1, 8 ** 11 - 1, 8 ** 11, 2 ** 40]) {
    assert.deepEqual(decodeTarHeader(encodeTarHeader('image.blob', size), 0), { name: 'image.blob', size });
  }
});

test('any changed byte of a header is found', () => {
  const header = encodeTarHeader('rafs.blob.toc', 640);
  for (let i = 0; i < header.length; i++) {
    const broken = Buffer.from(header);
    broken[i] = (broken[i] ?? 0) ^ 0x11;
    assert.throws(() => decodeTarHeader(broken, 0), FormatError, `byte ${i}`);
  }
});
