import assert from 'node:assert/strict';
import { test } from 'node:test';
import { goIndex } from '../../../src/cache/go-index.js';
import { type CacheRecord, parseRecord, recordOf } from '../../../src/cache/record.js';
import type { CacheManifest, CacheRoot } from '../../../src/cache/root.js';
import { type CacheLayout, lru, nextCache } from '../../../src/cache/update.js';
import type { Platform } from '../../../src/oci/descriptor.js';
import { type DiffId, sha256 } from '../../../src/oci/digest.js';
import { parseManifest } from '../../../src/oci/manifest.js';
import { ANNOTATION, MEDIA } from '../../../src/oci/media-types.js';

const AMD64: Platform = { os: 'linux', architecture: 'amd64' };
const ARM64: Platform = { os: 'linux', architecture: 'arm64' };

function record(name: string): CacheRecord {
  const source = sha256(`source ${name}`);
  const made = recordOf({
    blob: { digest: sha256(`blob ${name}`), size: 5000 },
    source,
    standsAlone: true,
    key: sha256(`key of ${source}`),
    diffId: sha256(name) as string as DiffId,
    tail: { start: 12, digest: sha256(`tail ${name}`) },
    entered: 'none',
  });
  assert.ok(made);
  return made;
}

function manifest(records: readonly CacheRecord[], platform: Platform | undefined): CacheManifest {
  const config = { mediaType: MEDIA.ociConfig, digest: sha256('{}'), size: 2 };
  const bytes = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: MEDIA.ociManifest,
      config,
      layers: records.map(({ json }) => json),
    }),
  );
  const value = parseManifest(bytes);
  return { platform, version: '', records: value.layers.map(parseRecord), value, entry: undefined };
}

function root(isIndex: boolean, ...manifests: CacheManifest[]): CacheRoot {
  const descriptor = {
    mediaType: isIndex ? MEDIA.ociIndex : MEDIA.ociManifest,
    digest: sha256('root'),
    size: 4,
  };
  const index = { kind: 'index', mediaType: MEDIA.ociIndex, manifests: [], raw: {} } as const;
  return { descriptor, index: isIndex ? index : undefined, manifests, lost: [] };
}

const names = (records: readonly CacheRecord[]): string[] =>
  records.map(
    ({ source }) => ['a', 'b', 'c', 'd'].find((name) => sha256(`source ${name}`) === source) ?? '?',
  );

test('a record reads as it was written', () => {
  const [read] = manifest([record('a')], AMD64).records;
  assert.deepEqual(read?.usable, record('a').usable);
  assert.deepEqual(read?.json, record('a').json);
});

test('a record without a key, and one that is damaged in any annotation, is kept and of no use', () => {
  const keys = [
    ANNOTATION.nydusSourceDigest,
    ANNOTATION.nydusCacheKey,
    ANNOTATION.nydusCacheDiffId,
    ANNOTATION.nydusCacheTail,
    ANNOTATION.nydusCacheEntered,
  ];
  const { json } = record('a');
  const annotations = json['annotations'] as Record<string, string>; // as `recordOf` writes it
  for (const key of keys) {
    const rest = Object.fromEntries(Object.entries(annotations).filter(([name]) => name !== key));
    const [without] = manifest([{ ...record('a'), json: { ...json, annotations: rest } }], AMD64).records;
    assert.equal(without?.usable, undefined, key);
  }
  for (const tail of [
    '',
    '1',
    `-1 ${sha256('x')}`,
    `5000 ${sha256('x')}`,
    `1 ${sha256('x')} 2`,
    '1 sha256:0',
  ]) {
    const damaged = { ...annotations, [ANNOTATION.nydusCacheTail]: tail };
    const [read] = manifest([{ ...record('a'), json: { ...json, annotations: damaged } }], AMD64).records;
    assert.equal(read?.usable, undefined, tail);
  }
});

