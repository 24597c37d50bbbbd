/** The conversion as a library, between folders: no registry, no command. */
import assert from 'node:assert/strict';
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { gunzipSync, gzipSync } from 'node:zlib';
import { sourceDigestOf } from '../../../src/oci/empty-layer.js';
import { BUILDER_VERSION } from '../../../src/convert/version.js';
import { ContentMismatchError, FormatError, UnsupportedError, UsageError } from '../../../src/errors.js';
import { sha256 } from '../../../src/oci/digest.js';
import type { Manifest } from '../../../src/oci/manifest.js';
import { ANNOTATION, MEDIA } from '../../../src/oci/media-types.js';
import { parsePlatforms } from '../../../src/oci/platform.js';
import { anonymous } from '../../../src/registry/auth/credentials.js';
import { openSource, openTarget } from '../../../src/registry/open.js';
import { convertImage } from '../../../src/convert/convert.js';
import { compress } from '../../../src/native/codec.js';
import {
  buildAttestation,
  buildImage,
  buildIndex,
  type BuiltImage,
  part,
} from '../../support/images/image-builder.js';
import {
  convert,
  type ConfigJson,
  convertFrom,
  type Converted,
  indexOf,
  store,
} from '../../support/images/folder-conversion.js';
import { dir, file, layer, symlink, whiteout } from '../../support/images/tar.js';
import { tempFolder } from '../../support/temp-folder.js';

const LAYERS = [
  layer(dir('etc'), file('etc/motd', 'hello'), file('etc/old', 'x'.repeat(5000))),
  layer(whiteout('etc/old'), file('etc/new', 'y'.repeat(9000)), symlink('etc/m', 'motd')),
];
const arm64 = { architecture: 'arm64', os: 'linux', variant: 'v8' };
const image = buildImage({ layers: LAYERS });

function manifestOf({ root }: Converted): Manifest {
  assert.equal(root.kind, 'manifest');
  return root;
}

function layersInHistory({ history }: ConfigJson): number {
  return history.filter((entry) => entry.empty_layer !== true).length;
}

test('two layers become two blobs and a bootstrap, with the annotations that readers look for', async (t) => {
  const converted = await convert(t, image);
  const manifest = manifestOf(converted);
  assert.equal(manifest.mediaType, MEDIA.ociManifest);
  assert.deepEqual(
    manifest.layers.map(({ mediaType, annotations }) => [mediaType, annotations]),
    [
      [MEDIA.nydusBlob, { [ANNOTATION.nydusBlob]: 'true' }],
      [MEDIA.nydusBlob, { [ANNOTATION.nydusBlob]: 'true' }],
      [MEDIA.ociLayerGzip, { [ANNOTATION.nydusBootstrap]: 'true', [ANNOTATION.nydusFsVersion]: '6' }],
    ],
  );
  assert.deepEqual(manifest.annotations, {
    [ANNOTATION.nydusBuilderVersion]: BUILDER_VERSION,
    [ANNOTATION.nydusFsVersion]: '6',
    [ANNOTATION.nydusSourceDigest]: image.root.descriptor.digest,
    [ANNOTATION.nydusSourceReference]: 'docker.io/library/app:1',
  });
  const config = await converted.config(manifest);
  const last = manifest.layers.at(-1);
  assert.ok(last !== undefined);
  const bootstrapTar = gunzipSync(await converted.read(last));
  assert.deepEqual(config.rootfs.diff_ids, [
    ...manifest.layers.slice(0, -1).map(({ digest }) => digest),
    sha256(bootstrapTar),
  ]);
  assert.equal(layersInHistory(config), manifest.layers.length);
  for (const blob of manifest.layers) assert.equal(sha256(await converted.read(blob)), blob.digest);
});

test('Docker images keep Docker types, with --oci they do not, and OCI images never get them', async (t) => {
  const docker = buildImage({ layers: LAYERS, docker: true });
  const types = ({ mediaType, config, layers }: Manifest): readonly (string | undefined)[] => [
    mediaType,
    config.mediaType,
    layers.at(-1)?.mediaType,
  ];
  assert.deepEqual(types(manifestOf(await convert(t, docker))), [
    MEDIA.dockerManifest,
    MEDIA.dockerConfig,
    MEDIA.dockerLayerGzip,
  ]);
  const oci = [MEDIA.ociManifest, MEDIA.ociConfig, MEDIA.ociLayerGzip];
  assert.deepEqual(types(manifestOf(await convert(t, docker, { oci: true }))), oci);
  assert.deepEqual(types(manifestOf(await convert(t, image, { oci: false }))), oci);
  assert.deepEqual(types(manifestOf(await convert(t, image, { oci: true }))), oci);
});

