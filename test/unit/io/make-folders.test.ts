import assert from 'node:assert/strict';
import { mkdir, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { makeFolders, makeFoldersSync } from '../../../src/io/make-folders.js';
import { tempFolder } from '../../support/temp-folder.js';

test('folders are made with their mode, and the first new one is named', async (t) => {
  const folder = await tempFolder(t);
  assert.equal(await makeFolders(join(folder, 'a/b/c'), 0o700), join(folder, 'a'));
  assert.equal((await stat(join(folder, 'a/b/c'))).mode & 0o777, 0o700);
  assert.equal(await makeFolders(join(folder, 'a/b/c')), undefined);
  assert.equal(await makeFolders(join(folder, 'a/d/')), join(folder, 'a/d'));
  await mkdir(join(folder, 'real'));
  await symlink('real', join(folder, 'link'));
  assert.equal(await makeFolders(join(folder, 'link/in')), join(folder, 'link/in'));
  const made = await Promise.all(Array.from({ length: 10 }, () => makeFolders(join(folder, 'x/y'))));
  assert.ok(made.includes(join(folder, 'x')));
  makeFoldersSync(join(folder, 'now/and/here'), 0o700);
  makeFoldersSync(join(folder, 'now/and'));
  assert.equal((await stat(join(folder, 'now/and/here'))).mode & 0o777, 0o700);
});

test('what cannot be a folder is an error, also where the system denies what is there', async (t) => {
  const folder = await tempFolder(t);
  await writeFile(join(folder, 'file'), '');
  await symlink('nowhere', join(folder, 'dangling'));
  await assert.rejects(makeFolders(join(folder, 'file')), { code: 'EEXIST' });
  await assert.rejects(makeFolders(join(folder, 'file/in')), { code: 'ENOTDIR' });
  await assert.rejects(makeFolders(join(folder, 'dangling')), { code: 'EEXIST' });
  for (const name of ['file', 'file/in', 'dangling'])
    assert.throws(() => {
      makeFoldersSync(join(folder, name));
    });
  if (process.platform !== 'linux') return;
  await assert.rejects(makeFolders('/proc/x/y'), { code: 'ENOENT' });
  assert.throws(
    () => {
      makeFoldersSync('/proc/x/y');
    },
    { code: 'ENOENT' },
  );
});
