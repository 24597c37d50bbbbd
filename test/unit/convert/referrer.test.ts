/** `--with-referrer`: the Nydus manifest names the manifest it was made from. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { JsonObject } from '../../../src/oci/manifest.js';
import { MEDIA } from '../../../src/oci/media-types.js';
import { openSource } from '../../../src/registry/open.js';
import { anonymous } from '../../../src/registry/auth/credentials.js';
import { listReferrers } from '../../../src/registry/stores/store.js';
import { buildImage, buildIndex, type BuiltImage } from '../../support/images/image-builder.js';
import { convert, indexOf } from '../../support/images/folder-conversion.js';
import { dir, file, layer } from '../../support/images/tar.js';

const LAYERS = [layer(dir('etc'), file('etc/motd', 'hello'))];
const image = buildImage({ layers: LAYERS });

/** Some registries refuse a subject that says more, such as a platform. */
function subjectOf({ root }: BuiltImage): JsonObject {
  const { mediaType, digest, size } = root.descriptor;
  return { mediaType, digest, size };
}

test('the subject is the source manifest, by media type, digest and size alone', async (t) => {
  const { root, location } = await convert(t, image, { withReferrer: true });
  assert.deepEqual(root.raw['subject'], subjectOf(image));
  await using made = openSource(location, { credentials: anonymous });
  const { way, referrers } = await listReferrers(made, image.root.descriptor.digest);
  assert.equal(way, 'scan');
  assert.deepEqual(
    referrers.map(({ artifactType }) => artifactType),
    [MEDIA.ociConfig],
  );
  const without = await convert(t, image);
  assert.equal(without.root.subject, undefined);
});

test('in a merged index the subject is the original, whose digest the index no longer lists', async (t) => {
  const converted = await convert(t, image, { withReferrer: true, mergePlatform: true });
  const [oci, nydus] = indexOf(converted).manifests;
  assert.ok(oci !== undefined && nydus !== undefined);
  assert.equal((await converted.manifest(oci)).subject, undefined);
  assert.deepEqual((await converted.manifest(nydus)).raw['subject'], subjectOf(image));
  assert.notEqual(oci.digest, image.root.descriptor.digest);
  const plain = await convert(t, image, { withReferrer: true, mergePlatform: true, mergeIsolation: 'none' });
  assert.equal(indexOf(plain).manifests[0]?.digest, image.root.descriptor.digest);
});

test('every image of an index refers to its own source manifest', async (t) => {
  const arm = buildImage({ layers: LAYERS, platform: { os: 'linux', architecture: 'arm64' } });
  const converted = await convert(t, buildIndex([{ image }, { image: arm }]), { withReferrer: true });
  const subjects = await Promise.all(
    indexOf(converted).manifests.map(async (entry) => (await converted.manifest(entry)).subject?.digest),
  );
  assert.deepEqual(
    subjects,
    [image, arm].map(({ root }) => root.descriptor.digest),
  );
});

test("Docker's manifests have no subject: the Nydus manifest is an OCI one, its subject keeps its type", async (t) => {
  const docker = buildImage({ layers: LAYERS, docker: true });
  const { root } = await convert(t, docker, { withReferrer: true });
  assert.equal(root.mediaType, MEDIA.ociManifest);
  assert.deepEqual(root.raw['subject'], subjectOf(docker));
  assert.equal(subjectOf(docker)['mediaType'], MEDIA.dockerManifest);
});