test('annotations and fields of the source manifest that we do not know are kept', async (t) => {
  const odd = buildImage({
    layers: LAYERS,
    manifest: { annotations: { mine: 'x' }, 'x-number': 1, 'x-list': [] },
  });
  const manifest = manifestOf(await convert(t, odd));
  assert.equal(manifest.annotations?.['mine'], 'x');
  assert.equal(manifest.raw['x-number'], 1);
  assert.deepEqual(manifest.raw['x-list'], []);
});

test('annotations of a manifest are kept beside those that its index has for it', async (t) => {
  const annotated = buildImage({ layers: LAYERS, manifest: { annotations: { own: 'manifest', both: 'm' } } });
  const platform = { architecture: 'amd64', os: 'linux' };
  const index = buildIndex(
    [
      { image: annotated, fields: { platform, annotations: { entry: 'index', both: 'i' } } },
      { image: buildImage({ layers: LAYERS, platform: arm64 }), fields: { platform: arm64 } },
    ],
    {},
  );
  const converted = await convert(t, index);
  const entry = indexOf(converted).manifests[0];
  assert.ok(entry !== undefined);
  assert.deepEqual([entry.annotations?.['entry'], entry.annotations?.['both']], ['index', 'i']);
  const { annotations = {} } = await converted.manifest(entry);
  assert.deepEqual(
    [annotations['own'], annotations['both'], annotations['entry']],
    ['manifest', 'm', undefined],
  );
});

test('a layer listed twice is packed once, stored once, and listed twice', async (t) => {
  const [one, two] = LAYERS;
  assert.ok(one !== undefined && two !== undefined);
  const converted = await convert(t, buildImage({ layers: [one, two, one] }));
  const manifest = manifestOf(converted);
  const [a, b, c] = manifest.layers;
  assert.equal(manifest.layers.length, 4);
  assert.equal(a?.digest, c?.digest);
  assert.notEqual(a?.digest, b?.digest);
  const config = await converted.config(manifest);
  assert.equal(config.rootfs.diff_ids.length, 4);
  assert.equal(layersInHistory(config), 4);
  assert.equal(converted.events.filter(({ type }) => type === 'layer.done').length, 2);
});

test('images without layers, and with empty ones, are converted too', async (t) => {
  const none = manifestOf(await convert(t, buildImage({ layers: [], config: { history: [] } })));
  assert.equal(none.layers.length, 1);
  const empty = manifestOf(await convert(t, buildImage({ layers: [layer(), layer(dir('a')), layer()] })));
  assert.equal(empty.layers.length, 4);
});

test('I1: the same digest at 1, 2 and 8 threads and layers in flight', async (t) => {
  const many = Array.from({ length: 6 }, (_, i) =>
    layer(...Array.from({ length: 20 }, (__, j) => file(`f${i}/${j}`, `${j % 7}`.repeat(3000 + i)))),
  );
  const digests = new Set<string>();
  for (const count of [1, 2, 8]) {
    const { result } = await convert(t, buildImage({ layers: many }), { threads: count, concurrency: count });
    digests.add(result.root.digest);
  }
  assert.equal(digests.size, 1);
});

test('each layer stands alone unless the image is the scope, and what that would save is counted', async (t) => {
  const data = Array.from({ length: 5000 }, (_, i) => String(i)).join(' ');
  const twice = buildImage({ layers: [layer(file('a', data)), layer(file('b', data))] });
  const alone = (await convert(t, twice)).result;
  const whole = (await convert(t, twice, { dedup: 'image' })).result;
  assert.equal(alone.images[0]?.layers[1]?.stats.newChunks, 1);
  assert.equal(whole.images[0]?.layers[1]?.stats.newChunks, 0);
  const zstd = await compress(Buffer.from(data), 3);
  assert.ok(zstd !== undefined);
  assert.deepEqual([alone.repeatedBytes, alone.images[0].repeatedBytes], [zstd.length, zstd.length]);
  assert.deepEqual([whole.repeatedBytes, whole.images[0].repeatedBytes], [0, 0]);
});

