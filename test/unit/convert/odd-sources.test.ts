/** Sources that list more than one image for Linux: what is converted, what is said, and what `check` makes of it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { checkImage } from '../../../src/check/check.js';
import type { CheckResult } from '../../../src/check/result.js';
import { convertImage } from '../../../src/convert/convert.js';
import type { ConvertOptions } from '../../../src/convert/options.js';
import { planConversion } from '../../../src/convert/plan.js';
import { readReference } from '../../../src/image/reference-tree.js';
import { chooseImage } from '../../../src/image/choose.js';
import type { Descriptor } from '../../../src/oci/descriptor.js';
import { sha256, type Digest } from '../../../src/oci/digest.js';
import { ANNOTATION, MEDIA } from '../../../src/oci/media-types.js';
import { parsePlatform, parsePlatforms } from '../../../src/oci/platform.js';
import type { ConvertEvent } from '../../../src/reporter.js';
import { file, layer } from '../../support/images/tar.js';
import { MemoryStore, type Json } from '../../support/registries/memory-store.js';

const AMD64 = { os: 'linux', architecture: 'amd64' };
const ARM64 = { os: 'linux', architecture: 'arm64' };
const S390X = { os: 'linux', architecture: 's390x' };
const WINDOWS = { os: 'windows', architecture: 'amd64' };
const OUTSIDE = { mediaType: MEDIA.dockerForeignLayer, urls: ['https://layers.test/1'] };

interface Outline {
  readonly platform?: Json;
  readonly manifest?: Json;
  readonly config?: Json;
  readonly layer?: Json;
}

/** An image of one file; `name` makes it another one. */
function putImage(store: MemoryStore, name: string, outline: Outline = {}): Descriptor {
  const tar = layer(file(name, name));
  const config = store.putJson(MEDIA.ociConfig, {
    ...(outline.platform ?? AMD64),
    rootfs: { type: 'layers', diff_ids: [sha256(tar)] },
    history: [{ created_by: name }],
    ...outline.config,
  });
  return store.putJson(MEDIA.ociManifest, {
    schemaVersion: 2,
    mediaType: MEDIA.ociManifest,
    config,
    layers: [{ ...store.put(MEDIA.ociLayerGzip, gzipSync(tar)), ...outline.layer }],
    ...outline.manifest,
  });
}

function putIndex(store: MemoryStore, manifests: readonly unknown[], more: Json = {}): Descriptor {
  return store.putJson(MEDIA.ociIndex, { schemaVersion: 2, mediaType: MEDIA.ociIndex, manifests, ...more });
}

function sourceWith(fill: (store: MemoryStore) => Descriptor): MemoryStore {
  const store = new MemoryStore('memory.test/source:1');
  store.root = fill(store);
  return store;
}

interface Outcome {
  readonly target: MemoryStore;
  readonly warnings: readonly string[];
}

async function converted(source: MemoryStore, options: Partial<ConvertOptions> = {}): Promise<Outcome> {
  const target = new MemoryStore('memory.test/target:1');
  const warnings: string[] = [];
  await convertImage(
    { source, target },
    { threads: 1, openOriginal: () => source, allowedHosts: ['memory.test'], ...options },
    {
      reporter: {
        emit: (event) => {
          if (event.type === 'warning') warnings.push(event.code);
        },
      },
    },
  );
  return { target, warnings };
}

async function checked(target: MemoryStore, source: MemoryStore): Promise<CheckResult> {
  return checkImage({ target, source }, { threads: 1 });
}

function documentOf(store: MemoryStore, digest: Digest | undefined): Json {
  return JSON.parse(Buffer.from(store.content.get(digest ?? sha256('')) ?? []).toString()) as Json;
}

interface IndexJson {
  readonly manifests: readonly (Descriptor & Json & { readonly platform?: Json })[];
}

function indexOf(store: MemoryStore): IndexJson & Json {
  return documentOf(store, store.root?.digest) as IndexJson & Json;
}

