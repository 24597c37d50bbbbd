/** The progress of a conversion, from its events. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseDigest } from '../../../src/oci/digest.js';
import type { ConvertEvent } from '../../../src/reporter.js';
import { ProgressCount } from '../../../src/service/jobs/progress.js';

const DIGEST = parseDigest(`sha256:${'0'.repeat(64)}`);

function start(...sizes: readonly number[]): ConvertEvent {
  const layers = sizes.map((size) => ({ mediaType: 'application/octet-stream', digest: DIGEST, size }));
  return { type: 'image.start', platform: 'linux/amd64', manifest: DIGEST, layers };
}

function read(layer: number, done: number): ConvertEvent {
  return { type: 'layer.progress', platform: 'linux/amd64', layer, stage: 'pull', done, total: 0 };
}

test('layers are counted as a whole and one by one, and only what changed is reported', () => {
  const count = new ProgressCount();
  assert.equal(count.changed(), undefined);
  count.note(start(100, 50));
  count.note(read(1, 20));
  const platform = 'linux/amd64';
  assert.deepEqual(count.changed(), {
    layers: 2,
    done: 0,
    bytes: 20,
    total: 150,
    each: [
      { platform, size: 100, bytes: 0, outcome: '' },
      { platform, size: 50, bytes: 20, outcome: '' },
    ],
  });
  assert.equal(count.changed(), undefined);
  count.note({ type: 'step', message: 'something else' });
  assert.equal(count.changed(), undefined);
});

test('an image of very many layers is followed as a whole beyond a bound', () => {
  const count = new ProgressCount();
  count.note(start(...Array.from({ length: 2000 }, () => 1)));
  count.note(read(1999, 1));
  const progress = count.changed();
  assert.deepEqual(
    [progress?.layers, progress?.total, progress?.bytes, progress?.each?.length],
    [2000, 2000, 1, 512],
  );
});
