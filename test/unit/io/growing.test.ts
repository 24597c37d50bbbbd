import assert from 'node:assert/strict';
import { appendFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { FormatError, LocalIoError } from '../../../src/errors.js';
import { GrowingFile } from '../../../src/io/growing.js';
import { collect } from '../../../src/io/streams.js';
import { GrowingBytes } from '../../support/growing-bytes.js';
import { tempFolder } from '../../support/temp-folder.js';

test('a file is read as far as its writer says, until the writer says that it is complete', async (t) => {
  const path = join(await tempFolder(t), 'file');
  const writer = new GrowingBytes(new Uint8Array());
  await using file = new GrowingFile(path, (size) => writer.moreThan(size));
  await writeFile(path, 'abc');
  writer.grow(3);
  assert.deepEqual(await file.moreThan(0), { size: 3, complete: false });
  const waiting = [file.moreThan(3), file.moreThan(6)];
  await appendFile(path, 'def');
  writer.grow(6);
  assert.deepEqual(await waiting[0], { size: 6, complete: false });
  await appendFile(path, 'g');
  writer.grow(7, true);
  assert.deepEqual(await waiting[1], { size: 7, complete: true });
  assert.deepEqual(await file.moreThan(99), { size: 7, complete: true });
  assert.equal((await collect(file.read({ start: 2, end: 7 }), 10, 'part')).toString(), 'cdefg');
  assert.equal((await collect(file.read({ start: 2, end: 99 }), 10, 'part')).toString(), 'cdefg');
});

test('waiting ends when the signal fires and when the writer fails, and a file that is absent is an error', async (t) => {
  const path = join(await tempFolder(t), 'absent');
  const writer = new GrowingBytes(new Uint8Array());
  await using file = new GrowingFile(path, (size) => writer.moreThan(size));
  const stop = new AbortController();
  const waiting = file.moreThan(0, stop.signal);
  stop.abort();
  await assert.rejects(waiting, (error) => error === stop.signal.reason);
  await assert.rejects(file.moreThan(0, stop.signal), (error) => error === stop.signal.reason);
  const other = file.moreThan(0, new AbortController().signal);
  writer.fail(new FormatError('no tar'));
  await assert.rejects(other, FormatError);
  await assert.rejects(collect(file.read({ start: 0, end: 1 }), 10, 'part'), LocalIoError);
});
