import assert from 'node:assert/strict';
import { test } from 'node:test';
import { configPairRules, configRules } from '../../../src/check/config.js';
import type { Finding } from '../../../src/check/finding.js';
import { indexRules } from '../../../src/check/index-rule.js';
import { manifestRules, nydusManifestRules, ociManifestRules } from '../../../src/check/manifest.js';
import type { Rule } from '../../../src/check/rule.js';
import { loadSubject, type NydusSubject } from '../../../src/check/subject.js';
import { parseDigest, type Digest } from '../../../src/oci/digest.js';
import { ANNOTATION, MEDIA } from '../../../src/oci/media-types.js';
import { allPlatforms } from '../../../src/oci/platform.js';
import {
  MemoryStore,
  putMerged,
  putSource,
  type Json,
  type MergedParts,
} from '../../support/registries/memory-store.js';

async function run<S>(rules: readonly Rule<S>[], subject: S): Promise<Finding[]> {
  const found: Finding[] = [];
  for (const rule of rules) for await (const finding of rule.check(subject, {})) found.push(finding);
  return found;
}

/** Ids of all that the rules for documents find, in order, without repetition. */
async function findingsOf(
  change?: (parts: MergedParts) => void,
  spoil?: (store: MemoryStore) => void,
): Promise<string[]> {
  const store = putMerged(new MemoryStore(), change);
  spoil?.(store);
  const sourceStore = new MemoryStore();
  sourceStore.root = putSource(sourceStore);
  const target = await loadSubject(store, 'target', allPlatforms, {});
  const [source] = (await loadSubject(sourceStore, 'source', allPlatforms, {})).images;
  const found: Finding[] = [...target.findings];
  if (target.index !== undefined) found.push(...(await run(indexRules, target.index)));
  const ociHalf = target.images.find((image) => image.kind === 'oci');
  for (const image of target.images) {
    found.push(...(await run(manifestRules, image)), ...(await run(configRules, image)));
    if (image.kind === 'oci') found.push(...(await run(ociManifestRules, image)));
    else
      found.push(
        ...(await run(nydusManifestRules, { ...image, kind: 'nydus', ociHalf } satisfies NydusSubject)),
      );
    assert.ok(source);
    found.push(...(await run(configPairRules, { target: image, source })));
  }
  return [...new Set(found.map(({ id }) => id))];
}

function indexOf(store: MemoryStore): { manifests: Json[] } {
  const bytes = store.root === undefined ? undefined : store.content.get(store.root.digest);
  return JSON.parse(Buffer.from(bytes ?? []).toString()) as { manifests: Json[] };
}

function digestOf(entry: Json | undefined): Digest {
  return parseDigest(String(entry?.['digest']));
}

function layersOf(manifest: Json): Json[] {
  return manifest['layers'] as Json[];
}

test('a merged index as convert writes it has no finding', async () => {
  assert.deepEqual(await findingsOf(), []);
});

const CASES: readonly [title: string, ids: readonly string[], change: (parts: MergedParts) => void][] = [
  ['an index without mediaType', ['INDEX-MEDIA-TYPE-MISSING'], ({ index }) => delete index['mediaType']],
  [
    'a Docker list served as an OCI index',
    ['INDEX-MEDIA-TYPE'],
    ({ index }) => (index['mediaType'] = MEDIA.dockerIndex),
  ],
  [
    'a Nydus entry without a mark',
    ['INDEX-MARK-MISSING'],
    ({ nydusEntry }) => {
      delete nydusEntry['artifactType'];
      nydusEntry['platform'] = { architecture: 'amd64', os: 'linux' };
    },
  ],
  [
    'an OCI entry that is marked as Nydus',
    ['INDEX-MARK-FALSE'],
    ({ ociEntry }) => (ociEntry['artifactType'] = MEDIA.nydusArtifact),
  ],
  [
    'an entry without a platform',
    ['INDEX-PLATFORM', 'INDEX-PAIR'],
    ({ ociEntry }) => delete ociEntry['platform'],
  ],
  [
    'a Nydus entry of a platform that the OCI entries lack',
    ['INDEX-PAIR', 'CONFIG-PLATFORM', 'SOURCE-PLATFORM'],
    ({ nydusEntry }) => (nydusEntry['platform'] = { architecture: 'arm64', os: 'linux' }),
  ],
  [
    'a bootstrap that is not last',
    ['MANIFEST-LAYER-ORDER', 'MANIFEST-LAYER-TYPE', 'MANIFEST-FS-VERSION', 'CONFIG-DIFF-ID'],
    ({ nydusManifest }) => layersOf(nydusManifest).reverse(),
  ],
  [
    'a data layer without its annotation',
    ['MANIFEST-LAYER-ANNOTATION'],
    ({ nydusManifest }) => delete layersOf(nydusManifest)[0]?.['annotations'],
  ],
  [
    'a data layer of another media type',
    ['MANIFEST-LAYER-TYPE'],
    ({ nydusManifest }) => Object.assign(layersOf(nydusManifest)[0] ?? {}, { mediaType: MEDIA.ociLayerGzip }),
  ],
  [
    'a bootstrap layer of the Docker family in an OCI manifest',
    ['MANIFEST-FAMILY'],
    ({ nydusManifest }) =>
      Object.assign(layersOf(nydusManifest)[2] ?? {}, { mediaType: MEDIA.dockerLayerGzip }),
  ],
  [
    'RAFS versions that differ',
    ['MANIFEST-FS-VERSION'],
    ({ nydusManifest }) =>
      Object.assign(nydusManifest['annotations'] as Json, { [ANNOTATION.nydusFsVersion]: '5' }),
  ],
  [
    'halves of different sources',
    ['MANIFEST-SOURCE-DIGEST'],
    ({ nydusManifest }) =>
      Object.assign(nydusManifest['annotations'] as Json, {
        [ANNOTATION.nydusSourceDigest]: `sha256:${'0'.repeat(64)}`,
      }),
  ],
  [
    'a Nydus half that does not tell its source',
    ['MANIFEST-SOURCE-UNKNOWN'],
    ({ nydusManifest }) => (nydusManifest['annotations'] = { 'org.example.kept': 'yes' }),
  ],
  [
    'an index entry that does not tell the source digest',
    ['MANIFEST-SOURCE-DIGEST'],
    ({ ociEntry }) => delete ociEntry['annotations'],
  ],
  [
    'an empty layer of another kind',
    ['CONTENT-MISSING', 'MANIFEST-EMPTY-LAYER'],
    ({ ociManifest }) => Object.assign(layersOf(ociManifest)[0] ?? {}, { size: 33 }),
  ],
  [
    'an OCI half with its layers swapped',
    ['MANIFEST-OCI-HALF'],
    ({ ociManifest }) => {
      const [empty, one, two] = layersOf(ociManifest);
      ociManifest['layers'] = [empty, two, one];
    },
  ],
  [
    'a lost annotation of the source',
    ['MANIFEST-ANNOTATIONS'],
    ({ nydusManifest }) => delete (nydusManifest['annotations'] as Json)['org.example.kept'],
  ],
  [
    'fewer diffIDs than layers',
    ['CONFIG-DIFF-ID-COUNT'],
    ({ nydusConfig }) => (nydusConfig['rootfs'] as { diff_ids: string[] }).diff_ids.pop(),
  ],
  [
    'a diffID that is not the digest of its blob',
    ['CONFIG-DIFF-ID'],
    ({ nydusConfig }) =>
      (nydusConfig['rootfs'] as { diff_ids: string[] }).diff_ids.splice(0, 1, `sha256:${'1'.repeat(64)}`),
  ],
  [
    'a history that lacks the entry of the bootstrap',
    ['CONFIG-HISTORY-COUNT', 'CONFIG-FIELD'],
    ({ nydusConfig }) => (nydusConfig['history'] as Json[]).pop(),
  ],
  [
    'a field of the config that vanished',
    ['CONFIG-FIELD'],
    ({ nydusConfig }) => delete nydusConfig['x-unknown'],
  ],
  [
    'a field deep in the config of the OCI half that changed',
    ['CONFIG-FIELD'],
    ({ ociConfig }) => (ociConfig['config'] = { Env: ['A=b'], Healthcheck: { Interval: 31 } }),
  ],
];

