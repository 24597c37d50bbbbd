/** Merged indexes: what is in them, in what order, and that converting them again changes nothing. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EMPTY_LAYER_DIGEST } from '../../../src/oci/nydus.js';
import { UnsupportedError } from '../../../src/errors.js';
import { sha256 } from '../../../src/oci/digest.js';
import { ANNOTATION, MEDIA, NYDUS_OS_FEATURE } from '../../../src/oci/media-types.js';
import { parsePlatforms } from '../../../src/oci/platform.js';
import { formatLocation, type Location, parseLocation } from '../../../src/registry/location.js';
import type { ImageSource } from '../../../src/registry/stores/store.js';
import { anonymous } from '../../../src/registry/auth/credentials.js';
import { openSource } from '../../../src/registry/open.js';
import {
  buildAttestation,
  buildImage,
  buildIndex,
  type BuiltImage,
  type IndexEntry,
  jsonPart,
  part,
} from '../../support/images/image-builder.js';
import { convert, convertFrom, indexOf, store } from '../../support/images/folder-conversion.js';
import { file, layer } from '../../support/images/tar.js';

const LAYERS = [layer(file('a', 'a'.repeat(5000))), layer(file('b', 'b'.repeat(7000)))];
const MERGE = { mergePlatform: true } as const;
const image = buildImage({ layers: LAYERS });
const arm = buildImage({
  layers: [layer(file('c', 'arm'))],
  platform: { architecture: 'arm64', os: 'linux', variant: 'v8' },
});
const amdEntry: IndexEntry = {
  image,
  fields: { platform: { architecture: 'amd64', os: 'linux' }, 'x-big': 1 },
};
const armEntry: IndexEntry = {
  image: arm,
  fields: { platform: { architecture: 'arm64', os: 'linux', variant: 'v8' }, annotations: { note: 'x' } },
};

test('OCI images come first, then Nydus images, then the rest; each has a platform and a media type', async (t) => {
  const source = buildIndex([buildAttestation(image), amdEntry, armEntry], {
    annotations: { index: 'kept' },
    'x-extra': [1],
  });
  const converted = await convert(t, source, MERGE);
  const index = indexOf(converted);
  assert.equal(index.raw['mediaType'], MEDIA.ociIndex);
  assert.deepEqual(index.annotations, { index: 'kept' });
  assert.deepEqual(index.raw['x-extra'], [1]);
  assert.deepEqual(
    index.manifests.map(({ platform, artifactType }) => [
      platform?.architecture,
      platform?.variant,
      platform?.osFeatures,
      artifactType,
    ]),
    [
      ['amd64', undefined, undefined, undefined],
      ['arm64', 'v8', undefined, undefined],
      ['amd64', undefined, [NYDUS_OS_FEATURE], MEDIA.nydusArtifact],
      ['arm64', 'v8', [NYDUS_OS_FEATURE], MEDIA.nydusArtifact],
      ['unknown', undefined, undefined, undefined],
    ],
  );
  assert.deepEqual(index.manifests[1]?.annotations, {
    note: 'x',
    [ANNOTATION.nydusSourceDigest]: arm.root.descriptor.digest,
  });
  assert.equal(index.manifests[0]?.raw['x-big'], 1);
  assert.ok(
    converted.events.some((event) => event.type === 'warning' && event.code === 'ATTESTATION_SUBJECT'),
  );
  for (const [i, entry] of index.manifests.entries()) {
    const manifest = await converted.manifest(entry);
    for (const layerOf of manifest.layers) await converted.read(layerOf);
    await converted.read(manifest.config);
    if (i < 2) assert.equal(manifest.layers[0]?.digest, EMPTY_LAYER_DIGEST);
  }
});

test('the Nydus half of a merged index, and no other Nydus image, has a config type of its own', async (t) => {
  const merged = await convert(t, image, MERGE);
  const [, nydus] = indexOf(merged).manifests;
  assert.ok(nydus !== undefined);
  assert.equal((await merged.manifest(nydus)).config.mediaType, MEDIA.nydusConfig);
});

test('layers, diffIDs and history agree in both halves', async (t) => {
  const merged = await convert(t, image, MERGE);
  for (const entry of indexOf(merged).manifests) {
    const manifest = await merged.manifest(entry);
    const config = await merged.config(manifest);
    assert.equal(config.rootfs.diff_ids.length, manifest.layers.length);
    assert.equal(
      config.history.filter(({ empty_layer: empty }) => empty !== true).length,
      manifest.layers.length,
    );
  }
});

test('a single Docker image gets its platform from its config, and keeps Docker types in an OCI index', async (t) => {
  const docker = buildImage({
    layers: LAYERS,
    docker: true,
    platform: { architecture: 'arm', os: 'linux', variant: 'v7' },
  });
  const index = indexOf(await convert(t, docker, MERGE));
  assert.equal(index.mediaType, MEDIA.ociIndex);
  for (const { platform, mediaType } of index.manifests) {
    assert.deepEqual([platform?.os, platform?.architecture, platform?.variant], ['linux', 'arm', 'v7']);
    assert.equal(mediaType, MEDIA.dockerManifest);
  }
});

test('a Docker list becomes an OCI index whose source images stay as they are', async (t) => {
  const docker = buildImage({ layers: LAYERS, docker: true });
  const list = buildIndex(
    [{ image: docker, fields: { platform: { architecture: 'amd64', os: 'linux' } } }],
    {},
    true,
  );
  const types = async (oci: boolean): Promise<readonly string[]> => {
    const index = indexOf(await convert(t, list, { ...MERGE, oci }));
    return [index.mediaType, ...index.manifests.map(({ mediaType }) => mediaType)];
  };
  assert.deepEqual(await types(false), [MEDIA.ociIndex, MEDIA.dockerManifest, MEDIA.dockerManifest]);
  assert.deepEqual(await types(true), [MEDIA.ociIndex, MEDIA.dockerManifest, MEDIA.ociManifest]);
});

test('a manifest without mediaType is converted, and every descriptor has one', async (t) => {
  const umoci = buildImage({ layers: LAYERS, manifest: { mediaType: undefined } });
  const converted = await convert(t, umoci, MERGE);
  const index = indexOf(converted);
  for (const entry of index.manifests) {
    assert.equal(entry.raw['mediaType'], MEDIA.ociManifest);
    for (const { raw } of (await converted.manifest(entry)).layers)
      assert.ok(typeof raw['mediaType'] === 'string' && raw['mediaType'] !== '');
  }
  const again = await convertFrom(t, converted.location, MERGE);
  assert.equal(again.result.root.digest, converted.result.root.digest);
});

test('the OCI half keeps every byte of the config around the new diffID', async (t) => {
  const odd = buildImage({
    layers: LAYERS,
    rewriteConfig: (text) =>
      text.replace('{', '{"big":12345678901234567890,"one":1.0,"Healthcheck":{"Test":["x"]},'),
  });
  const merged = await convert(t, odd, MERGE);
  for (const entry of indexOf(merged).manifests) {
    const { config } = await merged.manifest(entry);
    const text = (await merged.read(config)).toString('utf8');
    assert.ok(text.startsWith('{"big":12345678901234567890,"one":1.0,"Healthcheck":{"Test":["x"]},'));
  }
});

test('a merged index states its own media type', async (t) => {
  assert.match(
    (await convert(t, image, MERGE)).bytes.toString('utf8'),
    /"mediaType": "application\/vnd\.oci\.image\.index\.v1\+json"/,
  );
});

test('marks are as asked for', async (t) => {
  const from = await store(t, image);
  const marks = async (indexMarks: 'both' | 'artifact-type' | 'os-features' | 'dual'): Promise<unknown> =>
    indexOf(await convertFrom(t, from, { ...MERGE, indexMarks }))
      .manifests.slice(1)
      .map(({ artifactType, platform }) => [artifactType !== undefined, platform?.osFeatures !== undefined]);
  assert.deepEqual(await marks('both'), [[true, true]]);
  assert.deepEqual(await marks('artifact-type'), [[true, false]]);
  assert.deepEqual(await marks('os-features'), [[false, true]]);
  assert.deepEqual(await marks('dual'), [
    [true, false],
    [true, true],
  ]);
});

test('without isolation the source manifest keeps its bytes, and a warning names the risk', async (t) => {
  const converted = await convert(t, buildIndex([amdEntry, buildAttestation(image)]), {
    ...MERGE,
    mergeIsolation: 'none',
  });
  const [oci] = indexOf(converted).manifests;
  assert.equal(oci?.digest, image.root.descriptor.digest);
  assert.deepEqual(await converted.read(oci), Buffer.from(image.root.bytes));
  const warnings = converted.events.flatMap((event) => (event.type === 'warning' ? [event.code] : []));
  assert.deepEqual(warnings, ['NOT_ISOLATED']);
});

const SOURCES: Readonly<Record<string, BuiltImage>> = {
  'an image': image,
  'an indented image': buildImage({ layers: LAYERS, indent: 3, manifest: { annotations: {} } }),
  'a Docker image': buildImage({ layers: LAYERS, docker: true }),
  'an index with attestations': buildIndex([amdEntry, armEntry, buildAttestation(image)], {
    annotations: { a: 'b' },
  }),
  'an index without platforms': buildIndex([{ image }, { image: arm }]),
  'a Docker list': buildIndex(
    [
      {
        image: buildImage({ layers: LAYERS, docker: true }),
        fields: { platform: { os: 'linux', architecture: 'amd64' } },
      },
    ],
    {},
    true,
  ),
  'an image without history': buildImage({ layers: LAYERS, config: { history: undefined } }),
};

for (const [what, source] of Object.entries(SOURCES)) {
  test(`${what} gives the same index when it is converted again, and when it is converted in place`, async (t) => {
    for (const options of [
      MERGE,
      { ...MERGE, indexMarks: 'dual' as const },
      { ...MERGE, mergeIsolation: 'none' as const },
    ]) {
      const first = await convert(t, source, options);
      // From the result, whose own name is another one: the noted source stays.
      const second = await convertFrom(t, first.location, {
        ...options,
        sourceLocation: parseLocation('elsewhere/app:2'),
      });
      assert.equal(second.bytes.toString('utf8'), first.bytes.toString('utf8'));
      const inPlace = await convertFrom(
        t,
        first.location,
        { ...options, sourceLocation: parseLocation('x/y:3') },
        first.location,
      );
      assert.equal(inPlace.result.root.digest, first.result.root.digest);
    }
  });
}

test('the isolation of a converted index can be changed by converting it again', async (t) => {
  const source = await store(t, image);
  const none = await convertFrom(t, source, { ...MERGE, mergeIsolation: 'none' });
  const isolated = await convertFrom(t, source, MERGE);
  assert.equal((await convertFrom(t, none.location, MERGE)).result.root.digest, isolated.result.root.digest);
  const back = await convertFrom(t, isolated.location, { ...MERGE, mergeIsolation: 'none' });
  assert.equal(back.result.root.digest, none.result.root.digest);
});

test('a merged index converted without merging gives the plain Nydus image of the original', async (t) => {
  const source = await store(t, image);
  const merged = await convertFrom(t, source, MERGE);
  const plain = await convertFrom(t, source);
  assert.equal((await convertFrom(t, merged.location)).result.root.digest, plain.result.root.digest);
});

test('entries that are no images pass through unchanged with all that they name', async (t) => {
  const blob = part('application/octet-stream', Buffer.from('soci'));
  const config = part(MEDIA.ociEmpty, Buffer.from('{}'));
  const soci = jsonPart(MEDIA.ociManifest, {
    schemaVersion: 2,
    mediaType: MEDIA.ociManifest,
    artifactType: 'application/vnd.amazon.soci.index.v2+json',
    config: config.descriptor,
    layers: [blob.descriptor],
  });
  const charts = buildIndex([{ image: arm }], { artifactType: 'application/vnd.example.charts' });
  const source = buildIndex([
    amdEntry,
    {
      image: { root: soci, parts: [blob, config, soci] },
      fields: { artifactType: 'application/vnd.amazon.soci.index.v2+json' },
    },
    { image: charts },
  ]);
  const converted = await convert(t, source, MERGE);
  const index = indexOf(converted);
  assert.deepEqual(
    index.manifests.slice(2).map(({ digest }) => digest),
    [soci.descriptor.digest, charts.root.descriptor.digest],
  );
  for (const { descriptor, bytes } of [blob, config, soci, ...charts.parts]) {
    assert.deepEqual(await converted.read(descriptor), Buffer.from(bytes));
  }
});

test('an entry without platform is chosen by its config', async (t) => {
  const source = buildIndex([{ image }, { image: arm }]);
  const index = indexOf(await convert(t, source, { ...MERGE, platforms: parsePlatforms('linux/arm64') }));
  assert.deepEqual(
    index.manifests.map(({ platform }) => platform?.architecture),
    ['arm64', 'arm64'],
  );
});

/** A merged index of another converter: it encodes the image anew, so that nothing can be undone. */
async function foreignMerge(original: BuiltImage, reference: string): Promise<BuiltImage> {
  const config = jsonPart(MEDIA.ociConfig, {
    os: 'linux',
    architecture: 'amd64',
    rootfs: {
      type: 'layers',
      diff_ids: [
        'sha256:5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef',
        ...LAYERS.map((tar) => sha256(tar)),
      ],
    },
  });
  const empty = part(MEDIA.ociLayerGzip, (await import('../../../src/oci/nydus.js')).EMPTY_LAYER_BYTES);
  const layers = original.parts.slice(0, LAYERS.length);
  const oci = jsonPart(MEDIA.ociManifest, {
    schemaVersion: 2,
    mediaType: MEDIA.ociManifest,
    config: config.descriptor,
    layers: [
      { ...empty.descriptor, annotations: { [ANNOTATION.nydusEmptyLayer]: 'true' } },
      ...layers.map(({ descriptor }) => descriptor),
    ],
    annotations: { [ANNOTATION.nydusSourceDigest]: original.root.descriptor.digest },
  });
  const nydus = buildImage({
    layers: [],
    manifest: {
      annotations: {
        [ANNOTATION.nydusSourceDigest]: original.root.descriptor.digest,
        [ANNOTATION.nydusSourceReference]: reference,
      },
    },
  });
  return buildIndex([
    {
      image: { root: oci, parts: [...layers, empty, config, oci] },
      fields: { platform: { os: 'linux', architecture: 'amd64' } },
    },
    {
      image: nydus,
      fields: { platform: { os: 'linux', architecture: 'amd64' }, artifactType: MEDIA.nydusArtifact },
    },
  ]);
}

