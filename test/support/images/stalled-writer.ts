/**
 * Runs in a worker thread, with a place and a step as its data: writes an image there, and posts a message when it is in the middle of
 * that step, which then never ends.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { withFileLock } from '../../../src/io/file-lock.js';
import { anonymous } from '../../../src/registry/auth/credentials.js';
import { openTarget } from '../../../src/registry/open.js';
import { describe, noise, pushImage, sampleImage } from './opaque-image.js';

export interface StalledStep {
  readonly place: string;
  readonly step: 'push' | 'lock' | 'everything';
}

const { place, step } = workerData as StalledStep; // as the test gives it

function stall(): Promise<never> {
  parentPort?.postMessage('stalled');
  return new Promise(() => setInterval(() => undefined, 1000));
}

if (step === 'lock') {
  await withFileLock(place, stall);
} else if (step === 'push') {
  const target = openTarget(place, { credentials: anonymous });
  const bytes = noise(100_000, 1);
  await target.push(describe('application/octet-stream', bytes), {
    size: bytes.length,
    open: async function* () {
      yield bytes.subarray(0, 50_000);
      await stall();
    },
  });
} else {
  parentPort?.postMessage('stalled');
  for (let seed = 0; ; seed++) {
    await using target = openTarget(place, { credentials: anonymous });
    await pushImage(target, sampleImage([noise(200_000, seed), noise(1_000, seed + 1)]));
  }
}
