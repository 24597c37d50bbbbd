import assert from 'node:assert/strict';
import { appendFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { LocalIoError } from '../../../src/errors.js';
import { GrowingFile } from '../../../src/io/growing-file.js';
import { collect } from '../../../src/io/streams.js';
import { tempFolder } from '../../support/temp-folder.js';

test('a file is read as it grows, and its end is known when it is told', async (t) => {
  const path = join(await tempFolder(t), 'file');
  await writeFile(path, 'abc');
  await using file = new GrowingFile(path);
  assert.deepEqual(await file.moreThan(0), { size: 3, isComplete: false });
  const waiting = file.moreThan(3);
  await appendFile(path, 'def');
  assert.deepEqual(await waiting, { size: 6, isComplete: false });
  const end = file.moreThan(6);
  await appendFile(path, 'g');
  file.complete(7);
  assert.deepEqual(await end, { size: 7, isComplete: true });
  assert.deepEqual(await file.moreThan(99), { size: 7, isComplete: true });
  assert.equal((await collect(file.read({ start: 2, end: 7 }), 10, 'part')).toString(), 'cdefg');
  assert.equal((await collect(file.read({ start: 2, end: 99 }), 10, 'part')).toString(), 'cdefg');
});

test('waiting ends with the signal, and a file that is not there is an error', async (t) => {
  const folder = await tempFolder(t);
  const path = join(folder, 'file');
  await writeFile(path, '');
  await using file = new GrowingFile(path);
  const stop = new AbortController();
  const waiting = file.moreThan(0, stop.signal);
  stop.abort();
  await assert.rejects(waiting, (error) => error === stop.signal.reason);
  await using absent = new GrowingFile(join(folder, 'absent'));
  await assert.rejects(absent.moreThan(0), LocalIoError);
});
