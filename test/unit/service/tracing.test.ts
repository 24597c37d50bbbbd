/** Spans where nobody records them, and those of layers that do not end. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ConvertEvent } from '../../../src/reporter.js';
import { LayerSpans } from '../../../src/service/jobs/layer-spans.js';
import { startSpan, traced } from '../../../src/service/tracing.js';

const PARENT = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`;

test('without an SDK the trace of the sender is handed on as it came', async () => {
  assert.equal(startSpan({ name: 'x', parent: PARENT }).trace, PARENT);
  assert.equal(startSpan({ name: 'x', parent: undefined }).trace, undefined);
  assert.equal(startSpan({ name: 'x', parent: 'no trace' }).trace, 'no trace');
  assert.equal(await traced({ name: 'x', parent: PARENT }, ({ trace }) => Promise.resolve(trace)), PARENT);
  await assert.rejects(
    traced({ name: 'x', parent: PARENT }, () => Promise.reject(new Error('as it was'))),
    /^Error: as it was$/,
  );
});

test('events go on to the next reporter, whether their layers end or not', () => {
  const events: ConvertEvent[] = [];
  const progress = {
    type: 'layer.progress',
    platform: 'p',
    layer: 0,
    stage: 'pull',
    done: 1,
    total: 2,
  } as const;
  {
    using spans = new LayerSpans({ emit: (event) => events.push(event) }, PARENT);
    spans.emit(progress);
    spans.emit({ type: 'step', message: 'x' });
  }
  assert.deepEqual(events, [progress, { type: 'step', message: 'x' }]);
});
