import assert from 'node:assert/strict';
import { readdir, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { LocalIoError } from '../../../src/errors.js';
import { withFileLock } from '../../../src/io/file-lock.js';
import { tempFolder } from '../../support/temp-folder.js';

const longAgo = new Date(Date.now() - 60_000);

test('the lock of a process that died before it wrote its name is removed, a new one is waited for', async (t) => {
  const folder = await tempFolder(t);
  const path = join(folder, 'lock');
  await writeFile(path, '');
  await utimes(path, longAgo, longAgo);
  assert.equal(await withFileLock(path, async () => 'done'), 'done');
  assert.deepEqual(await readdir(folder), []);
  await writeFile(path, '');
  await assert.rejects(
    withFileLock(path, async () => 'done', undefined, 50),
    LocalIoError,
  );
});
