import assert from 'node:assert/strict';
import { closeSync, writeFileSync } from 'node:fs';
import { chmod, chown, link, lstat, mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { keepIn } from '../../../src/cli/kept-files.js';
import { openOutput, tryOutput } from '../../../src/cli/output-file.js';
import { writeWholeReportFile } from '../../../src/cli/report-file.js';
import { LocalIoError } from '../../../src/errors.js';
import { needs } from '../../support/needs.js';
import { runTool } from '../../support/run-tool.js';
import { tempFolder } from '../../support/temp-folder.js';

/** A folder that all may write to, and a file outside it that nobody else may. */
async function sharedFolder(t: TestContext): Promise<{ readonly shared: string; readonly victim: string }> {
  const folder = await tempFolder(t);
  const shared = join(folder, 'shared');
  await mkdir(shared);
  await chmod(shared, 0o1777);
  const victim = join(folder, 'victim');
  await writeFile(victim, 'precious');
  return { shared, victim };
}

function write(path: string, content: string, at: 'start' | 'end' = 'start'): void {
  const file = openOutput(path, at);
  writeFileSync(file, content);
  closeSync(file);
}

test('a report or log in a shared folder goes to no link, pipe or second name that was planted there', async (t) => {
  const { shared, victim } = await sharedFolder(t);
  await symlink(victim, join(shared, 'link'));
  await symlink('/dev/zero', join(shared, 'device'));
  await link(victim, join(shared, 'second'));
  await runTool('mkfifo', [join(shared, 'pipe')]);
  for (const name of ['link', 'device', 'second', 'pipe']) {
    for (const at of ['start', 'end'] as const)
      assert.throws(() => openOutput(join(shared, name), at), Error, name);
    assert.throws(
      () => {
        tryOutput(join(shared, name));
      },
      Error,
      name,
    );
  }
  assert.equal(await readFile(victim, 'utf8'), 'precious');
});

test('a file that appears whole replaces nothing that was planted, and keeps its permissions and its link', async (t) => {
  const { shared, victim } = await sharedFolder(t);
  await symlink(victim, join(shared, 'link'));
  await link(victim, join(shared, 'second'));
  for (const name of ['link', 'second'])
    await assert.rejects(
      writeWholeReportFile(join(shared, name), 'digest', '--digest-file'),
      LocalIoError,
      name,
    );
  assert.equal(await readFile(victim, 'utf8'), 'precious');
  const own = join(shared, '..', 'own');
  const behind = join(shared, '..', 'behind');
  await writeFile(own, 'old', { mode: 0o600 });
  await symlink(own, behind);
  await writeWholeReportFile(behind, 'digest', '--digest-file');
  assert.equal(await readFile(own, 'utf8'), 'digest');
  assert.equal((await lstat(own)).mode & 0o777, 0o600);
  assert.ok((await lstat(behind)).isSymbolicLink());
  const pipe = join(shared, '..', 'pipe');
  await runTool('mkfifo', [pipe]);
  await assert.rejects(writeWholeReportFile(pipe, 'digest', '--digest-file'), LocalIoError); // nobody reads
  assert.ok((await lstat(pipe)).isFIFO());
});

test('in a shared folder, a file of this user is written anew or appended to', async (t) => {
  const { shared } = await sharedFolder(t);
  const path = join(shared, 'report');
  write(path, 'a longer text');
  tryOutput(path);
  write(path, 'short');
  write(path, ', and more', 'end');
  assert.equal(await readFile(path, 'utf8'), 'short, and more');
});

test('files of other users, and their links on the way, are refused', async (t) => {
  if (!needs(t, 'root')) return;
  const { shared, victim } = await sharedFolder(t);
  const path = join(shared, 'theirs');
  await writeFile(path, 'theirs');
  await chown(path, 1, 1);
  assert.throws(() => openOutput(path, 'start'), /no file of your own/);
  assert.equal(await readFile(path, 'utf8'), 'theirs');
  const folder = join(shared, 'folder');
  await symlink(join(victim, '..'), folder);
  await runTool('chown', ['-h', '1:1', folder]);
  assert.throws(() => openOutput(join(folder, 'victim'), 'start'), /another user/);
  await assert.rejects(keepIn(folder)('victim', Buffer.from('x')), /another user/);
  assert.equal(await readFile(victim, 'utf8'), 'precious');
});

test('in a folder of its own, a user may arrange links and pipes as he likes', async (t) => {
  const { shared, victim } = await sharedFolder(t);
  const path = join(shared, '..', 'link');
  await symlink(victim, path);
  write(path, 'new');
  assert.equal(await readFile(victim, 'utf8'), 'new');
  write('/dev/null', 'new');
  await runTool('mkfifo', [join(shared, '..', 'pipe')]);
  // Without a reader, opening it would hold the run for good.
  assert.throws(() => openOutput(join(shared, '..', 'pipe'), 'end'), { code: 'ENXIO' });
});

test('files that check keeps replace files alone: links and pipes in their place, or on the way, are refused', async (t) => {
  const { shared, victim } = await sharedFolder(t);
  const keep = keepIn(shared);
  const bytes = Buffer.from('content');
  const folder = join(shared, '..', 'elsewhere');
  await mkdir(folder);
  await symlink(victim, join(shared, 'link'));
  await symlink(folder, join(shared, 'nydus_bootstrap'));
  await runTool('mkfifo', [join(shared, 'pipe')]);
  for (const path of ['link', 'pipe', 'nydus_bootstrap/image/image.boot'])
    await assert.rejects(keep(path, bytes), LocalIoError, path);
  await link(victim, join(shared, 'second'));
  await keep('second', bytes);
  await keep('a/b/c', bytes);
  await keep('a/b/c', bytes);
  assert.equal(await readFile(victim, 'utf8'), 'precious');
  assert.deepEqual(await readdir(folder), []);
  assert.equal(await readFile(join(shared, 'a', 'b', 'c'), 'utf8'), 'content');
  assert.deepEqual(await readdir(join(shared, 'a', 'b')), ['c']);
  assert.ok((await lstat(join(shared, 'second'))).isFile());
});