test('the compression of a layer is read from its bytes, and a wrong diffID stops the conversion', async (t) => {
  const [tar] = LAYERS;
  assert.ok(tar !== undefined);
  const plain = part(MEDIA.ociLayerGzip, tar);
  const withLayer = (bytes: typeof plain, diffId: string): BuiltImage => {
    const built = buildImage({
      layers: [tar],
      config: { rootfs: { type: 'layers', diff_ids: [diffId] } },
      manifest: { layers: [bytes.descriptor] },
    });
    return { root: built.root, parts: [bytes, ...built.parts] };
  };
  assert.equal(manifestOf(await convert(t, withLayer(plain, sha256(tar)))).layers.length, 2);
  const gzip = part(MEDIA.ociLayerGzip, gzipSync(tar));
  await assert.rejects(
    convert(t, withLayer(gzip, sha256('other'))),
    (error) => error instanceof ContentMismatchError && /diffID/.test(error.message),
  );
});

test('layers and diffIDs must be as many', async (t) => {
  const bad = buildImage({ layers: LAYERS, config: { rootfs: { type: 'layers', diff_ids: [] } } });
  await assert.rejects(
    convert(t, bad),
    (error) =>
      error instanceof FormatError &&
      error.message === 'unmatched layers between manifest and config: 2 != 0',
  );
});

test('foreign and encrypted layers are refused by name', async (t) => {
  const urls = { mediaType: MEDIA.ociLayerGzip, digest: sha256('x'), size: 1, urls: ['https://h/x'] };
  const diffIds = { rootfs: { type: 'layers', diff_ids: [sha256('x')] } };
  for (const bad of [
    urls,
    { ...urls, urls: [], mediaType: MEDIA.dockerForeignLayer },
    { ...urls, urls: [], mediaType: `${MEDIA.ociLayerGzip}+encrypted` },
  ]) {
    const foreign = buildImage({ layers: [], config: diffIds, manifest: { layers: [bad] } });
    await assert.rejects(
      convert(t, foreign),
      (error) => error instanceof UnsupportedError && error.message.startsWith('layer 1 of 1'),
    );
  }
});

test('of an index the platforms asked for are converted; one alone becomes a plain manifest', async (t) => {
  const other = buildImage({ layers: [layer(file('b', 'arm'))], platform: arm64 });
  const index = buildIndex(
    [
      { image, fields: { platform: { architecture: 'amd64', os: 'linux' } } },
      { image: other, fields: { platform: arm64, annotations: { note: 'kept' }, 'x-y': 1.5 } },
    ],
    { annotations: { index: 'kept' } },
  );
  const one = await convert(t, index, { platforms: parsePlatforms('linux/arm64') });
  assert.equal(one.root.kind, 'manifest');
  assert.equal(sourceDigestOf(one.bytes, 'made'), other.root.descriptor.digest);
  const both = indexOf(await convert(t, index, { platforms: parsePlatforms('linux/arm64,linux/amd64') }));
  assert.deepEqual(both.annotations, { index: 'kept' });
  assert.deepEqual(
    both.manifests.map(({ platform }) => platform?.architecture),
    ['amd64', 'arm64'],
  );
  assert.deepEqual(both.manifests[1]?.annotations, { note: 'kept' });
  assert.equal(both.manifests[1].raw['x-y'], 1.5);
  await assert.rejects(
    convert(t, index, { platforms: parsePlatforms('linux/s390x') }),
    (error) => error instanceof UsageError && error.hint === 'it has linux/amd64, linux/arm64',
  );
});

test('one image of another platform than the one asked for is converted, with a warning', async (t) => {
  const from = await store(
    t,
    buildImage({ layers: [layer(file('f', 'x'))], platform: { os: 'linux', architecture: 's390x' } }),
  );
  const { events, result } = await convertFrom(t, from, { platforms: parsePlatforms('linux/amd64') });
  assert.deepEqual(
    events.flatMap((event) => (event.type === 'warning' ? [event.message] : [])),
    ['the image is for linux/s390x and no other platform; linux/amd64 was asked for'],
  );
  assert.equal(result.images[0]?.platform, 'linux/s390x');
});

