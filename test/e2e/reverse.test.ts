/** Nydus images that become ordinary images again: the original where it can be had, and else one with the same files. */
import assert from 'node:assert/strict';
import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { gunzipSync, gzipSync } from 'node:zlib';
import { decompress as unzstd } from 'fzstd';
import { convertImage } from '../../src/convert/convert.js';
import type { ConvertOptions } from '../../src/convert/options.js';
import { diffFiles } from '../../src/look/diff.js';
import { openFilesystem } from '../../src/look/open.js';
import { sha256 } from '../../src/oci/digest.js';
import { MEDIA } from '../../src/oci/media-types.js';
import { anonymous } from '../../src/registry/auth/credentials.js';
import { openSource, openTarget } from '../../src/registry/open.js';
import type { Location } from '../../src/registry/location.js';
import type { ImageSource } from '../../src/registry/stores/store.js';
import type { ReverseOptions } from '../../src/reverse/options.js';
import { reverseImage, type ReverseResult } from '../../src/reverse/reverse.js';
import { referenceCases, referenceLayers, referenceText } from '../support/images/fixtures.js';
import {
  DOCKER,
  manifestOf,
  OCI,
  putImage,
  respelled,
  sourceImage,
  storedImage,
} from '../support/images/memory-conversion.js';
import { randomImage } from '../support/images/random-layers.js';
import { dir, file, hardlink, layer, opaque, symlink, whiteout } from '../support/images/tar.js';
import { treeDifferences } from '../support/images/tree-differences.js';
import { diskTree } from '../support/images/disk-tree.js';
import { edgeImages } from '../support/images/edge-images.js';
import { noise } from '../support/images/opaque-image.js';
import { needs } from '../support/needs.js';
import { upstreamImages } from '../support/references/upstream-images.js';
import { umociTree } from '../support/references/umoci.js';
import { answer } from '../support/registries/observed-registry.js';
import { cutAfter, isUpload, observedUploads } from '../support/registries/observed-uploads.js';
import { MemoryStore } from '../support/registries/memory-store.js';
import { removeFolder, tempFolder } from '../support/temp-folder.js';

const FORMATS: Readonly<Record<string, Partial<ConvertOptions>>> = {
  'v6 zstd': {},
  'v6 zstd, chunks of lower layers referred to': { dedup: 'image' },
  'v6 lz4': { compressor: 'lz4_block' },
  'v6 none': { compressor: 'none' },
  'v6 batches': { batchSize: 0x10_0000 },
  'v6 small chunks, SHA-256': { chunkSize: 0x1000, digester: 'sha256' },
  'v5 zstd': { fsVersion: 5 },
  'v5 lz4, chunks of lower layers referred to': { fsVersion: 5, compressor: 'lz4_block', dedup: 'image' },
};

/** Images of one platform, whose chunks are in blobs. */
const UPSTREAM = [
  'v6-zstd',
  'v6-lz4',
  'v6-none',
  'v6-batch',
  'v6-64k',
  'v5-zstd',
  'v5-lz4',
  'v5-aligned',
  'dict',
  'prefetch',
  'collapsed',
  'cached',
];

const REBUILD: Partial<ReverseOptions> = { mode: 'rebuild', threads: 2 };

async function nydusOf(source: MemoryStore, options: Partial<ConvertOptions> = {}): Promise<MemoryStore> {
  const target = new MemoryStore('memory.test/nydus:1');
  await convertImage({ source, target }, { threads: 2, ...options });
  return target;
}

interface Back {
  readonly store: MemoryStore;
  readonly result: ReverseResult;
}

async function back(
  source: MemoryStore,
  options: Partial<ReverseOptions> = REBUILD,
  target = new MemoryStore('memory.test/back:1'),
): Promise<Back> {
  return { store: target, result: await reverseImage({ source, target }, options) };
}

function diffIdsOf({ result }: Back): readonly string[] {
  return result.images.flatMap(({ layers }) => layers.map(({ diffId }) => diffId));
}

/** Nothing differs between two images, contents and times included. Chunks are compared by their digests. */
async function assertSameFiles(one: ImageSource, other: ImageSource): Promise<void> {
  const first = await openFilesystem(one);
  const second = await openFilesystem(other, { chunkSize: first.chunkSize });
  assert.deepEqual([...diffFiles(first, second, { times: true })], []);
}

