import assert from 'node:assert/strict';
import { test } from 'node:test';
import { summarizeReference } from '../../../src/look/summary.js';
import { MEDIA } from '../../../src/oci/media-types.js';
import { OCI, putImage } from '../../support/images/memory-conversion.js';
import { file, layer } from '../../support/images/tar.js';
import { MemoryStore } from '../../support/registries/memory-store.js';

test('an index is summarized as far as the store holds it', async () => {
  const store = new MemoryStore('oci-archive:/saved.tar:1');
  const tars = [layer(file('a', 'text'))];
  const manifests = ['amd64', 'arm64'].map((architecture) => ({
    ...putImage(store, tars, { family: OCI, architecture }),
    platform: { os: 'linux', architecture },
  }));
  const [, arm] = manifests;
  if (arm !== undefined) store.content.delete(arm.digest);
  store.root = store.putJson(MEDIA.ociIndex, { schemaVersion: 2, mediaType: MEDIA.ociIndex, manifests });
  const { images, unread } = await summarizeReference(store);
  assert.deepEqual(
    images.map(({ platform }) => platform),
    ['linux/amd64'],
  );
  assert.deepEqual(
    unread.map(({ platform, digest }) => [platform, digest]),
    [['linux/arm64', arm?.digest]],
  );
  // A reference to one image has no other part, so its failure is the answer.
  store.root = arm;
  await assert.rejects(summarizeReference(store), /is not there/);
});
