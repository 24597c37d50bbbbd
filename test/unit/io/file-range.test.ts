import assert from 'node:assert/strict';
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { LocalIoError } from '../../../src/errors.js';
import { openFile, readFileRange, readPiece, readSmallFile } from '../../../src/io/file-range.js';
import { collect } from '../../../src/io/streams.js';
import { noise } from '../../support/images/opaque-image.js';
import { runTool } from '../../support/run-tool.js';
import { tempFolder } from '../../support/temp-folder.js';

test('a range of a file is read in pieces that the reader may keep, and ends where the file ends', async (t) => {
  const path = join(await tempFolder(t), 'file');
  const bytes = Buffer.from(noise(1_300_000, 1));
  await writeFile(path, bytes);
  const pieces: Uint8Array[] = [];
  for await (const piece of readFileRange(path)) pieces.push(piece);
  assert.ok(pieces.length > 1);
  assert.ok(Buffer.concat(pieces).equals(bytes));
  for (const [start, end] of [
    [0, 1],
    [5, 5],
    [700_000, 1_300_000],
    [1_299_999, 2_000_000],
    [2_000_000, 2_000_001],
  ] as const) {
    const read = await collect(readFileRange(path, { start, end }), 2_000_000, 'part');
    assert.ok(read.equals(bytes.subarray(start, end)), `${start}-${end}`);
  }
  await using file = await openFile(path);
  assert.ok((await readPiece(file, { start: 10, end: 600_010 })).equals(bytes.subarray(10, 600_010)));
  assert.equal((await readPiece(file, { start: 1_299_990, end: 1_300_010 })).length, 10);
});

test('a file that cannot be read is a LocalIoError, and the signal ends a read', async (t) => {
  const folder = await tempFolder(t);
  await assert.rejects(collect(readFileRange(join(folder, 'absent')), 10, 'it'), LocalIoError);
  await assert.rejects(collect(readFileRange(folder), 10, 'it'), LocalIoError);
  const path = join(folder, 'file');
  await writeFile(path, 'abc');
  // A caller that asks for thousands of files that are not there is stopped, too.
  for (const file of [path, join(folder, 'absent')]) {
    await assert.rejects(
      collect(readFileRange(file, undefined, AbortSignal.abort()), 10, 'it'),
      (error) => error instanceof Error && error.name === 'AbortError',
    );
  }
});

test('pipes, devices and folders are no files: they are refused at once, where reading them would block or never end', async (t) => {
  const folder = await tempFolder(t);
  await runTool('mkfifo', [join(folder, 'pipe')]);
  await symlink('/dev/zero', join(folder, 'endless'));
  await mkdir(join(folder, 'folder'));
  for (const name of ['pipe', 'endless', 'folder']) {
    await assert.rejects(openFile(join(folder, name)), LocalIoError, name);
    await assert.rejects(readSmallFile(join(folder, name), 100), LocalIoError, name);
  }
});

test('a small file is read up to its limit', async (t) => {
  const path = join(await tempFolder(t), 'file');
  for (const size of [0, 99, 100]) {
    await writeFile(path, noise(size, 1));
    assert.equal((await readSmallFile(path, 100)).length, size);
  }
  await writeFile(path, noise(101, 1));
  await assert.rejects(readSmallFile(path, 100), /it has more than 100 bytes/);
});
