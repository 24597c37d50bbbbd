import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { mkdir, readdir, readFile, symlink, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { LocalIoError } from '../../../src/errors.js';
import { withFileLock } from '../../../src/io/file-lock.js';
import { runTool } from '../../support/run-tool.js';
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

test('a lock that names no owner delays a run by a second, whatever its date says', async (t) => {
  const folder = await tempFolder(t);
  const tomorrow = new Date(Date.now() + 24 * 3600_000);
  const since = performance.now();
  await Promise.all(
    ['', '\0'.repeat(30), 'half a na'].map(async (content, i) => {
      const path = join(folder, String(i));
      await writeFile(path, content);
      await utimes(path, tomorrow, tomorrow);
      assert.equal(await withFileLock(path, async () => 'done'), 'done');
    }),
  );
  assert.ok(performance.now() - since < 5_000);
  assert.deepEqual(await readdir(folder), []);
});

test('a lock from before the machine was started anew is taken when nothing touches it', async (t) => {
  const path = join(await tempFolder(t), 'lock');
  await writeFile(path, '1-1-00000000-');
  await assert.rejects(
    withFileLock(path, async () => 'done', undefined, 50),
    LocalIoError,
  );
  const now = performance.now.bind(performance);
  let ahead = 0;
  t.mock.method(performance, 'now', () => now() + (ahead += 5_000));
  assert.equal(await withFileLock(path, async () => 'done'), 'done');
});

test('whenever a lock is there, it names its owner', async (t) => {
  const path = join(await tempFolder(t), 'lock');
  let isOver = false;
  const seen = new Set<string>();
  const look = (): void => {
    if (isOver) return;
    try {
      seen.add(readFileSync(path, 'utf8'));
    } catch {
      // no process has the lock
    }
    setImmediate(look);
  };
  look();
  for (let i = 0; i < 50; i++) await withFileLock(path, async () => undefined);
  isOver = true;
  assert.equal(seen.size, 1);
  assert.match([...seen][0] ?? '', /^\d+-\d+-/);
});

test('links, pipes and folders in the place of a lock end a run at once, and nothing behind them is touched', async (t) => {
  const folder = await tempFolder(t);
  const victim = join(folder, 'victim');
  await writeFile(victim, '');
  await utimes(victim, longAgo, longAgo);
  await symlink(victim, join(folder, 'link'));
  await symlink('/dev/zero', join(folder, 'endless'));
  await mkdir(join(folder, 'folder'));
  await runTool('mkfifo', [join(folder, 'pipe')]);
  for (const name of ['link', 'endless', 'folder', 'pipe']) {
    await assert.rejects(
      withFileLock(join(folder, name), async () => 'done'),
      (error) => error instanceof LocalIoError && /it is no lock of a run/.test(error.message),
    );
  }
  assert.equal(await readFile(victim, 'utf8'), '');
});
