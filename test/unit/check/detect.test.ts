import assert from 'node:assert/strict';
import { test } from 'node:test';
import { clientsOf, platformsOf, type PlatformClients } from '../../../src/check/clients.js';
import { detectAlternative, Detector } from '../../../src/check/detect.js';
import { decodeIndex, GoJsonError } from '../../../src/check/go-json.js';
import { atOnce } from '../../../src/turns.js';
import { parseDigest, sha256, type Digest } from '../../../src/oci/digest.js';
import { MEDIA } from '../../../src/oci/media-types.js';
import { MemoryStore, putMerged, type Json } from '../../support/registries/memory-store.js';

function digestsOf(store: MemoryStore): readonly [oci: Digest, nydus: Digest] {
  const bytes = store.root === undefined ? undefined : store.content.get(store.root.digest);
  const { manifests } = JSON.parse(Buffer.from(bytes ?? []).toString()) as { manifests: Json[] };
  const [oci, nydus] = manifests.map((entry) => parseDigest(String(entry['digest'])));
  assert.ok(oci && nydus);
  return [oci, nydus];
}

test('a replay tells step by step how the bootstrap is found', async () => {
  const store = putMerged(new MemoryStore());
  const [oci, nydus] = digestsOf(store);
  const { outcome, alternative, bootstrap, steps } = await detectAlternative(store, oci);
  assert.equal(outcome, 'found');
  assert.equal(alternative, nydus);
  assert.equal(bootstrap?.digest, sha256('bootstrap'));
  assert.deepEqual(
    steps.map(({ step, ok }) => `${ok ? 'ok' : 'no'} ${step}`),
    [
      'ok resolve reference',
      'ok read index',
      'ok find manifest in index',
      'ok read platform',
      'ok find alternative',
      'ok read alternative',
      'ok find bootstrap',
    ],
  );
  assert.deepEqual(steps[4]?.detail, [
    'entry 1, linux/amd64: no mark',
    'entry 2, linux/amd64 +nydus.remoteimage.v1: marked by artifactType and os.features',
  ]);
});

test('the coming matcher passes by an entry with a feature, and the trace says so', async () => {
  const store = putMerged(new MemoryStore());
  const [oci] = digestsOf(store);
  const { outcome, steps } = await detectAlternative(store, oci, { matcher: 'subset' });
  assert.equal(outcome, 'not found');
  assert.deepEqual(steps.at(-1), {
    step: 'find alternative',
    ok: false,
    detail: [
      'entry 1, linux/amd64: no mark',
      'entry 2, linux/amd64 +nydus.remoteimage.v1: features that are not wanted',
      'no entry of this platform is marked as Nydus',
    ],
  });
});

test('an entry without platform ends in a panic, and a reference that is one manifest in nothing', async () => {
  const store = putMerged(new MemoryStore(), ({ ociEntry }) => delete ociEntry['platform']);
  const [oci] = digestsOf(store);
  assert.equal((await detectAlternative(store, oci)).outcome, 'panic');
  store.root = { mediaType: MEDIA.ociManifest, digest: oci, size: store.content.get(oci)?.length ?? 0 };
  const alone = await detectAlternative(store, oci);
  assert.equal(alone.outcome, 'not found');
  assert.equal(alone.steps.at(-1)?.step, 'find manifest in index');
});

test('a store that knows no referrers ends referrer detection, and says why', async () => {
  const store = putMerged(new MemoryStore());
  const [oci] = digestsOf(store);
  const { outcome, steps } = await detectAlternative(store, oci, { mode: 'referrer' });
  assert.equal(outcome, 'not found');
  assert.match(steps.at(-1)?.detail.join() ?? '', /knows no referrers/);
});

async function clients(store: MemoryStore): Promise<readonly PlatformClients[]> {
  const [oci, nydus] = digestsOf(store);
  const entries = await new Detector(store).entries();
  return clientsOf(store, platformsOf(entries ?? []), [
    { digest: oci, kind: 'oci', configType: MEDIA.ociConfig },
    { digest: nydus, kind: 'nydus', configType: MEDIA.nydusConfig },
  ]);
}

function lines(tables: readonly PlatformClients[]): string[] {
  return tables.flatMap(({ platform, clients: verdicts }) =>
    verdicts.map(
      ({ client, detection, versions, picks, outcome }) =>
        `${platform} ${client} ${detection ?? '-'} [${versions}] ${picks?.entry ?? 0} ${picks?.kind ?? '-'} ${outcome}`,
    ),
  );
}

test('the clients of a merged index: versions that do the same are one row', async () => {
  assert.deepEqual(lines(await clients(putMerged(new MemoryStore()))), [
    'linux/amd64 nydus-snapshotter index [as released] 1 oci lazily',
    'linux/amd64 nydus-snapshotter index [coming] 1 oci unpacked',
    'linux/amd64 nydus-snapshotter referrer [] 1 oci unpacked',
    'linux/amd64 nydus-snapshotter none [] 1 oci unpacked',
    'linux/amd64 containerd - [] 1 oci unpacked',
    'linux/amd64 Docker - [] 1 oci unpacked',
    'linux/amd64 podman - [] 1 oci unpacked',
    'linux/amd64 skopeo - [] 1 oci copied',
    'linux/amd64 crane - [] 1 oci copied',
    'linux/amd64 regctl - [] 1 oci copied',
    'linux/amd64 oras - [] 1 oci copied',
  ]);
});

test('a Nydus entry that comes first is what ordinary clients fail with', async () => {
  const store = putMerged(new MemoryStore());
  const bytes = store.root === undefined ? undefined : store.content.get(store.root.digest);
  const index = JSON.parse(Buffer.from(bytes ?? []).toString()) as { manifests: Json[] };
  const [oci, nydus] = digestsOf(store);
  store.root = store.putJson(MEDIA.ociIndex, { ...index, manifests: index.manifests.toReversed() });
  const [table] = await clientsOf(store, platformsOf((await new Detector(store).entries()) ?? []), [
    { digest: oci, kind: 'oci', configType: MEDIA.ociConfig },
    { digest: nydus, kind: 'nydus', configType: MEDIA.nydusConfig },
  ]);
  const by = (client: string): readonly string[] =>
    (table?.clients ?? []).filter((row) => row.client === client).map(({ outcome }) => outcome);
  assert.deepEqual(by('podman'), ['fails']);
  // The newer matcher passes by the entry with a feature.
  assert.deepEqual(by('containerd'), ['fails', 'unpacked']);
});

test('documents are read as Go reads them', () => {
  const read = (text: string): unknown =>
    atOnce(decodeIndex(Buffer.from(text))).manifests.map(({ digest }) => digest);
  assert.deepEqual(read('{"MANIFESTS":[{"Digest":"a"},null,{"digest":null}],"unknown":[1]}'), ['a', '', '']);
  assert.deepEqual(read('null'), []);
  for (const wrong of ['', '[]', '{"manifests":{}}', '{"manifests":[{"size":"1"}]}', '{"manifests":[1]}'])
    assert.throws(() => read(wrong), GoJsonError, wrong);
});
