import assert from 'node:assert/strict';
import { chmod, link, lstat, mkdir, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { LocalIoError } from '../../../src/errors.js';
import { changeSettings } from '../../../src/io/changed-settings.js';
import { runTool } from '../../support/run-tool.js';
import { tempFolder } from '../../support/temp-folder.js';

const append =
  (text: string) =>
  (bytes: Uint8Array | undefined): Uint8Array =>
    Buffer.concat([bytes ?? Buffer.alloc(0), Buffer.from(text)]);

test('a file of secrets is made and replaced for its owner alone, whole, and leaves nothing beside it', async (t) => {
  const folder = join(await tempFolder(t), 'new', 'docker');
  const path = join(folder, 'config.json');
  await changeSettings(path, append('a'));
  assert.equal((await stat(folder)).mode & 0o777, 0o700);
  await chmod(path, 0o644);
  await changeSettings(path, append('b'));
  assert.equal(await readFile(path, 'utf8'), 'ab');
  assert.equal((await stat(path)).mode & 0o777, 0o600);
  await changeSettings(path, () => undefined);
  await assert.rejects(
    changeSettings(path, () => {
      throw new Error('no');
    }),
  );
  assert.equal(await readFile(path, 'utf8'), 'ab');
  assert.deepEqual(await readdir(folder), ['config.json']);
});

test('changes at once lose none of each other', async (t) => {
  const path = join(await tempFolder(t), 'config.json');
  await Promise.all(['a', 'b', 'c', 'd'].map((letter) => changeSettings(path, append(letter))));
  assert.deepEqual(Array.from(await readFile(path, 'utf8')).sort(), ['a', 'b', 'c', 'd']);
});

test('in a folder of its own a user may arrange links as he likes: the file behind them is changed', async (t) => {
  const folder = await tempFolder(t);
  await mkdir(join(folder, 'kept'));
  await symlink('kept/real.json', join(folder, 'middle'));
  await symlink(join(folder, 'middle'), join(folder, 'config.json'));
  await changeSettings(join(folder, 'config.json'), append('a'));
  await changeSettings(join(folder, 'config.json'), append('b'));
  assert.ok((await lstat(join(folder, 'config.json'))).isSymbolicLink());
  assert.equal(await readFile(join(folder, 'kept', 'real.json'), 'utf8'), 'ab');
});

test('a login in a shared folder goes through no link or second name, and into no pipe', async (t) => {
  const folder = await tempFolder(t);
  const shared = join(folder, 'shared');
  await mkdir(shared);
  await chmod(shared, 0o1777);
  const precious = join(folder, 'precious');
  await writeFile(precious, 'as it was');
  await symlink(precious, join(shared, 'link'));
  await link(precious, join(shared, 'second'));
  await runTool('mkfifo', [join(shared, 'pipe'), join(folder, 'pipe')]);
  await mkdir(join(folder, 'own-folder'));
  for (const path of ['shared/link', 'shared/second', 'shared/pipe', 'pipe', 'own-folder'])
    await assert.rejects(changeSettings(join(folder, path), append('secret')), LocalIoError, path);
  assert.equal(await readFile(precious, 'utf8'), 'as it was');
  await changeSettings(join(shared, 'mine'), append('a'));
  await changeSettings(join(shared, 'mine'), append('b'));
  assert.equal(await readFile(join(shared, 'mine'), 'utf8'), 'ab');
});