test('an index inside an index is entered, and its images take its place', async () => {
  const source = sourceWith((store) =>
    putIndex(store, [
      { ...putIndex(store, [{ ...putImage(store, 'amd'), platform: AMD64 }]), platform: AMD64 },
      // The inner entry states no platform, and its config knows it as little as the outer index does.
      { ...putIndex(store, [putImage(store, 'arm', { platform: ARM64 })]), platform: ARM64 },
    ]),
  );
  const { target, warnings } = await converted(source, { mergePlatform: true });
  assert.deepEqual(
    indexOf(target).manifests.map(({ platform }) => platform?.['architecture']),
    ['amd64', 'arm64', 'amd64', 'arm64'],
  );
  assert.deepEqual(warnings, []);
  const { verdict, platforms } = await checked(target, source);
  assert.deepEqual([verdict, platforms.length], ['good', 2]);
  const tree = await readReference(source, {});
  const image = await chooseImage(tree, { platform: parsePlatform('linux/arm64') }, {});
  assert.equal(image.entry.platform?.architecture, 'arm64');
  const plan = await planConversion({ source, target: source.place });
  assert.deepEqual(
    plan.images.map(({ platform }) => platform),
    ['linux/amd64', 'linux/arm64'],
  );
});

test('what a nested index repeats is converted once, and an empty one is kept', async () => {
  const source = sourceWith((store) => {
    const image = { ...putImage(store, 'app'), platform: AMD64 };
    return putIndex(store, [image, putIndex(store, [image]), putIndex(store, [])]);
  });
  const { target } = await converted(source, { mergePlatform: true });
  assert.deepEqual(
    indexOf(target).manifests.map(({ mediaType }) => mediaType),
    [MEDIA.ociManifest, MEDIA.ociManifest, MEDIA.ociIndex],
  );
});

test('an image that is listed for several platforms is converted once, and listed for each', async () => {
  const source = sourceWith((store) => {
    const image = putImage(store, 'app');
    return putIndex(
      store,
      [AMD64, ARM64, S390X].map((platform) => ({ ...image, platform })),
    );
  });
  const target = new MemoryStore();
  let layers = 0;
  const emit = ({ type }: ConvertEvent): void => void (layers += type === 'layer.done' ? 1 : 0);
  const result = await convertImage({ source, target }, {}, { reporter: { emit } });
  assert.equal(layers, 1);
  assert.deepEqual(
    result.images.map(({ platform }) => platform),
    ['linux/amd64', 'linux/arm64', 'linux/s390x'],
  );
  assert.equal(new Set(indexOf(target).manifests.map(({ digest }) => digest)).size, 1);
});

test('a list of platforms is met in full, or nothing is converted', async () => {
  const source = sourceWith((store) => putIndex(store, [{ ...putImage(store, 'amd'), platform: AMD64 }]));
  const platforms = parsePlatforms('linux/amd64,linux/s390x');
  for (const run of [
    () => converted(source, { platforms }),
    () => planConversion({ source, target: source.place }, { platforms }),
  ])
    await assert.rejects(run(), /has no image for linux\/s390x/);
  const { target, warnings } = await converted(source, { platforms, allowMissingPlatforms: true });
  assert.deepEqual(warnings, ['PLATFORM_MISSING']);
  const found = await checkImage({ target }, { platforms });
  assert.deepEqual(
    found.findings.map(({ id, where }) => [id, where.platform]),
    [['IMAGE-NO-PLATFORM', 'linux/s390x']],
  );
  const allowed = await checkImage({ target }, { platforms, allowMissingPlatforms: true });
  assert.deepEqual(allowed.findings, []);
  const single = sourceWith((store) => putImage(store, 'amd'));
  await assert.rejects(converted(single, { platforms }), /has no image for linux\/s390x/);
});

test('an image that the source lists and does not hold is missing', async () => {
  const source = sourceWith((store) => {
    const arm = putImage(store, 'arm', { platform: ARM64 });
    store.content.delete(arm.digest);
    return putIndex(store, [
      { ...putImage(store, 'amd'), platform: AMD64 },
      { ...arm, platform: ARM64 },
    ]);
  });
  await assert.rejects(converted(source), /lists an image for linux\/arm64 that it does not hold/);
  const one = await converted(source, { platforms: parsePlatforms('linux/amd64') });
  assert.deepEqual(one.warnings, []);
  assert.deepEqual((await checked(one.target, source)).findings, []);
  const rest = await converted(source, { allowMissingPlatforms: true });
  assert.deepEqual(rest.warnings, ['PLATFORM_MISSING']);
});

