/** A worker thread that is terminated in the middle of a conversion leaves no folder and no threads. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { tempFolder } from '../../support/temp-folder.js';
import { addonThreads, threadsEnd } from '../../support/threads.js';

const STALLED = new URL('../../support/images/stalled-conversion.js', import.meta.url);

/** Starts a worker whose conversion stops in the middle of a layer, and waits until it is there. */
async function stalledWorker(workDir: string): Promise<Worker> {
  const worker = new Worker(STALLED, { workerData: workDir });
  await once(worker, 'message');
  return worker;
}

test('a terminated worker leaves no folder and no threads', async (t) => {
  const folder = join(await tempFolder(t), 'made', 'for it');
  const before = addonThreads().length;
  const worker = await stalledWorker(folder);
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' });
  assert.equal(names.filter((name) => name.endsWith('.blob')).length, 1);
  assert.ok(addonThreads().length > before);
  await worker.terminate();
  assert.deepEqual(readdirSync(dirname(dirname(folder))), []);
  await threadsEnd(before);
});

test('a worker that stops its conversion removes the folder itself', async (t) => {
  const folder = await tempFolder(t);
  const worker = await stalledWorker(folder);
  worker.postMessage('stop');
  await once(worker, 'exit');
  assert.deepEqual(readdirSync(folder), []);
});