for (const name of referenceCases()) {
  test(`${name} comes back from every format as one and the same image, with the files that umoci sees`, async (t) => {
    if (!needs(t, 'python3')) return;
    const source = sourceImage(referenceLayers(name));
    let [first, squashed]: (Back | undefined)[] = [];
    for (const [format, options] of Object.entries(FORMATS)) {
      const nydus = await nydusOf(source, options);
      const made = await back(nydus);
      first ??= made;
      assert.deepEqual(diffIdsOf(made), diffIdsOf(first), format);
      assert.equal(made.result.root.digest, first.result.root.digest, format);
      const one = await back(nydus, { ...REBUILD, layers: 'squash' });
      squashed ??= one;
      assert.deepEqual(diffIdsOf(one), diffIdsOf(squashed), `${format}, squashed`);
    }
    assert.ok(first !== undefined && squashed !== undefined);
    const { layers } = manifestOf(source);
    assert.equal(diffIdsOf(first).length, layers.length, 'as many layers as there were');
    const nydus = await nydusOf(source);
    for (const made of [first, squashed]) await assertSameFiles(nydus, made.store);
    if (name === 'xattrs') return; // umoci refuses values that the disk does not hold
    if (!needs(t, 'umoci', 'root')) return;
    await assertTree(t, first.store, referenceText(name, 'expected.tree'));
  });
}

/** umoci unpacks the image to this tree. */
async function assertTree(t: TestContext, image: MemoryStore, expected: string): Promise<void> {
  const folder = await tempFolder(t);
  const location = `oci:${join(folder, 'layout')}:v`;
  await using target = openTarget(location, { credentials: anonymous });
  for (const { mediaType, digest, size } of [...manifestOf(image).layers, manifestOf(image).config]) {
    const bytes = image.content.get(digest) ?? Buffer.alloc(0);
    await target.push(
      { mediaType, digest, size },
      { size, open: () => image.fetch({ mediaType, digest, size }) },
    );
    assert.equal(bytes.length, size);
  }
  const root = image.root ?? assert.fail('the image has a root');
  await target.tag(root, image.content.get(root.digest) ?? Buffer.alloc(0));
  const work = join(folder, 'work');
  await mkdir(work);
  const { tree, startedSeconds } = await umociTree(join(folder, 'layout'), 'v', work);
  const options = { wholeSeconds: true, dropEmptyXattrs: true, unpackedSince: startedSeconds };
  assert.deepEqual(treeDifferences(diskTree(tree), diskTree(expected), options), []);
}

test('images at the edge of what the format holds come back, and convert to the same image again', async () => {
  for (const [name, { layers, options }] of Object.entries(edgeImages())) {
    const format: Partial<ConvertOptions> = { chunkSize: options?.chunkSize ?? 0x10_0000 };
    const nydus = await nydusOf(sourceImage(layers), format);
    const made = await back(nydus);
    await assertSameFiles(nydus, made.store);
    const again = await back(await nydusOf(made.store, format));
    assert.deepEqual(diffIdsOf(again), diffIdsOf(made), `${name}: a canonical tar stays as it is`);
  }
});

test('random images come back with their files, layer by layer and squashed', async () => {
  for (let seed = 0; seed < 24; seed++) {
    const { layers } = randomImage(seed);
    const nydus = await nydusOf(sourceImage(layers), { dedup: seed % 2 === 0 ? 'image' : 'layer' });
    const made = await back(nydus);
    await assertSameFiles(nydus, made.store);
    await assertSameFiles(nydus, (await back(nydus, { ...REBUILD, layers: 'squash' })).store);
    const again = await back(await nydusOf(made.store));
    assert.deepEqual(diffIdsOf(again), diffIdsOf(made), `seed ${seed}`);
  }
});

const LAYERS = [
  layer(
    dir('etc', { mode: 0o700, mtime: 5 }),
    file('etc/a', 'one'),
    file('etc/b', 'two'),
    dir('tmp', { mode: 0o1777 }),
  ),
  layer(file('tmp/x', 'x'), whiteout('etc/b'), hardlink('tmp/y', 'tmp/x'), symlink('etc/l', 'a')),
  layer(dir('etc'), opaque('etc'), file('etc/c', 'three')),
  layer(),
];