test('the records used last come first, in layer order, and the tail falls out', () => {
  const [a, b, c, d] = ['a', 'b', 'c', 'd'].map(record);
  assert.ok(a && b && c && d);
  assert.deepEqual(names(lru([c, a], [a, b, c], 200)), ['c', 'a', 'b']);
  assert.deepEqual(names(lru([d], [a, b, c], 3)), ['d', 'a', 'b']);
  assert.deepEqual(names(lru([a, a], [], 200)), ['a']);
});

test('of 500 layers through 200 records those remain that were used last', () => {
  let records: readonly CacheRecord[] = [];
  const all = Array.from({ length: 500 }, (_, i) => record(String(i)));
  for (const one of all) records = lru([one], records, 200);
  assert.deepEqual(records, all.slice(300).reverse());
});

test('a cache keeps its form; a new one is a manifest for one platform, else an index', () => {
  const [a, b] = [record('a'), record('b')];
  const next = (
    before: CacheRoot | undefined,
    platforms: readonly Platform[],
    layout: CacheLayout = 'auto',
  ): readonly [isIndex: boolean, platforms: readonly (string | undefined)[], isNew: boolean] => {
    const touched = platforms.map((platform) => ({ platform, records: [a] }));
    const { isIndex, manifests, isNew } = nextCache(before, touched, { max: 200, layout });
    return [isIndex, manifests.map(({ platform }) => platform?.architecture), isNew];
  };
  assert.deepEqual(next(undefined, [AMD64]), [false, ['amd64'], true]);
  assert.deepEqual(next(undefined, [AMD64, ARM64]), [true, ['amd64', 'arm64'], true]);
  assert.deepEqual(next(undefined, [AMD64], 'index'), [true, ['amd64'], true]);
  assert.deepEqual(next(undefined, [AMD64, ARM64], 'manifest'), [false, ['amd64'], true]);
  // A manifest is updated in place, and an index stays one.
  assert.deepEqual(next(root(false, manifest([b], AMD64)), [AMD64]), [false, ['amd64'], true]);
  assert.deepEqual(next(root(true, manifest([b], AMD64)), [AMD64]), [true, ['amd64'], true]);
  // A second platform makes an index of a manifest, whose records stay with their platform.
  assert.deepEqual(next(root(false, manifest([b], AMD64)), [ARM64]), [true, ['amd64', 'arm64'], true]);
  // A manifest of no platform belongs to the platform that shares layers with it.
  const upstream = root(false, manifest([b, a], undefined));
  const touched = [
    { platform: ARM64, records: [] },
    { platform: AMD64, records: [b] },
  ];
  const given = nextCache(upstream, touched, { max: 200, layout: 'auto' });
  assert.deepEqual(
    given.manifests.map(({ platform, records }) => [platform?.architecture, names(records)]),
    [['amd64', ['b', 'a']]],
  );
  // A run that changes nothing writes nothing.
  assert.deepEqual(next(root(false, manifest([a, b], AMD64)), [AMD64])[2], false);
  assert.deepEqual(next(undefined, [])[2], false);
});

test('an index is written as Go encodes it', () => {
  const digest = sha256('x');
  const text = goIndex(
    MEDIA.ociIndex,
    [
      {
        platform: { variant: 'v8', os: 'linux', architecture: 'arm64' },
        annotations: { z: '<a&b>', a: '\u2028' },
        size: 3,
        digest,
        mediaType: MEDIA.ociManifest,
      },
    ],
    { k: 'v' },
  ).toString();
  assert.equal(
    text,
    `{
  "schemaVersion": 2,
  "mediaType": "application/vnd.oci.image.index.v1+json",
  "manifests": [
    {
      "mediaType": "application/vnd.oci.image.manifest.v1+json",
      "digest": "${digest}",
      "size": 3,
      "annotations": {
        "a": "\\u2028",
        "z": "\\u003ca\\u0026b\\u003e"
      },
      "platform": {
        "architecture": "arm64",
        "os": "linux",
        "variant": "v8"
      }
    }
  ],
  "annotations": {
    "k": "v"
  }
}`,
  );
});
