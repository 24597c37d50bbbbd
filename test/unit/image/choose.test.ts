import assert from 'node:assert/strict';
import { test } from 'node:test';
import { UsageError } from '../../../src/errors.js';
import { chooseImage, type ImageChoice } from '../../../src/image/choose.js';
import { readReference } from '../../../src/image/reference-tree.js';
import type { ByteStream } from '../../../src/io/streams.js';
import type { Descriptor } from '../../../src/oci/descriptor.js';
import { MEDIA } from '../../../src/oci/media-types.js';
import { parsePlatform } from '../../../src/oci/platform.js';
import { MemoryStore, putMerged, putSource } from '../../support/registries/memory-store.js';

class CountingStore extends MemoryStore {
  readonly fetched: string[] = [];

  override fetch(descriptor: Descriptor): ByteStream {
    this.fetched.push(descriptor.mediaType);
    return super.fetch(descriptor);
  }
}

function merged(): CountingStore {
  const store = new CountingStore();
  putMerged(store);
  return store;
}

async function kindChosen(store: MemoryStore, choice: ImageChoice): Promise<string> {
  return (await chooseImage(await readReference(store, {}), choice, {})).kind;
}

test('of a merged index the Nydus half is taken, and only its manifest is fetched', async () => {
  const store = merged();
  assert.equal(await kindChosen(store, { platform: parsePlatform('linux/amd64') }), 'nydus');
  assert.deepEqual(store.fetched, [MEDIA.ociIndex, MEDIA.ociManifest]);
  assert.equal(await kindChosen(merged(), { half: 'oci' }), 'oci');
});

test('a platform that is not there is refused with those that are', async () => {
  await assert.rejects(kindChosen(merged(), { platform: parsePlatform('linux/arm64') }), {
    remedy: { kind: 'choose-platform', available: ['linux/amd64'] },
  });
});

test('a single image is held against the platform of its config', async () => {
  const store = new MemoryStore();
  store.root = putSource(store);
  assert.equal(await kindChosen(store, { platform: parsePlatform('linux/amd64') }), 'oci');
  await assert.rejects(kindChosen(store, { platform: parsePlatform('linux/arm64') }), {
    hint: 'this one is for linux/amd64',
  });
  await assert.rejects(kindChosen(store, { half: 'nydus' }), UsageError);
});

test('several platforms need a choice, and a preference is one', async () => {
  const store = new MemoryStore();
  const entry = (architecture: string): object => ({
    ...putSource(store, [Buffer.from(architecture)]),
    platform: { os: 'linux', architecture },
  });
  const manifests = [entry('amd64'), entry('arm64')];
  store.root = store.putJson(MEDIA.ociIndex, { schemaVersion: 2, mediaType: MEDIA.ociIndex, manifests });
  await assert.rejects(kindChosen(store, {}), /images of several platforms/);
  assert.equal(await kindChosen(store, { preferred: parsePlatform('linux/arm64') }), 'oci');
});
