import assert from 'node:assert/strict';
import { test } from 'node:test';
import { configPairRules } from '../../../src/check/config-fields.js';
import { configRules } from '../../../src/check/config.js';
import type { Finding } from '../../../src/check/finding.js';
import { indexRules } from '../../../src/check/index-rule.js';
import { halvesRules } from '../../../src/check/halves.js';
import { subjectRules } from '../../../src/check/descriptors.js';
import { manifestPairRules } from '../../../src/check/manifest-pairs.js';
import { manifestRules, nydusManifestRules, ociManifestRules } from '../../../src/check/manifest.js';
import type { Rule } from '../../../src/check/rule.js';
import { namesOf } from '../../../src/check/sources.js';
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
  given: 'source' | 'no source' = 'source',
): Promise<string[]> {
  const store = putMerged(new MemoryStore(), change);
  spoil?.(store);
  const sourceStore = new MemoryStore();
  sourceStore.root = putSource(sourceStore);
  const target = await loadSubject(store, 'target', allPlatforms, {});
  const sources = await loadSubject(sourceStore, 'source', allPlatforms, {});
  const [source] = sources.images;
  assert.ok(source);
  const sourceNames = given === 'source' ? namesOf(source, sources) : undefined;
  const found: Finding[] = [...target.findings];
  if (target.index !== undefined) found.push(...(await run(indexRules, target.index)));
  const ociHalf = target.images.find((image) => image.kind === 'oci');
  for (const image of target.images) {
    found.push(...(await run(manifestRules, image)), ...(await run(configRules, image)));
    if (image.kind === 'oci') found.push(...(await run(ociManifestRules, image)));
    else
      found.push(
        ...(await run([...nydusManifestRules, ...subjectRules, ...halvesRules], {
          ...image,
          kind: 'nydus',
          ociHalf,
          sourceNames,
        } satisfies NydusSubject)),
      );
    if (sourceNames === undefined) continue;
    found.push(
      ...(await run([...configPairRules, ...manifestPairRules], { target: image, source, sourceNames })),
    );
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
    'a subject that is another image than the source',
    ['MANIFEST-SUBJECT'],
    ({ nydusManifest, ociConfig, put }) =>
      (nydusManifest['subject'] = { ...put(MEDIA.ociConfig, ociConfig), mediaType: MEDIA.ociManifest }),
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
    ['CONFIG-HISTORY-COUNT', 'CONFIG-METADATA'],
    ({ nydusConfig }) => (nydusConfig['history'] as Json[]).pop(),
  ],
  [
    'a field of the config that vanished',
    ['CONFIG-METADATA'],
    ({ nydusConfig }) => delete nydusConfig['x-unknown'],
  ],
  [
    'a field deep in the config of the OCI half that changed',
    ['CONFIG-METADATA'],
    ({ ociConfig }) => {
      setParameter(ociConfig, 'Healthcheck', { Interval: 31 });
    },
  ],
  [
    'a Nydus half with the config type of an ordinary image',
    ['CONFIG-MEDIA-TYPE-HALF'],
    ({ nydusManifest, nydusConfig, put }) => (nydusManifest['config'] = put(MEDIA.ociConfig, nydusConfig)),
  ],
  [
    'a config type that no client knows',
    ['CONFIG-MEDIA-TYPE'],
    ({ nydusManifest, nydusConfig, put }) =>
      (nydusManifest['config'] = put('application/x-config', nydusConfig)),
  ],
];

function setParameter(config: Json, name: string, value: unknown): void {
  config['config'] = { ...(config['config'] as Json), [name]: value };
}

for (const [title, ids, change] of CASES) {
  test(`${title} is found as ${ids.join(', ')}`, async () => {
    assert.deepEqual((await findingsOf(change)).sort(), [...ids].sort());
  });
}

/** Parameters of the source's config, and a value of each that is another one. */
const PARAMETERS: Readonly<Record<string, unknown>> = {
  User: '1000',
  Env: ['A=b', 'C=d'],
  Entrypoint: ['/bin/sh'],
  Cmd: ['-c', 'true'],
  WorkingDir: '/srv',
  StopSignal: 'SIGINT',
  Volumes: { '/data': {} },
  ExposedPorts: { '80/tcp': {} },
  Labels: { 'org.example.empty': '' },
};

