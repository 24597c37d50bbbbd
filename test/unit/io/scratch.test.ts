import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { chmod, mkdir, readdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { LocalIoError } from '../../../src/errors.js';
import { openScratch } from '../../../src/io/scratch.js';
import { tempFolder } from '../../support/temp-folder.js';

test('an existing work folder is kept with all its files', async (t) => {
  const folder = await tempFolder(t);
  await writeFile(join(folder, 'precious'), 'data');
  const scratch = await openScratch(folder);
  await writeFile(scratch.file('x'), 'y');
  await scratch[Symbol.asyncDispose]();
  assert.deepEqual(await readdir(folder), ['precious']);
});

test('a work folder that did not exist is removed afterwards, with the parents that were made for it', async (t) => {
  const folder = await tempFolder(t);
  const scratch = await openScratch(join(folder, 'a', 'b'));
  assert.ok(existsSync(scratch.path));
  await scratch[Symbol.asyncDispose]();
  assert.deepEqual(await readdir(folder), []);
});

test('a work dir that another run uses by then is kept', async (t) => {
  const folder = await tempFolder(t);
  const first = await openScratch(join(folder, 'a'));
  const second = await openScratch(join(folder, 'a'));
  await first[Symbol.asyncDispose]();
  assert.ok(existsSync(second.path));
  await second[Symbol.asyncDispose]();
  await first[Symbol.asyncDispose]();
});

test('a work dir that cannot be made is an error that names it', async (t) => {
  const folder = await tempFolder(t);
  await writeFile(join(folder, 'file'), '');
  await assert.rejects(openScratch(join(folder, 'file', 'x')), (error) => {
    assert.ok(error instanceof LocalIoError);
    assert.match(error.message, /file\/x: a part of the path is not a folder/);
    assert.deepEqual(error.remedy, { kind: 'work-dir' });
    return true;
  });
  await mkdir(join(folder, 'ok'));
});

test('runs that come and go at the same time in a folder that others may write to all get a folder of their own', async (t) => {
  const shared = await tempFolder(t);
  await chmod(shared, 0o1777);
  const run = async (): Promise<void> => {
    for (let round = 0; round < 20; round++) {
      const scratch = await openScratch(shared);
      await writeFile(scratch.file('x'), 'y');
      await scratch[Symbol.asyncDispose]();
    }
  };
  await Promise.all(Array.from({ length: 4 }, run));
  assert.deepEqual(await readdir(shared), []);
});

test('many runs may make and remove the same work folder at the same time', async (t) => {
  const folder = join(await tempFolder(t), 'made', 'for them');
  await Promise.all(
    Array.from({ length: 8 }, async () => {
      for (let round = 0; round < 40; round++) {
        await using scratch = await openScratch(folder);
        await writeFile(scratch.file('a'), '');
      }
    }),
  );
  assert.deepEqual(await readdir(dirname(dirname(folder))), []);
});
