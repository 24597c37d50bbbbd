/** A worker thread that is terminated in the middle of its work leaves no files, locks, folders and threads. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { withFileLock } from '../../../src/io/file-lock.js';
import type { StalledStep } from '../../support/images/stalled-writer.js';
import { tempFolder } from '../../support/temp-folder.js';
import { addonThreads, threadsBegin, threadsEnd } from '../../support/threads.js';

const STALLED = new URL('../../support/images/stalled-conversion.js', import.meta.url);
const WRITER = new URL('../../support/images/stalled-writer.js', import.meta.url);

/** Starts a worker whose conversion stops in the middle of a layer, and waits until it is there. */
async function stalledWorker(t: TestContext, workDir: string): Promise<Worker> {
  const worker = new Worker(STALLED, { workerData: workDir });
  // A worker that a failed test leaves behind would keep the process alive.
  t.after(() => worker.terminate());
  await once(worker, 'message');
  return worker;
}

test('a terminated worker leaves no folder and no threads', async (t) => {
  const folder = join(await tempFolder(t), 'made', 'for it');
  const before = addonThreads().length;
  const worker = await stalledWorker(t, folder);
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' });
  assert.equal(names.filter((name) => name.endsWith('.blob')).length, 1);
  await threadsBegin(before);
  await worker.terminate();
  assert.deepEqual(readdirSync(dirname(dirname(folder))), []);
  await threadsEnd(before);
});

test('a worker that stops its conversion removes the folder itself', async (t) => {
  const folder = await tempFolder(t);
  const worker = await stalledWorker(t, folder);
  worker.postMessage('stop');
  await once(worker, 'exit');
  assert.deepEqual(readdirSync(folder), []);
});

/** Names of incomplete files, locks and temporary folders. */
function leftovers(folder: string): readonly string[] {
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' });
  return names.filter((name) => /(^|\/)(\.part-|nydusify-|\.nydusify|lock$)/.test(name));
}

async function writerIn(place: string, step: StalledStep['step']): Promise<Worker> {
  const worker = new Worker(WRITER, { workerData: { place, step } satisfies StalledStep });
  await once(worker, 'message');
  return worker;
}

for (const kind of ['oci', 'oci-archive']) {
  test(`a worker that is terminated while it writes a blob to ${kind} leaves no incomplete file and no folder`, async (t) => {
    const folder = await tempFolder(t);
    const worker = await writerIn(`${kind}:${join(folder, 'target')}:1`, 'push');
    assert.equal(leftovers(folder).some((name) => name.includes('.part-')), true);
    await worker.terminate();
    assert.deepEqual(leftovers(folder), []);
  });

  test(`workers that are terminated at any moment of writing to ${kind} leave nothing incomplete`, async (t) => {
    const folder = await tempFolder(t);
    for (let round = 0; round < 12; round++) {
      const worker = await writerIn(`${kind}:${join(folder, 'target')}:1`, 'everything');
      await delay(1 + round * 4);
      await worker.terminate();
      assert.deepEqual(leftovers(folder), []);
    }
  });
}

test('the lock of a terminated worker is gone with it, and that of another thread stays', async (t) => {
  const folder = await tempFolder(t);
  const path = join(folder, 'lock');
  const worker = await writerIn(path, 'lock');
  assert.deepEqual(leftovers(folder), ['lock']);
  const waiting = new Worker(WRITER, { workerData: { place: path, step: 'lock' } satisfies StalledStep });
  await delay(100);
  await waiting.terminate();
  assert.deepEqual(leftovers(folder), ['lock']);
  await worker.terminate();
  assert.deepEqual(leftovers(folder), []);
  assert.equal(await withFileLock(path, async () => 'done'), 'done');
});