for (const [name, value] of Object.entries(PARAMETERS)) {
  test(`a ${name} that the source does not have is an error in either half, and between the halves`, async () => {
    for (const half of ['ociConfig', 'nydusConfig'] as const) {
      const change = (parts: MergedParts): void => {
        setParameter(parts[half], name, value);
      };
      assert.deepEqual(await findingsOf(change), ['CONFIG-FIELD'], half);
      assert.deepEqual(await findingsOf(change, undefined, 'no source'), ['CONFIG-HALVES'], half);
    }
  });
}

test('another platform in the config is an error, since clients choose by it where no index does', async () => {
  for (const [name, value] of Object.entries({
    os: 'freebsd',
    architecture: 'arm64',
    variant: 'v2',
    'os.version': '1',
  })) {
    const ids = await findingsOf(({ nydusConfig }) => {
      nydusConfig[name] = value;
    });
    assert.ok(ids.includes('CONFIG-FIELD'), `${name}: ${ids.join()}`);
  }
});

const LOST: Readonly<Record<string, (config: Json) => unknown>> = {
  'the time of creation': (config) => (config['created'] = '2026-01-01T00:00:01Z'),
  'an entry of the history': (config) => ((config['history'] as Json[])[0] = { created_by: 'another' }),
  Healthcheck: (config) => {
    setParameter(config, 'Healthcheck', undefined);
  },
  Shell: (config) => {
    setParameter(config, 'Shell', ['/bin/bash']);
  },
  container_config: (config) => (config['container_config'] = { Hostname: 'x' }),
};

for (const [what, change] of Object.entries(LOST)) {
  test(`another ${what} is a warning`, async () => {
    assert.deepEqual(await findingsOf(({ nydusConfig }) => change(nydusConfig)), ['CONFIG-METADATA']);
  });
}

test('absent, null and empty fields are the same to clients, and a time may be written in several ways', async () => {
  for (const empty of [null, '', [], {}, false, 0]) {
    const ids = await findingsOf(({ nydusConfig, ociConfig }) => {
      setParameter(nydusConfig, 'Cmd', empty);
      setParameter(ociConfig, 'ArgsEscaped', empty);
      nydusConfig['author'] = empty;
      nydusConfig['docker_version'] = empty;
    });
    assert.deepEqual(ids, [], JSON.stringify(empty));
  }
  for (const created of ['2026-01-01T00:00:00.000Z', '2026-01-01T01:00:00+01:00']) {
    assert.deepEqual(await findingsOf(({ nydusConfig }) => (nydusConfig['created'] = created)), []);
  }
  const later = ({ nydusConfig }: MergedParts): unknown =>
    (nydusConfig['created'] = '2026-01-01T00:00:00.000000001Z');
  assert.deepEqual(await findingsOf(later), ['CONFIG-METADATA']);
});

test('without a source, halves that name different sources are an error where their configs differ, else a note', async () => {
  const other = ({ nydusManifest }: MergedParts): void => {
    Object.assign(nydusManifest['annotations'] as Json, {
      [ANNOTATION.nydusSourceDigest]: `sha256:${'0'.repeat(64)}`,
    });
  };
  assert.deepEqual(await findingsOf(other, undefined, 'no source'), ['MANIFEST-SOURCE-HALVES']);
  const rebuilt = (parts: MergedParts): void => {
    other(parts);
    parts.nydusConfig['created'] = '2026-02-02T00:00:00Z';
  };
  assert.deepEqual(await findingsOf(rebuilt, undefined, 'no source'), ['CONFIG-HALVES']);
  const lossy = ({ nydusConfig }: MergedParts): void => {
    setParameter(nydusConfig, 'Healthcheck', undefined);
  };
  assert.deepEqual(await findingsOf(lossy, undefined, 'no source'), ['CONFIG-METADATA']);
});

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