test('embedded bytes of the config follow the config, and come back with it', async () => {
  for (const data of [true, false]) {
    const source = sourceWith((store) => {
      const image = putImage(store, 'app');
      const manifest = documentOf(store, image.digest) as Json & { config: Descriptor & Json };
      const bytes = Buffer.from(data ? (store.content.get(manifest.config.digest) ?? []) : 'other bytes');
      manifest.config = { ...manifest.config, data: bytes.toString('base64'), urls: ['https://old.test/'] };
      return store.putJson(MEDIA.ociManifest, manifest);
    });
    const { target, warnings } = await converted(source, { mergePlatform: true });
    const half = documentOf(target, indexOf(target).manifests[0]?.digest) as { config: Descriptor & Json };
    const { config } = half;
    assert.equal(config['urls'], undefined);
    assert.deepEqual(warnings, ['CONFIG_DESCRIPTOR']);
    if (data) assert.equal(sha256(Buffer.from(String(config['data']), 'base64')), config.digest);
    else assert.equal(config['data'], undefined);
    assert.equal((await checked(target, source)).verdict, 'good');
    const again = await converted(target, { mergePlatform: true, openOriginal: () => source });
    assert.equal(again.target.root?.digest, target.root?.digest);
  }
});

test('what speaks of the source itself is not inherited, and said', async () => {
  const own = { 'com.amazon.soci.index-digest': sha256('soci'), 'org.example.kept': 'yes' };
  const source = sourceWith((store) => {
    const subject = store.putJson(MEDIA.ociManifest, { schemaVersion: 2 });
    const manifest = { subject, artifactType: 'application/vnd.example.variant', annotations: own };
    const image = { ...putImage(store, 'app', { manifest }), platform: AMD64 };
    const zstd = { 'io.github.containers.compression.zstd': 'true', 'org.example.of': image.digest };
    return putIndex(store, [{ ...image, annotations: zstd }], { subject, annotations: own });
  });
  const { target, warnings } = await converted(source, { mergePlatform: true });
  assert.ok(warnings.includes('IDENTITY_LEFT_OUT'));
  const index = indexOf(target);
  assert.equal(index['subject'], undefined);
  assert.deepEqual(index['annotations'], { 'org.example.kept': 'yes' });
  const [oci, nydus] = index.manifests;
  assert.deepEqual(Object.keys(oci?.annotations ?? {}), [
    'io.github.containers.compression.zstd',
    'containerd.io/snapshot/nydus-source-digest',
  ]);
  assert.deepEqual(nydus?.annotations, undefined);
  const manifest = documentOf(target, nydus?.digest) as Json & { annotations: Json };
  assert.deepEqual([manifest['subject'], manifest['artifactType']], [undefined, undefined]);
  assert.equal(manifest.annotations['com.amazon.soci.index-digest'], undefined);
  assert.equal(manifest.annotations['org.example.kept'], 'yes');
  const errors = (await checked(target, source)).findings.filter(({ severity }) => severity === 'error');
  assert.deepEqual(errors, []);
  const again = await converted(target, { mergePlatform: true });
  assert.equal(again.target.root?.digest, target.root?.digest);
});

