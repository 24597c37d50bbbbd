import assert from 'node:assert/strict';
import { readdirSync, statSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import type { ByteStream } from '../../../src/io/streams.js';
import { writeWhole } from '../../../src/io/whole-file.js';
import { tempFolder } from '../../support/temp-folder.js';

const MIB = 1 << 20;

async function* zeros(mebibytes: number): ByteStream {
  const piece = Buffer.alloc(MIB);
  for (let n = 0; n < mebibytes; n++) yield piece;
}

/** Replaces the call that brings an open file to the disk; returns the sizes that files had when it was called. */
async function watchDisk(t: TestContext, folder: string, sync: () => Promise<void>): Promise<number[]> {
  const probe = await open(join(folder, 'probe'), 'w');
  const handles = Object.getPrototypeOf(probe) as FileHandle;
  await probe.close();
  const sizes: number[] = [];
  t.mock.method(handles, 'datasync', async function (this: FileHandle) {
    sizes.push((await this.stat()).size);
    await sync();
  });
  return sizes;
}

test('a large file is brought to the disk while it is written, and at its end', async (t) => {
  const folder = await tempFolder(t);
  const sizes = await watchDisk(t, folder, () => Promise.resolve());
  const options = { aside: folder, durable: true };
  await writeWhole(join(folder, 'large'), zeros(80), options);
  await writeWhole(join(folder, 'small'), zeros(1), options);
  assert.deepEqual(
    sizes.map((size) => size >> 25),
    [1, 2, 2, 0],
  );
  await writeWhole(join(folder, 'passing'), zeros(80), { ...options, durable: false });
  assert.equal(sizes.length, 4);
  assert.deepEqual(
    ['large', 'small', 'passing'].map((name) => statSync(join(folder, name)).size / MIB),
    [80, 1, 80],
  );
});

test('a disk that fails in the middle of a file fails the file, although it reports that only once', async (t) => {
  const folder = await tempFolder(t);
  let calls = 0;
  await watchDisk(t, folder, () =>
    ++calls === 1 ? Promise.reject(Object.assign(new Error('EIO'), { code: 'EIO' })) : Promise.resolve(),
  );
  const path = join(folder, 'file');
  await assert.rejects(writeWhole(path, zeros(40), { aside: folder, durable: true }), { code: 'EIO' });
  assert.deepEqual(readdirSync(folder), ['probe']);
});