test("another converter's index starts from the original, fetched by digest from where it came", async (t) => {
  const originals = await store(t, image);
  const asked: string[] = [];
  const openOriginal = (location: Location): ImageSource => {
    asked.push(formatLocation(location));
    return openSource(originals, { credentials: anonymous });
  };
  const made = await convert(t, await foreignMerge(image, 'registry.example/app:1'), {
    ...MERGE,
    openOriginal,
    allowedHosts: ['registry.example'],
  });
  assert.deepEqual(asked, [`registry.example/app@${image.root.descriptor.digest}`]);
  const expected = await convert(t, image, {
    ...MERGE,
    sourceLocation: parseLocation('registry.example/app:1'),
  });
  assert.equal(indexOf(made).manifests[1]?.digest, indexOf(expected).manifests[1]?.digest);
  await assert.rejects(
    convert(t, await foreignMerge(image, 'registry.example/app:1'), MERGE),
    (error) =>
      error instanceof UnsupportedError &&
      error.hint === 'convert the original instead: registry.example/app:1',
  );
});

test('an image does not lead to another registry or repository, unless its host is allowed', async (t) => {
  const openOriginal = (): ImageSource => assert.fail('it was opened');
  const made = await foreignMerge(image, 'registry.example:5000/app:1');
  for (const allowedHosts of [[], ['example'], ['registry.example:1'], ['other.example']]) {
    await assert.rejects(
      convert(t, made, { ...MERGE, openOriginal, allowedHosts }),
      (error) =>
        error instanceof UnsupportedError &&
        error.remedy?.kind === 'allow-host' &&
        error.remedy.host === 'registry.example:5000',
    );
  }
  const originals = await store(t, image);
  for (const options of [
    { allowedHosts: ['registry.example'] },
    { allowedHosts: ['registry.example:5000'] },
    { sourceLocation: parseLocation('registry.example:5000/app:2') },
  ])
    await convert(t, made, { ...MERGE, openOriginal: () => openSource(originals), ...options });
  const sourceLocation = parseLocation('registry.example:5000/other:1');
  await assert.rejects(convert(t, made, { ...MERGE, openOriginal, sourceLocation }), UnsupportedError);
});

test('an original in a folder is opened as a folder, and bytes of another digest are not taken for it', async (t) => {
  const originals = await store(t, image);
  const asked: string[] = [];
  const opening = (found: string) => (location: Location) => {
    asked.push(formatLocation(location));
    return openSource(found, { credentials: anonymous });
  };
  const made = await foreignMerge(image, originals);
  await convert(t, made, { ...MERGE, openOriginal: opening(originals) });
  assert.deepEqual(asked, [`${originals.replace(/:v$/, '')}@${image.root.descriptor.digest}`]);
  const others = await store(t, arm);
  await assert.rejects(
    convert(t, made, { ...MERGE, openOriginal: opening(others) }),
    (error) =>
      error instanceof UnsupportedError && error.hint === `convert the original instead: ${originals}`,
  );
});

test('a recorded source that names no place is no reason to open one', async (t) => {
  const openOriginal = (): ImageSource => assert.fail('it was opened');
  await assert.rejects(
    convert(t, await foreignMerge(image, 'no reference at all'), { ...MERGE, openOriginal }),
    UnsupportedError,
  );
});