test('a layer without an entry for a directory leaves the attributes that the one below has given it', async () => {
  const nydus = await nydusOf(sourceImage(LAYERS));
  const made = await back(nydus);
  const names = manifestOf(made.store).layers.map(({ digest }) => namesIn(made.store, digest));
  assert.deepEqual(names, [
    ['./', 'etc/', 'etc/a', 'etc/b', 'tmp/'],
    ['./', 'etc/.wh.b', 'etc/l', 'tmp/x', 'tmp/y'],
    ['./', 'etc/', 'etc/.wh..wh..opq', 'etc/c'],
    [],
  ]);
});

/** Names in the headers of a small gzip'd tar. */
function namesIn(store: MemoryStore, digest: Parameters<MemoryStore['content']['get']>[0]): string[] {
  const tar = gunzipSync(store.content.get(digest) ?? Buffer.alloc(0));
  const names: string[] = [];
  for (let at = 0; at + 512 <= tar.length; at += 512) {
    const name = tar.toString('latin1', at, at + 100).replace(/\0.*$/s, '');
    if (tar.toString('latin1', at + 257, at + 262) === 'ustar') names.push(name);
  }
  return names;
}

test('every compressor and level gives layers of its type, with the same diffIDs', async () => {
  const nydus = await nydusOf(sourceImage(LAYERS));
  const plain = await back(nydus, { ...REBUILD, compression: { compressor: 'none' } });
  assert.deepEqual(
    manifestOf(plain.store).layers.map(({ digest }) => digest as string),
    diffIdsOf(plain),
  );
  for (const [compression, mediaType, unpack] of [
    [{ compressor: 'gzip' }, MEDIA.ociLayerGzip, gunzipSync],
    [{ compressor: 'gzip', level: 9 }, MEDIA.ociLayerGzip, gunzipSync],
    [{ compressor: 'zstd', level: 19 }, MEDIA.ociLayerZstd, unzstd],
  ] as const) {
    const made = await back(nydus, { ...REBUILD, compression });
    assert.deepEqual(diffIdsOf(made), diffIdsOf(plain));
    const { layers } = manifestOf(made.store);
    assert.deepEqual([...new Set(layers.map((one) => one.mediaType))], [mediaType]);
    assert.deepEqual(
      layers.map(({ digest }) => sha256(unpack(made.store.content.get(digest) ?? Buffer.alloc(0)))),
      diffIdsOf(made),
    );
  }
});

test('config and manifest are those of the source, but for the layers', async () => {
  for (const family of [OCI, DOCKER]) {
    const source = respelled(sourceImage(LAYERS, { family }), (manifest) => {
      manifest['annotations'] = { 'org.example.kept': 'yes' };
    });
    const nydus = await nydusOf(source, { withReferrer: family === OCI });
    const made = await back(nydus);
    const [was, is] = [manifestOf(source), manifestOf(made.store)];
    assert.deepEqual(
      { ...is, config: undefined, layers: undefined },
      { ...was, config: undefined, layers: undefined },
    );
    assert.equal(is.config.mediaType, family.config);
    assert.deepEqual([...new Set(is.layers.map(({ mediaType }) => mediaType))], [family.layer]);
    const [before, after] = [configOf(source), configOf(made.store)];
    assert.deepEqual({ ...after, rootfs: undefined }, { ...before, rootfs: undefined });
    assert.deepEqual(after['rootfs'], { type: 'layers', diff_ids: diffIdsOf(made) });
  }
  const zstd = await back(await nydusOf(sourceImage(LAYERS, { family: DOCKER })), {
    ...REBUILD,
    compression: { compressor: 'zstd' },
  });
  assert.equal(zstd.result.root.mediaType, MEDIA.ociManifest, "Docker's manifests have no layers of zstd");
});

function configOf(store: MemoryStore): Record<string, unknown> {
  const bytes = store.content.get(manifestOf(store).config.digest);
  return JSON.parse(Buffer.from(bytes ?? []).toString()) as Record<string, unknown>; // written by these tests, and edited
}

test('squashed layers are one layer with one entry of the history', async () => {
  const made = await back(await nydusOf(sourceImage(LAYERS)), { ...REBUILD, layers: 'squash' });
  assert.equal(diffIdsOf(made).length, 1);
  const history = configOf(made.store)['history'] as readonly { empty_layer?: boolean }[]; // an array, by the specification
  assert.equal(history.filter((entry) => entry.empty_layer !== true).length, 1);
  assert.equal(history.length, LAYERS.length + 1);
});

