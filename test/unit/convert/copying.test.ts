/** Source layers that the conversion holds while the target is slower than it. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { test } from 'node:test';
import { convertImage } from '../../../src/convert/convert.js';
import { counted } from '../../../src/io/streams.js';
import { DEFAULT_TEE_BUFFER } from '../../../src/io/tee.js';
import { anonymous } from '../../../src/registry/auth/credentials.js';
import { openSource, openTarget } from '../../../src/registry/open.js';
import type { ImageSource, ImageTarget } from '../../../src/registry/stores/store.js';
import { buildImage } from '../../support/images/image-builder.js';
import { store } from '../../support/images/folder-conversion.js';
import { noise } from '../../support/images/opaque-image.js';
import { file, layer } from '../../support/images/tar.js';
import { tempFolder } from '../../support/temp-folder.js';

const LAYERS = 12;
const LAYER_BYTES = 2_000_000;

test('a target that takes nothing holds the conversion back, over all layers together', async (t) => {
  const layers = Array.from({ length: LAYERS }, (_, i) => layer(file(`f${i}`, noise(LAYER_BYTES, i))));
  const stored = await store(t, buildImage({ layers }));
  const folder = await tempFolder(t);
  await using source = openSource(stored, { credentials: anonymous });
  await using target = openTarget(`oci:${join(folder, 'to')}:v`, { credentials: anonymous });
  let taken = 0;
  const watched: ImageSource = {
    place: source.place,
    location: source.location,
    resolve: (call) => source.resolve(call),
    exists: (descriptor, call) => source.exists(descriptor, call),
    fetch: (descriptor, options) => {
      let before = 0;
      return counted(source.fetch(descriptor, options), (total) => {
        taken += total - before;
        before = total;
      });
    },
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
  let open = (): void => undefined;
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  const shut: ImageTarget = {
    place: target.place,
    location: target.location,
    resolve: (call) => target.resolve(call),
    exists: (descriptor, call) => target.exists(descriptor, call),
    fetch: (descriptor, options) => target.fetch(descriptor, options),
    push: async (descriptor, content, call) => {
      await opened;
      return target.push(descriptor, content, call);
    },
    tag: (descriptor, bytes, call) => target.tag(descriptor, bytes, call),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
  const running = convertImage(
    { source: watched, target: shut },
    { mergePlatform: true, concurrency: 1, workDir: folder },
  );
  let before = -1;
  while (before !== taken) {
    before = taken;
    await sleep(500);
  }
  // Four layers and a part of the next, up to the piece at which it stands still.
  assert.ok(taken > 4 * LAYER_BYTES, `${taken} bytes were taken`);
  assert.ok(taken < DEFAULT_TEE_BUFFER + 1_100_000, `${taken} bytes were taken`);
  open();
  const { images } = await running;
  assert.equal(images[0]?.layers.length, LAYERS);
  assert.ok(taken > LAYERS * LAYER_BYTES);
});
