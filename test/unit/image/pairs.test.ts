import assert from 'node:assert/strict';
import { test } from 'node:test';
import { entryOf, imageOf } from '../../../src/image/image.js';
import { groupHalves, type PairableImage, sourceOf } from '../../../src/image/pairs.js';
import { type Digest, sha256 } from '../../../src/oci/digest.js';
import { parseManifest, toDocument } from '../../../src/oci/manifest.js';
import { ANNOTATION, MEDIA } from '../../../src/oci/media-types.js';
import { MemoryStore } from '../../support/registries/memory-store.js';

const store = new MemoryStore();

interface Outline {
  readonly platform?: string;
  readonly bootstrap?: boolean;
  readonly empty?: boolean;
  /** The source digest that the manifest records. */
  readonly source?: Digest;
}

function image(name: string, outline: Outline = {}): PairableImage {
  const { platform = 'linux/amd64', bootstrap = false, empty = false, source } = outline;
  const mark = empty ? ANNOTATION.nydusEmptyLayer : bootstrap ? ANNOTATION.nydusBootstrap : 'other';
  const part = {
    mediaType: MEDIA.ociLayerGzip,
    digest: sha256(name),
    size: 1,
    annotations: { [mark]: 'true' },
  };
  const json = {
    schemaVersion: 2,
    mediaType: MEDIA.ociManifest,
    config: { mediaType: MEDIA.ociConfig, digest: sha256('config'), size: 1 },
    layers: [part],
    ...(source === undefined ? {} : { annotations: { [ANNOTATION.nydusSourceDigest]: source } }),
  };
  const bytes = Buffer.from(JSON.stringify(json));
  const document = toDocument(bytes, parseManifest(bytes));
  return { ...imageOf(store, entryOf(document.descriptor, 0), document), platformName: platform };
}

function digestOf({ manifest }: PairableImage): Digest {
  return manifest.descriptor.digest;
}

test('one image a platform is one pair, whatever digests say: a rule then finds halves of two sources', () => {
  const [oci, nydus] = [image('a'), image('b', { bootstrap: true, source: sha256('elsewhere') })];
  assert.deepEqual(groupHalves([nydus, oci]), [{ platform: 'linux/amd64', oci: [oci], nydus: [nydus] }]);
});

test('two images of one platform are paired by the source that each Nydus half names', () => {
  const [gzip, zstd] = [image('gzip'), image('zstd')];
  const half = (of: PairableImage, name: string): PairableImage =>
    image(name, { bootstrap: true, source: digestOf(of) });
  const [ofGzip, ofZstd] = [half(gzip, '1'), half(zstd, '2')];
  const unknown = image('3', { bootstrap: true });
  assert.deepEqual(groupHalves([gzip, zstd, ofZstd, ofGzip, unknown]), [
    { platform: 'linux/amd64', oci: [gzip], nydus: [ofGzip, unknown] },
    { platform: 'linux/amd64', oci: [zstd], nydus: [ofZstd] },
  ]);
});

test('two Nydus images of one platform without OCI halves are two images', () => {
  const [one, two] = ['one', 'two'].map((name) => image(name, { bootstrap: true, source: sha256(name) }));
  assert.ok(one && two);
  assert.deepEqual(groupHalves([one, two]), [
    { platform: 'linux/amd64', oci: [], nydus: [one] },
    { platform: 'linux/amd64', oci: [], nydus: [two] },
  ]);
});

test('an isolated half stands for its source', () => {
  const [one, two] = [image('one'), image('two')];
  const halves = [one, two].map((of, i) => image(`half ${i}`, { empty: true, source: digestOf(of) }));
  const nydus = [one, two].map((of, i) => image(`nydus ${i}`, { bootstrap: true, source: digestOf(of) }));
  const groups = groupHalves([...halves, ...nydus.reverse()]);
  assert.deepEqual(
    groups.map((group) => sourceOf(group, [two, one])),
    [one, two],
  );
});

test('a source is found by digest under another platform name, and by platform where no digest leads to it', () => {
  const [source, other] = [image('s', { platform: 'linux/arm/v7' }), image('t')];
  const recorded = image('n', { bootstrap: true, source: digestOf(source) });
  const unrecorded = image('m', { bootstrap: true });
  const find = (half: PairableImage): PairableImage | undefined =>
    sourceOf({ platform: half.platformName, oci: [], nydus: [half] }, [source, other]);
  assert.equal(find(recorded), source);
  assert.equal(find(unrecorded), other);
  assert.equal(find(image('k', { platform: 'linux/s390x', bootstrap: true })), undefined);
});