test('files that refer to a dictionary come back, and its blobs become no layers', async () => {
  const noise = Buffer.from(Array.from({ length: 40_000 }, (_, i) => (i * i * 7919) >> 8));
  const dictionary = await nydusOf(sourceImage([layer(file('d', noise))]));
  for (const fsVersion of [5, 6] as const) {
    const source = sourceImage([layer(file('copy', noise)), layer(file('own', 'own'))]);
    const words =
      fsVersion === 6 ? dictionary : await nydusOf(sourceImage([layer(file('d', noise))]), { fsVersion });
    const nydus = await nydusOf(source, { fsVersion, dictionary: words });
    assert.equal(manifestOf(nydus).layers.length, 4, 'two blobs, that of the dictionary, and the bootstrap');
    const made = await back(nydus);
    assert.equal(manifestOf(made.store).layers.length, 2);
    await assertSameFiles(source, made.store);
  }
});

const RELINK: Partial<ReverseOptions> = { mode: 'relink' };

function sourceOfTwo(): MemoryStore {
  const store = new MemoryStore('memory.test/source:1');
  const images = ['amd64', 'arm64'].map((architecture) => ({
    ...putImage(store, [...LAYERS, layer(file('arch', architecture))], { family: OCI, architecture }),
    platform: { os: 'linux', architecture },
  }));
  store.root = store.putJson(MEDIA.ociIndex, {
    schemaVersion: 2,
    mediaType: MEDIA.ociIndex,
    manifests: images,
  });
  return store;
}

test('a merged index gives the original manifests, byte for byte, whichever converter options it had', async () => {
  for (const mergeIsolation of ['empty-layer', 'none'] as const) {
    const single = sourceImage(LAYERS, { family: DOCKER });
    const merged = await nydusOf(single, { mergePlatform: true, mergeIsolation });
    const made = await back(merged, RELINK);
    assert.equal(made.result.root.digest, single.root?.digest);
    assert.deepEqual(
      made.result.images.map(({ how }) => how),
      ['relink'],
    );
    const source = sourceOfTwo();
    const both = await back(await nydusOf(source, { mergePlatform: true, mergeIsolation }), {});
    const digests = both.result.images.map(({ manifest }) => manifest.digest);
    const index = JSON.parse(
      Buffer.from(source.content.get(source.root?.digest ?? sha256('')) ?? []).toString(),
    ) as {
      manifests: readonly { digest: string }[];
    }; // made above
    assert.deepEqual(
      digests,
      index.manifests.map(({ digest }) => digest),
    );
  }
});

/** The original is asked for at the place that the test gives. */
function opening(stores: Readonly<Record<string, MemoryStore>>): Partial<ReverseOptions> {
  return {
    openOriginal: (location) => {
      assert.ok(location.kind === 'registry');
      const { repository, digest } = location.reference;
      const store = MemoryStore.copyOf(stores[repository] ?? new MemoryStore());
      const bytes = digest === undefined ? undefined : store.content.get(digest);
      store.root =
        bytes === undefined || digest === undefined
          ? undefined
          : { mediaType: MEDIA.ociManifest, digest, size: bytes.length };
      return store;
    },
  };
}

test('an original in the same repository is found by the digest that the image records, and by its subject', async () => {
  const source = sourceImage(LAYERS);
  const forgetful = (store: MemoryStore): MemoryStore =>
    respelled(store, (manifest) => {
      delete manifest['annotations'];
    });
  for (const nydus of [
    await nydusOf(source),
    forgetful(await nydusOf(source, { withReferrer: true })),
    await nydusOf(source, { ociRef: 'zran' }),
  ]) {
    const home = MemoryStore.copyOf(nydus);
    for (const [digest, bytes] of source.content) home.content.set(digest, bytes);
    const made = await back(home, { ...RELINK, ...opening({ nydus: home }) });
    assert.equal(made.result.root.digest, source.root?.digest);
    const layers = manifestOf(made.store).layers.map(({ digest }) => digest);
    assert.ok(
      layers.every((digest) => made.store.content.has(digest)),
      'with its layers',
    );
  }
});

