/** Images with a chunk dictionary against the reference builder's, byte for byte. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import type { NativeDictionary } from '../../src/native/addon-types.js';
import { nativeDictionarySteps } from '../../src/native/dictionary.js';
import { openBootstrap } from '../../src/native/judge.js';
import { atOnce } from '../../src/turns.js';
import { PACKING, referenceDigests, referenceLayers } from '../support/images/fixtures.js';
import { packImage, type PackingOptions } from '../support/images/image.js';
import { dir, file, layer } from '../support/images/tar.js';
import { needs } from '../support/needs.js';

const sha256Hex = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

async function dictionaryOf(layers: readonly Buffer[], options: PackingOptions): Promise<NativeDictionary> {
  const { bootstrap } = await packImage(layers, options);
  return atOnce(nativeDictionarySteps(openBootstrap(bootstrap)));
}

for (const option of ['v6-zstd', 'v5-zstd'] as const) {
  test(`with a dictionary blobs and bootstraps are those of the reference builder (${option})`, async (t) => {
    if (!needs(t, 'python3')) return;
    const dictionary = await dictionaryOf(referenceLayers('dedup'), PACKING[option]);
    for (const threads of [1, 8]) {
      const layers = referenceLayers('dedup-next');
      const image = await packImage(layers, { ...PACKING[option], threads, dictionary });
      const expected = referenceDigests()['dedup-next']?.[`${option}-dict`];
      assert.deepEqual(
        { bootstrap: sha256Hex(image.bootstrap), layers: image.layers.map(({ bytes }) => sha256Hex(bytes)) },
        { bootstrap: expected?.bootstrap, layers: expected?.layers },
      );
    }
  });
}

test('an image that is its own dictionary stores no chunk, and lists only blobs that it uses', async () => {
  const layers = ['one', 'two', 'three'].map((text) => layer(dir('./'), file(text, Buffer.from(text))));
  const plain = await packImage(layers);
  const other = await packImage([Buffer.from(layers[0] ?? assert.fail())]);
  const dictionary = await dictionaryOf(layers, {});
  const again = await packImage(layers, { dictionary });
  assert.deepEqual(
    again.layers.map(({ newChunks }) => newChunks),
    layers.map(() => 0),
  );
  const ids = (image: typeof plain): string[] => image.merged.blobs.map(({ record }) => record.id);
  const known = new Set(ids(plain));
  assert.ok(ids(again).length > 0 && ids(again).every((id) => known.has(id)));
  const partly = await packImage(layers.slice(0, 1), { dictionary });
  assert.deepEqual(ids(partly), ids(other));
});
