/** The total of a run: it never falls, knows all platforms, and guesses the rest of the time from the last seconds. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fc } from '../../../support/properties.js';
import { RunState } from '../../../../src/cli/text/run-state.js';
import { sha256 } from '../../../../src/oci/digest.js';
import type { ConvertEvent, Stage } from '../../../../src/reporter.js';

const SIZES = [1000, 3000];
const stats = {
  sourceBytes: 0,
  tarBytes: 0,
  blobBytes: 0,
  entries: 0,
  chunks: 0,
  newChunks: 0,
  duplicateBytes: 0,
};

function start(number: number, of: number): ConvertEvent {
  const layers = SIZES.map((size, i) => ({ mediaType: 'x', digest: sha256(`${number} ${i}`), size }));
  const platform = `linux/p${number}`;
  return { type: 'image.start', platform, manifest: sha256('m'), layers, number, of, bytesOfAll: 4000 * of };
}

function at(layer: number, stage: Stage, done: number, total = SIZES[layer] ?? 0): ConvertEvent {
  return { type: 'layer.progress', platform: 'x', layer, stage, done, total };
}

const done = (layer: number): ConvertEvent => ({
  type: 'layer.done',
  platform: 'x',
  layer,
  stats,
  outcome: 'pushed',
});

const event = fc.oneof(
  fc
    .record({
      layer: fc.constantFrom(0, 1),
      stage: fc.constantFrom<Stage>('pull', 'pack', 'push', 'copy'),
      done: fc.integer({ min: 0, max: 4000 }),
      total: fc.integer({ min: 0, max: 4000 }),
    })
    .map(({ layer, stage, done: bytes, total }) => at(layer, stage, Math.min(bytes, total), total)),
  fc.constantFrom(done(0), done(1)),
);

test('the total never falls and never passes the whole, whatever is tried again or turns out larger', () => {
  fc.assert(
    fc.property(fc.array(event, { maxLength: 60 }), (events) => {
      const run = new RunState(0);
      run.add(start(1, 1), 0);
      let before = 0;
      for (const each of events) {
        run.add(each, 0);
        assert.ok(run.share >= before && run.share <= 1 + 1e-9, `${before} ${run.share}`);
        before = run.share;
      }
    }),
  );
});

test('a layer is whole when it is done, not when its last byte is sent', () => {
  const run = new RunState(0);
  run.add(start(1, 1), 0);
  for (const [layer, size] of SIZES.entries())
    for (const stage of ['pull', 'pack', 'push'] as const) run.add(at(layer, stage, size), 0);
  assert.equal(run.parts(0)[0], '99 %');
  run.add(done(0), 0);
  run.add(done(1), 0);
  assert.equal(run.parts(0)[0], '100 %');
});

test('a layer that the target gets, too, is done when its copy is', () => {
  const run = new RunState(0);
  run.add(start(1, 1), 0);
  run.add(at(0, 'copy', 0), 0);
  for (const layer of [0, 1]) run.add(done(layer), 0);
  assert.deepEqual(run.parts(0).slice(0, 1), ['93 %']);
  assert.ok(run.parts(0).includes('1 of 2 layers done'));
  assert.match(run.line(0), /, copied 0 B, /);
  run.add(at(0, 'copy', 999, 1000), 0);
  assert.equal(run.parts(0)[0], '99 %');
  run.add(at(0, 'copy', 1000), 0);
  assert.ok(run.parts(0).includes('2 of 2 layers done'));
  assert.equal(run.parts(0)[0], '100 %');
});

test('a blob that has only begun to grow counts little, however much of it is pushed', () => {
  const run = new RunState(0);
  run.add(start(1, 1), 0);
  run.add(at(1, 'pack', 30), 0);
  run.add(at(1, 'push', 30, 30), 0);
  assert.equal(run.parts(0)[0], '0 %');
});

test('with two platforms the first is half of the run, and is handed over when the second begins', () => {
  const run = new RunState(0);
  assert.equal(run.add(start(1, 2), 0), undefined);
  run.add(done(0), 0);
  run.add(done(1), 0);
  assert.equal(run.parts(0)[0], '50 %');
  assert.equal(run.add(start(2, 2), 0)?.platform, 'linux/p1');
  assert.deepEqual(run.parts(0), [
    '50 %',
    'pulled 4.00 kB of 8.00 kB',
    'linux/p2 (2 of 2)',
    '0 of 2 layers done',
  ]);
});

test('rate and time left come from the last seconds of work', () => {
  const run = new RunState(0);
  run.add(start(1, 1), 0);
  for (let second = 0; second <= 3; second++) {
    for (const stage of ['pull', 'pack', 'push'] as const) run.add(at(1, stage, second * 300), second * 1000);
    run.parts(second * 1000);
  }
  // 300 of 4000 bytes a second, and 900 are done.
  assert.deepEqual(run.parts(3000).slice(0, 4), ['22 %', 'pulled 900 B of 4.00 kB', '300 B/s', '10 s left']);
});