test('attestations are not converted: they are left out with a warning, or kept on request', async (t) => {
  const index = buildIndex([
    { image, fields: { platform: { architecture: 'amd64', os: 'linux' } } },
    buildAttestation(image),
  ]);
  const without = await convert(t, index, { platforms: parsePlatforms('linux/amd64') });
  assert.equal(without.root.kind, 'manifest');
  assert.ok(without.events.some((event) => event.type === 'warning' && event.code === 'ENTRIES_LEFT_OUT'));
  const kept = await convert(t, index, { platforms: parsePlatforms('linux/amd64'), keepAttestations: true });
  assert.equal(indexOf(kept).manifests.length, 2);
  assert.equal(kept.result.kept.length, 1);
});

test('what is a Nydus image already is not converted again', async (t) => {
  const { location } = await convert(t, image);
  await assert.rejects(
    convertFrom(t, location),
    (error) => error instanceof UnsupportedError && / is already a Nydus image$/.test(error.message),
  );
});

test('what is no container image is refused by the type of its config', async (t) => {
  const chart = buildImage({
    layers: LAYERS,
    manifest: {
      config: { mediaType: 'application/vnd.cncf.helm.config.v1+json', digest: sha256('{}'), size: 2 },
    },
  });
  await assert.rejects(
    convert(t, chart),
    (error) => error instanceof UnsupportedError && error.message.includes('helm'),
  );
});

test('a work folder of the user keeps its files; one that the conversion made is removed', async (t) => {
  const workDir = join(await tempFolder(t), 'mine');
  await mkdir(workDir);
  await writeFile(join(workDir, 'precious'), 'x');
  await convert(t, image, { workDir });
  assert.deepEqual(await readdir(workDir), ['precious']);
  await rm(join(workDir, 'precious'));
  await rm(workDir, { recursive: true });
  await convert(t, image, { workDir: join(workDir, 'a', 'b') });
  await assert.rejects(readdir(workDir));
});

test('a conversion that is stopped at any event rejects with the reason, and leaves no tag and no temporary file', async (t) => {
  const from = await store(t, image);
  for (let stopAt = 0; stopAt < 20; stopAt += 3) {
    const folder = await tempFolder(t);
    const stop = new AbortController();
    const location = `oci:${join(folder, 'to')}:v`;
    await using source = openSource(from, { credentials: anonymous });
    await using target = openTarget(location, { credentials: anonymous });
    let seen = 0;
    const emit = (): void => {
      if (seen++ === stopAt) stop.abort();
    };
    const workDir = join(folder, 'work');
    const running = convertImage(
      { source, target },
      { workDir, mergePlatform: true },
      { signal: stop.signal, reporter: { emit } },
    );
    const outcome = await running.then(
      () => 'done' as const,
      (error: unknown) => error,
    );
    assert.ok(
      stopAt >= seen || outcome === stop.signal.reason || outcome === 'done',
      `at event ${stopAt}: ${String(outcome)}`,
    );
    if (outcome !== 'done') assert.equal(await target.resolve(), undefined);
    await assert.rejects(readdir(workDir), `at event ${stopAt}`);
  }
});

test('an index of ten thousand entries is converted, one nested without end is given up', async (t) => {
  const other = { os: 'plan9', architecture: 'mips' };
  const many = Array.from({ length: 9_999 }, (_, i) => ({
    mediaType: MEDIA.ociManifest,
    digest: sha256(Buffer.from(String(i))),
    size: 1000,
    platform: other,
  }));
  const { mediaType, digest, size } = image.root.descriptor;
  const platform = { os: 'linux', architecture: 'amd64' };
  const big = buildIndex([{ image }], { manifests: [...many, { mediaType, digest, size, platform }] });
  const started = performance.now();
  const converted = await convert(t, big, { platforms: parsePlatforms('linux/amd64') });
  assert.ok(performance.now() - started < 20_000);
  assert.equal(converted.root.kind, 'manifest');

  let nested = buildIndex([], {});
  for (let depth = 0; depth < 12; depth++) nested = buildIndex([{ image: nested }]);
  const deep = buildIndex([{ image, fields: { platform } }, { image: nested }]);
  await assert.rejects(
    convert(t, deep),
    (error) => error instanceof UnsupportedError && /nested more than/.test(error.message),
  );
});
