import assert from 'node:assert/strict';
import { readdir, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { LocalIoError } from '../../../src/errors.js';
import { withFileLock } from '../../../src/io/file-lock.js';
import { isAbandoned, ownerMark } from '../../../src/io/owner.js';
import { openScratch } from '../../../src/io/scratch.js';
import { tempFolder } from '../../support/temp-folder.js';

/** The mark of a process of this machine that has ended: no process started at tick 1. */
const dead = async (): Promise<string> => (await ownerMark()).replace(/^\d+-\d+/, '4194303-1');

test('files of a running process are kept, those of a dead one are not, even when its number is used again', async () => {
  const own = await ownerMark();
  assert.equal(await isAbandoned(`${own}x`, '/nonexistent'), false);
  assert.equal(await isAbandoned(`${await dead()}x`, '/nonexistent'), true);
  assert.equal(await isAbandoned(own.replace(/-\d+-/, '-1-'), '/nonexistent'), true);
  assert.equal(await isAbandoned('not-ours', '/nonexistent'), false);
});

test('files of another machine count as abandoned when they are a day old', async (t) => {
  const path = join(await tempFolder(t), 'left');
  await writeFile(path, '');
  const foreign = '1-1-00000000-x';
  assert.equal(await isAbandoned(foreign, path), false);
  const old = Date.now() / 1000 - 25 * 3600;
  await utimes(path, old, old);
  assert.equal(await isAbandoned(foreign, path), true);
});

test('opening a temporary folder removes those of dead runs, and nothing else', async (t) => {
  const folder = await tempFolder(t);
  await using living = await openScratch(folder);
  await writeFile(join(folder, `nydusify-${await dead()}abc`), '');
  await writeFile(join(folder, 'nydusify-of-the-user'), '');
  await using scratch = await openScratch(folder);
  assert.equal((await readdir(folder)).length, 3);
  assert.notEqual(living.path, scratch.path);
});

test('a lock admits one process at a time, is taken from a dead one, and is waited for only for a limited time', async (t) => {
  const path = join(await tempFolder(t), 'lock');
  let inside = 0;
  const step = async (): Promise<void> => {
    assert.equal(++inside, 1);
    await new Promise((resolve) => setTimeout(resolve, 5));
    inside--;
  };
  await writeFile(path, await dead());
  await Promise.all([1, 2, 3, 4].map(() => withFileLock(path, step)));
  await withFileLock(path, async () => {
    await assert.rejects(withFileLock(path, step, undefined, 50), LocalIoError);
  });
});