test('images that cannot become RAFS images are passed over aloud, and stay in a merged index', async () => {
  const wasm = { layer: { mediaType: 'application/vnd.wasm.content.layer.v1+wasm' } };
  const entries = (store: MemoryStore): readonly (Descriptor & Json)[] => [
    { ...putImage(store, 'windows', { platform: WINDOWS, layer: OUTSIDE }), platform: WINDOWS },
    { ...putImage(store, 'darwin'), platform: { os: 'darwin', architecture: 'arm64' } },
    { ...putImage(store, 'wasm', wasm), platform: { os: 'linux', architecture: 'riscv64' } },
    { ...store.putJson(MEDIA.dockerSchema1, { schemaVersion: 1 }), platform: S390X },
  ];
  const source = sourceWith((store) =>
    putIndex(store, [{ ...putImage(store, 'linux'), platform: AMD64 }, ...entries(store)]),
  );
  const merged = await converted(source, { mergePlatform: true });
  assert.deepEqual(merged.warnings, Array<string>(4).fill('IMAGE_PASSED_OVER'));
  const kept = indexOf(merged.target).manifests.slice(2);
  assert.deepEqual(kept, indexOf(source).manifests.slice(1));
  const found = await checked(merged.target, source);
  assert.equal(found.verdict, 'good', JSON.stringify(found.findings));
  const again = await converted(merged.target, { mergePlatform: true });
  assert.equal(again.target.root?.digest, merged.target.root?.digest);
  // Without merging nothing but the Nydus image is left.
  const plain = await converted(source);
  assert.equal(plain.target.root?.mediaType, MEDIA.ociManifest);
  for (const platforms of [parsePlatforms('windows/amd64'), parsePlatforms('linux/amd64,linux/riscv64')])
    await assert.rejects(converted(source, { platforms }), /mounted by Linux alone|is no file system/);
  const alone = sourceWith((store) => putImage(store, 'w', { platform: WINDOWS }));
  await assert.rejects(converted(alone), /for windows, and RAFS is mounted by Linux alone/);
});

test('an entry that cannot be copied is left out aloud', async () => {
  const source = sourceWith((store) => {
    const gone = store.putJson(MEDIA.ociManifest, { schemaVersion: 2, gone: true });
    store.content.delete(gone.digest);
    const unknown = { os: 'unknown', architecture: 'unknown' };
    return putIndex(store, [
      { ...putImage(store, 'app'), platform: AMD64 },
      { ...gone, platform: unknown },
    ]);
  });
  const { target, warnings } = await converted(source, { mergePlatform: true });
  assert.deepEqual(warnings, ['ENTRY_LEFT_OUT']);
  assert.equal(indexOf(target).manifests.length, 2);
});

test('oddities that the OCI half keeps are said by convert, and no errors of check', async () => {
  const history = [1, 2, 3].map((i) => ({ created_by: `step ${i}` }));
  const source = sourceWith((store) =>
    putIndex(store, [{ ...putImage(store, 'app', { config: { history } }), platform: ARM64 }], {
      annotations: null,
    }),
  );
  const { target, warnings } = await converted(source, { mergePlatform: true });
  assert.deepEqual([...warnings].sort(), ['CONFIG_HISTORY', 'CONFIG_PLATFORM']);
  const found = await checked(target, source);
  assert.deepEqual(
    [
      found.verdict,
      found.findings
        .map(({ id }) => id)
        .sort()
        .join(),
    ],
    ['good', 'CONFIG-HISTORY-OCI,CONFIG-PLATFORM,CONFIG-PLATFORM'],
  );
});

test('members that are null count as absent', async () => {
  const manifest = { annotations: null, subject: null, artifactType: null };
  const config = { history: null, variant: null, 'os.features': null, config: null };
  const source = sourceWith((store) => putImage(store, 'app', { manifest, config }));
  for (const mergePlatform of [false, true]) {
    const { target, warnings } = await converted(source, { mergePlatform });
    assert.deepEqual(warnings, []);
    const errors = (await checked(target, source)).findings.filter(({ severity }) => severity !== 'note');
    assert.deepEqual(errors, []);
  }
});

test('a Nydus image of the platform that is asked for is called what it is, beside ordinary images of others', async () => {
  const nydus = (store: MemoryStore): Descriptor => {
    const { layers } = documentOf(store, putImage(store, 'lazy').digest) as { layers: Json[] };
    const bootstrap = { ...layers[0], annotations: { [ANNOTATION.nydusBootstrap]: 'true' } };
    return putImage(store, 'lazy', { manifest: { layers: [bootstrap] } });
  };
  for (const mark of [{}, { artifactType: MEDIA.nydusArtifact }]) {
    const source = sourceWith((store) =>
      putIndex(store, [
        { ...nydus(store), platform: AMD64, ...mark },
        { ...putImage(store, 'arm', { platform: ARM64 }), platform: ARM64 },
      ]),
    );
    const asked = (platforms: string): Promise<Outcome> =>
      converted(source, { platforms: parsePlatforms(platforms) });
    await assert.rejects(asked('linux/amd64'), /:1 for linux\/amd64 is already a Nydus image$/);
    await assert.rejects(
      asked('linux/amd64,linux/arm64'),
      /has no image for linux\/amd64 that can be converted: the one that it has is already a Nydus image$/,
    );
    await assert.rejects(asked('linux/s390x'), /has no image for linux\/s390x$/);
    await asked('linux/arm64');
  }
});

