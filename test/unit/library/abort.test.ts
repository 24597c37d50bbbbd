/** A run that the caller's signal stops rejects with the signal's reason, whatever was the first to notice it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  parseLocation,
  checkImage,
  convertImage,
  openFilesystem,
  planConversion,
  type ImageSource,
} from '../../../src/index.js';
import { MemoryStore, putMerged } from '../../support/registries/memory-store.js';

/** A store whose content comes a little at a time, until the signal fires. */
function slow(store: MemoryStore, stop: AbortController, after: number): ImageSource {
  let calls = 0;
  return {
    location: 'oci:/slow:a',
    place: parseLocation('oci:/slow:a'),
    resolve: () => store.resolve(),
    exists: (descriptor) => store.exists(descriptor),
    fetch: async function* (descriptor, options) {
      if (++calls > after) {
        stop.abort({ why: 'enough' });
        await sleep(1);
        options?.signal?.throwIfAborted();
      }
      yield* store.fetch(descriptor, options);
    },
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

const VERBS = {
  check: (source: ImageSource, signal: AbortSignal) => checkImage({ target: source }, {}, { signal }),
  plan: (source: ImageSource, signal: AbortSignal) =>
    planConversion({ source, target: parseLocation('oci:/nowhere:a') }, {}, { signal }),
  look: (source: ImageSource, signal: AbortSignal) => openFilesystem(source, {}, { signal }),
} as const;

for (const [name, verb] of Object.entries(VERBS)) {
  test(`${name} rejects with the reason of the signal, which need not be an Error`, async () => {
    const stop = new AbortController();
    const source = slow(putMerged(new MemoryStore()), stop, 0);
    await assert.rejects(verb(source, stop.signal), (error) => error === stop.signal.reason);
    assert.deepEqual(stop.signal.reason, { why: 'enough' });
  });
}

test('a signal that has fired before stops everything before it begins', async () => {
  const reason = new Error('not today');
  const signal = AbortSignal.abort(reason);
  const source = slow(putMerged(new MemoryStore()), new AbortController(), Infinity);
  for (const verb of Object.values(VERBS))
    await assert.rejects(verb(source, signal), (error) => error === reason);
  const target = { ...source, push: () => assert.fail('pushed'), tag: () => assert.fail('tagged') } as never;
  await assert.rejects(convertImage({ source, target }, {}, { signal }), (error) => error === reason);
});