for (const [title, ids, change] of CASES) {
  test(`${title} is found as ${ids.join(', ')}`, async () => {
    assert.deepEqual((await findingsOf(change)).sort(), [...ids].sort());
  });
}

test('a manifest without mediaType is legal in both halves', async () => {
  assert.deepEqual(
    await findingsOf(({ ociManifest, nydusManifest }) => {
      delete ociManifest['mediaType'];
      delete nydusManifest['mediaType'];
    }),
    [],
  );
});

test('a blob that is not in the store is found once', async () => {
  const ids = await findingsOf(undefined, (store) => {
    for (const [digest, bytes] of store.content)
      if (Buffer.from(bytes).toString() === 'blob') store.content.delete(digest);
  });
  assert.deepEqual(ids, ['CONTENT-MISSING']);
});

test('a manifest that is not there, and one that is no JSON, are findings, and the rest is still checked', async () => {
  const store = putMerged(new MemoryStore());
  const index = indexOf(store);
  store.content.delete(digestOf(index.manifests[0]));
  const subject = await loadSubject(store, 'target', allPlatforms, {});
  assert.deepEqual(
    subject.findings.map(({ id }) => id),
    ['CONTENT-MISSING'],
  );
  assert.equal(subject.images.length, 1);

  const broken = putMerged(new MemoryStore());
  broken.root = { ...broken.put(MEDIA.ociManifest, Buffer.from('{"schemaVersion":2')) };
  const { findings } = await loadSubject(broken, 'target', allPlatforms, {});
  assert.deepEqual(
    findings.map(({ id }) => id),
    ['DOCUMENT-INVALID'],
  );
});

test('a Nydus entry before the OCI entry of its platform is out of order', async () => {
  const store = putMerged(new MemoryStore());
  const index = indexOf(store);
  store.root = store.putJson(MEDIA.ociIndex, { ...index, manifests: index.manifests.reverse() });
  const subject = await loadSubject(store, 'target', allPlatforms, {});
  assert.ok(subject.index);
  assert.deepEqual(
    (await run(indexRules, subject.index)).map(({ id }) => id),
    ['INDEX-ORDER'],
  );
});

test('attestations are left alone', async () => {
  const store = putMerged(new MemoryStore());
  const index = indexOf(store);
  const attestation = {
    ...store.putJson(MEDIA.ociManifest, { schemaVersion: 2, config: {}, layers: [] }),
    annotations: { [ANNOTATION.dockerReferenceType]: 'attestation-manifest' },
    platform: { architecture: 'unknown', os: 'unknown' },
  };
  store.root = store.putJson(MEDIA.ociIndex, { ...index, manifests: [...index.manifests, attestation] });
  const subject = await loadSubject(store, 'target', allPlatforms, {});
  assert.equal(subject.images.length, 2);
  assert.deepEqual(subject.findings, []);
  assert.ok(subject.index);
  assert.deepEqual(await run(indexRules, subject.index), []);
});