test('an image may record the index that it was chosen from, even where only the index states its variant', async () => {
  const V2 = { ...AMD64, variant: 'v2' };
  const source = sourceWith((store) =>
    putIndex(store, [
      { ...putImage(store, 'app'), platform: V2 },
      { ...putImage(store, 'arm', { platform: ARM64 }), platform: ARM64 },
    ]),
  );
  const single = MemoryStore.copyOf(source);
  single.root = indexOf(source).manifests[0];
  const { target } = await converted(single);
  const own = documentOf(target, target.root?.digest);
  const recording = (digest: string | undefined): MemoryStore => {
    const store = MemoryStore.copyOf(target);
    const annotations = { ...(own['annotations'] as Json), [ANNOTATION.nydusSourceDigest]: digest };
    store.root = store.putJson(MEDIA.ociManifest, { ...own, annotations });
    return store;
  };
  const idsOf = async (store: MemoryStore): Promise<readonly string[]> =>
    (await checked(store, source)).findings.map(({ id }) => id);
  assert.deepEqual(await idsOf(recording(source.root?.digest)), []);
  // Nothing but the platform could tell which image is meant, and the platforms differ.
  assert.deepEqual(await idsOf(recording(sha256('another'))), ['SOURCE-NO-PLATFORM']);
});

for (const indexMarks of ['none', 'both', 'artifact-type', 'os-features', 'dual'] as const) {
  const kind = indexMarks === 'none' ? 'an index of Nydus images' : `a merged index (marks ${indexMarks})`;
  test(`one platform of ${kind} is checked without a word about the others`, async () => {
    const source = sourceWith((store) =>
      putIndex(store, [
        { ...putImage(store, 'amd'), platform: AMD64 },
        { ...putImage(store, 'arm', { platform: ARM64 }), platform: ARM64 },
        { ...putImage(store, 's390', { platform: S390X }), platform: S390X },
      ]),
    );
    const marks = indexMarks === 'none' ? {} : { mergePlatform: true, indexMarks };
    const { target } = await converted(source, marks);
    for (const name of ['linux/amd64', 'linux/arm64', 'linux/arm64,linux/s390x']) {
      const platforms = parsePlatforms(name);
      for (const images of [{ target, source }, { target }]) {
        const result = await checkImage(images, { platforms, threads: 1 });
        assert.deepEqual(
          [result.platforms.map(({ platform }) => platform).join(), result.findings],
          [name, []],
        );
      }
    }
  });
}

test('an image of more layers than RAFS v6 has room for blobs is told of before any of them is read', async () => {
  const layers = Array.from({ length: 255 }, (_, number) => ({
    mediaType: MEDIA.ociLayerGzip,
    digest: sha256(`layer ${number}`),
    size: 100,
  }));
  const source = sourceWith((store) => putImage(store, 'a', { manifest: { layers } }));
  const warningsOf = async (fsVersion: 5 | 6): Promise<readonly string[]> => {
    const warnings: string[] = [];
    const emit = (event: ConvertEvent): void => {
      if (event.type === 'warning') warnings.push(`${event.code}: ${event.message}`);
    };
    const target = new MemoryStore('memory.test/target:1');
    await planConversion({ source, target }, { fsVersion }, { reporter: { emit } });
    return warnings.filter((text) => text.startsWith('MANY_LAYERS'));
  };
  const [warning] = await warningsOf(6);
  assert.match(warning ?? '', /an image has 255 layers, and RAFS v6 holds 254 blobs: /);
  assert.deepEqual(await warningsOf(5), []);
});
