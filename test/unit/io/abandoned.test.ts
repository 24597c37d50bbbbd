import assert from 'node:assert/strict';
import {
  chmod,
  chown,
  link,
  lstat,
  mkdir,
  readdir,
  readFile,
  rename,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { ownerMark } from '../../../src/io/owner.js';
import { openScratch } from '../../../src/io/scratch.js';
import { isRoot } from '../../support/needs.js';
import { place, tempFolder } from '../../support/temp-folder.js';

/** A name as a killed run of this machine leaves it: no process started at tick 1. */
async function forged(rest: string): Promise<string> {
  return `nydusify-${(await ownerMark()).replace(/^\d+-\d+/, '4194303-1')}${rest}`;
}

/** Makes a folder with a file in it. */
async function withFile(folder: string, mode: number): Promise<string> {
  await place(folder, 'precious', 'data');
  await chmod(folder, mode);
  return join(folder, 'precious');
}

async function sharedFolder(t: TestContext, mode: number): Promise<string> {
  const folder = join(await tempFolder(t), 'shared');
  await mkdir(folder);
  await chmod(folder, mode);
  return folder;
}

test('nothing is removed from a folder that others may write to, whatever the names in it say', async (t) => {
  for (const mode of [0o777, 0o1777, 0o775, 0o702]) {
    const folder = await sharedFolder(t, mode);
    const file = await withFile(join(folder, await forged('a')), 0o700);
    await using scratch = await openScratch(folder);
    assert.equal(await readFile(file, 'utf8'), 'data', mode.toString(8));
    assert.ok(scratch.path !== '');
  }
});

test('nothing is removed below a folder that another user could put in place of ours', async (t) => {
  const folder = join(await sharedFolder(t, 0o777), 'mine');
  const file = await withFile(join(folder, await forged('a')), 0o700);
  await using scratch = await openScratch(folder);
  assert.equal(await readFile(file, 'utf8'), 'data');
  assert.ok(scratch.path !== '');
});

test('a link, a folder that others may read, and a file with a second name are no leftovers of ours', async (t) => {
  const folder = await tempFolder(t);
  const elsewhere = await withFile(join(folder, 'elsewhere'), 0o700);
  await symlink(join(folder, 'elsewhere'), join(folder, await forged('link')));
  const open = await withFile(join(folder, await forged('open')), 0o755);
  await link(elsewhere, join(folder, await forged('second')));
  const left = join(folder, await forged('left'));
  const linked = await withFile(left, 0o700);
  await symlink(join(folder, 'elsewhere'), join(left, 'link'));
  const others = join(folder, await forged('others'));
  await withFile(others, 0o700);
  if (isRoot) await chown(others, 1, 1);
  await using scratch = await openScratch(folder);
  assert.equal(await readFile(elsewhere, 'utf8'), 'data');
  assert.equal(await readFile(open, 'utf8'), 'data');
  const names = await readdir(folder);
  assert.ok(names.includes(await forged('link')) && names.includes(await forged('second')));
  await assert.rejects(readFile(linked));
  if (isRoot) assert.ok(names.includes(await forged('others')));
  assert.equal(dirname(scratch.path), folder);
});

test('in a shared folder, leftovers of killed runs lie in a folder of this user, and are removed from there', async (t) => {
  const folder = await sharedFolder(t, 0o1777);
  const home = join(folder, `nydusify-${process.geteuid?.() ?? ''}`);
  {
    await using scratch = await openScratch(folder);
    assert.equal(dirname(scratch.path), home);
    assert.equal((await lstat(home)).mode & 0o777, 0o700);
  }
  assert.deepEqual(await readdir(folder), []);
  const file = await withFile(join(home, await forged('a')), 0o700);
  await chmod(home, 0o700);
  await using scratch = await openScratch(folder);
  await assert.rejects(readFile(file));
  assert.equal(dirname(scratch.path), home);
});

test('a folder of this name that is a link or belongs to others is not used', async (t) => {
  const folder = await sharedFolder(t, 0o1777);
  const victim = await tempFolder(t);
  await symlink(victim, join(folder, `nydusify-${process.geteuid?.() ?? ''}`));
  const file = await withFile(join(victim, await forged('a')), 0o700);
  await using scratch = await openScratch(folder);
  assert.equal(dirname(scratch.path), folder);
  assert.equal(await readFile(file, 'utf8'), 'data');
});

test('a run keeps to its own temporary folder when another is put in its place, and removes nothing of that', async (t) => {
  const folder = await sharedFolder(t, 0o777);
  const scratch = await openScratch(folder);
  const [name] = await readdir(folder);
  const path = join(folder, name ?? '');
  await rename(path, join(folder, 'away'));
  const file = await withFile(path, 0o700);
  await writeFile(scratch.file('blob'), 'ours');
  assert.deepEqual(await readdir(path), ['precious']);
  assert.equal(await readFile(join(folder, 'away', 'blob'), 'utf8'), 'ours');
  await scratch[Symbol.asyncDispose]();
  assert.equal(await readFile(file, 'utf8'), 'data');
  assert.deepEqual(await readdir(join(folder, 'away')), []);
});