test('an image whose chunks stay in the original layers comes back with these, without its original manifest', async () => {
  const compressed = [
    storedImage(
      [gzipSync(LAYERS[0] ?? ''), gzipSync(LAYERS[1] ?? '')],
      LAYERS.slice(0, 2),
      MEDIA.ociLayerGzip,
    ),
    // Nothing says the size of a layer without data, which is made again, as the next test shows.
    sourceImage(LAYERS.slice(0, 3)),
  ];
  for (const source of compressed) {
    const nydus = await nydusOf(source, { ociRef: 'zran' });
    const { store, result } = await back(nydus, { ...REBUILD, compression: { compressor: 'zstd' } });
    const ours = manifestOf(store);
    assert.deepEqual(
      ours.layers.map(({ digest, size, mediaType }) => ({ digest, size, mediaType })),
      manifestOf(source).layers.map(({ digest, size, mediaType }) => ({ digest, size, mediaType })),
    );
    const config = JSON.parse(String(source.content.get(manifestOf(source).config.digest))) as ConfigJson;
    const made = result.images.flatMap(({ layers }) => layers);
    assert.deepEqual(
      made.map(({ diffId, exact }) => [diffId, exact]),
      config.rootfs.diff_ids.map((diffId) => [diffId, 'layer']),
    );
    for (const { digest } of ours.layers) assert.ok(store.content.has(digest));
    await assertSameFiles(source, store);
  }
});

test('an image whose original layers are gone, or shall become one, is refused with the reason, and layers without data are made again', async () => {
  const source = sourceImage(LAYERS);
  const nydus = await nydusOf(source, { ociRef: 'zran' });
  await assert.rejects(back(nydus, { ...REBUILD, layers: 'squash' }), {
    message:
      'the chunks of the image stay in the layers of the original (zran), of which no other layers are made',
  });
  const { result } = await back(nydus);
  assert.deepEqual(
    result.images.flatMap(({ layers }) => layers.map(({ exact }) => exact)),
    ['layer', 'layer', 'layer', 'files'],
    'the last one has no data',
  );
  for (const { digest } of manifestOf(source).layers) nydus.content.delete(digest);
  await assert.rejects(back(nydus), /which is not in memory\.test/);
});

interface ConfigJson {
  readonly rootfs: { readonly diff_ids: readonly string[] };
}

test('an original that has lost a layer, or cannot be had, is made again, and the report says why', async () => {
  const source = sourceImage(LAYERS);
  const nydus = await nydusOf(source);
  const home = MemoryStore.copyOf(nydus);
  const lost = manifestOf(source).layers[1]?.digest;
  for (const [digest, bytes] of source.content) if (digest !== lost) home.content.set(digest, bytes);
  for (const [image, options, why] of [
    [home, opening({ nydus: home }), /^its layer sha256:\w+ is not in memory.test/],
    [nydus, opening({}), /^manifest sha256:\w+ is not there/],
  ] as const) {
    const made = await back(image, { ...options, threads: 2 });
    assert.deepEqual(
      made.result.images.map(({ how }) => how),
      ['rebuild'],
    );
    assert.match(made.result.images[0]?.why ?? '', why);
    await assertSameFiles(nydus, made.store);
    await assert.rejects(
      back(image, { ...options, ...RELINK }),
      /the original image for linux\/amd64 cannot be had/,
    );
  }
});

test('an image that is no Nydus image is refused, and so is a platform that is not there', async () => {
  await assert.rejects(back(sourceImage(LAYERS)), /is no Nydus image/);
  const merged = await nydusOf(sourceOfTwo(), { mergePlatform: true });
  const platforms = { kind: 'list', platforms: [{ os: 'linux', architecture: 's390x' }] } as const;
  await assert.rejects(back(merged, { platforms }), /there is no image for linux\/s390x/);
});

test('a blob that is damaged ends the run, and moves no tag', async () => {
  const nydus = await nydusOf(sourceImage([layer(file('f', 'x'.repeat(5000)))]));
  const blob = manifestOf(nydus).layers[0]?.digest ?? assert.fail('there is a blob');
  const bytes = Buffer.from(nydus.content.get(blob) ?? []);
  bytes[9] = (bytes[9] ?? 0) ^ 1;
  nydus.content.set(blob, bytes);
  const target = new MemoryStore('memory.test/back:1');
  await assert.rejects(back(nydus, REBUILD, target), /blob sha256:\w+: the chunk at 0/);
  assert.equal(target.root, undefined);
});

test('an index of Nydus images alone becomes an index of ordinary ones, without their marks', async () => {
  const source = sourceOfTwo();
  const made = await back(await nydusOf(source));
  assert.equal(made.result.root.mediaType, MEDIA.ociIndex);
  const index = JSON.parse(
    Buffer.from(made.store.content.get(made.result.root.digest) ?? []).toString(),
  ) as object;
  assert.doesNotMatch(JSON.stringify(index), /nydus/);
  assert.equal(made.result.images.length, 2);
});

const NOISE = noise(20_000_000, 5);

test('a large layer is sent while it is made, goes on after a cut, and is not sent again', async (t) => {
  const nydus = await nydusOf(sourceImage([layer(file('noise', NOISE))]));
  const wanted = await back(nydus);
  for (const chunkSize of [0, 5_000_000]) {
    const r = await observedUploads(t);
    const methods = async (): Promise<string> => {
      await using target = r.open({ chunkSize });
      const before = r.seen.length;
      const { root } = await reverseImage({ source: nydus, target }, REBUILD);
      assert.equal(root.digest, wanted.result.root.digest);
      return r.seen
        .slice(before)
        .map(({ method }) => method)
        .join(' ');
    };
    r.intercept = cutAfter('PATCH', 3_000_000);
    assert.match(await methods(), /POST.* PATCH.* PUT/);
    assert.doesNotMatch(await methods(), /PATCH/, 'a second run finds what the first one has sent');
  }
});

test('a registry that takes no blob of unknown size gets the layer when its digest is known', async (t) => {
  const nydus = await nydusOf(sourceImage([layer(file('noise', NOISE))]));
  const r = await observedUploads(t);
  r.intercept = (request, response) => isUpload(request, 'PATCH') && answer(response, 405);
  await using target = r.open();
  const { root } = await reverseImage({ source: nydus, target }, REBUILD);
  assert.equal(root.digest, (await back(nydus)).result.root.digest);
});

test('a folder and an archive get a large layer while it is made, once, and nothing else', async (t) => {
  const nydus = await nydusOf(sourceImage([layer(file('noise', NOISE))]));
  const wanted = (await back(nydus)).result.root.digest;
  const folder = await tempFolder(t);
  for (const location of [`oci:${join(folder, 'layout')}:v`, `oci-archive:${join(folder, 'a.tar')}:v`]) {
    await using target = openTarget(location, { credentials: anonymous });
    let fetched = 0;
    const source = MemoryStore.copyOf(nydus);
    const fetch = source.fetch.bind(source);
    source.fetch = (descriptor, options) => {
      fetched += (options?.range?.end ?? 0) - (options?.range?.start ?? 0);
      return fetch(descriptor, options);
    };
    assert.equal((await reverseImage({ source, target }, REBUILD)).root.digest, wanted);
    assert.ok(fetched < NOISE.length * 1.1, `${fetched} bytes were fetched`);
  }
  assert.equal(
    (await readdir(join(folder, 'layout', 'blobs', 'sha256'))).length,
    3,
    'layer, config, manifest',
  );
  assert.deepEqual((await readdir(join(folder, 'layout'))).sort(), ['blobs', 'index.json', 'oci-layout']);
});

test("images that upstream's nydusify made come back with their files", async (t) => {
  const { folder, at } = await upstreamImages();
  t.after(() => removeFolder(folder));
  const layers = new Set<string>();
  for (const tag of UPSTREAM) {
    await using nydus = openSource(at(tag), { credentials: anonymous });
    const target = new MemoryStore('memory.test/back:1');
    const { images } = await reverseImage({ source: nydus, target }, REBUILD);
    assert.deepEqual(
      images.map(({ how }) => how),
      ['rebuild'],
      tag,
    );
    await assertSameFiles(nydus, target);
    layers.add(JSON.stringify(manifestOf(target).layers));
  }
  assert.equal(layers.size, 1, 'all of them are one image');
  for (const tag of ['merged', 'referrer', 'collapsed', 'one-of-multi', 'merged-one-of-multi']) {
    await using nydus = openSource(at(tag), { credentials: anonymous });
    const target = new MemoryStore('memory.test/back:1');
    const openOriginal = (location: Location): ImageSource =>
      openSource(location, { credentials: anonymous });
    const { images } = await reverseImage({ source: nydus, target }, { ...RELINK, openOriginal });
    assert.deepEqual(
      images.map(({ how }) => how),
      ['relink'],
      tag,
    );
  }
  await using elsewhere = openSource(at('localfs'), { credentials: anonymous });
  await assert.rejects(
    reverseImage({ source: elsewhere, target: new MemoryStore('memory.test/back:1') }, REBUILD),
    /blob \w+ is not in the manifest/,
  );
});
