/** Images whose blobs lie in a storage backend: written, judged, looked into, copied out of it and converted back. */
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import type { BlobBackend } from '../../src/backend/backend.js';
import { LocalBackend } from '../../src/backend/localfs.js';
import { withBackend, withBackendTarget } from '../../src/backend/stores.js';
import { checkImage } from '../../src/check/check.js';
import { convertImage } from '../../src/convert/convert.js';
import type { ConvertOptions } from '../../src/convert/options.js';
import { compareCopy } from '../../src/copy/compare.js';
import { copyImage } from '../../src/copy/copy.js';
import { generateDictionary } from '../../src/dedup/generate.js';
import { RegistryError, UsageError } from '../../src/errors.js';
import { collect, contentOf } from '../../src/io/streams.js';
import { diffFiles } from '../../src/look/diff.js';
import { lookup, pathFromText } from '../../src/look/lookup.js';
import { openFilesystem } from '../../src/look/open.js';
import { backendUse } from '../../src/look/unnamed-blobs.js';
import type { Descriptor } from '../../src/oci/descriptor.js';
import type { Digest } from '../../src/oci/digest.js';
import { ANNOTATION, MEDIA } from '../../src/oci/media-types.js';
import { optimizeImage } from '../../src/optimize/optimize.js';
import { reverseImage } from '../../src/reverse/reverse.js';
import { allOf } from '../support/backends/contract.js';
import { converted, manifestOf, sourceImage } from '../support/images/memory-conversion.js';
import { dir, file, layer, symlink } from '../support/images/tar.js';
import { noise } from '../support/images/opaque-image.js';
import { MemoryStore } from '../support/registries/memory-store.js';
import { QUICK_DISK, tempFolder } from '../support/temp-folder.js';

const BIG = noise(3_000_000, 1);
const LAYERS = [
  layer(dir('./'), file('big', BIG), file('small', Buffer.from('small'))),
  layer(symlink('link', 'big')),
  layer(file('other', noise(70_000, 2))),
];
const PLATFORM = { os: 'linux', architecture: 'amd64' };

async function localBackend(t: TestContext): Promise<BlobBackend> {
  return new LocalBackend({ type: 'localfs', dir: await tempFolder(t, QUICK_DISK) });
}

interface Made {
  readonly source: MemoryStore;
  /** The registry, which holds what is not in the backend. */
  readonly registry: MemoryStore;
  readonly backend: BlobBackend;
}

async function backed(
  t: TestContext,
  options: Partial<ConvertOptions> = {},
  source = sourceImage(LAYERS),
): Promise<Made> {
  const made = { source, registry: new MemoryStore('memory.test/target:1'), backend: await localBackend(t) };
  const target = withBackendTarget(made.registry, made.backend);
  await convertImage({ source, target }, { threads: 2, ...options });
  return made;
}

async function blobsIn(backend: BlobBackend): Promise<ReadonlyMap<Digest, Buffer>> {
  const found = new Map<Digest, Buffer>();
  for (const { digest, size } of await allOf(backend.list()))
    found.set(digest, await collect(backend.read(digest, undefined), size, 'blob'));
  return found;
}

function configOf(store: MemoryStore): {
  readonly rootfs: { readonly diff_ids: readonly string[] };
  readonly history: readonly object[];
  readonly config: object;
} {
  const bytes = store.content.get(manifestOf(store).config.digest) ?? assert.fail();
  return JSON.parse(Buffer.from(bytes).toString()) as ReturnType<typeof configOf>;
}

for (const options of [{}, { fsVersion: 5 }, { dedup: 'image' }, { flatten: 'one' }] as const) {
  test(`the backend gets the blobs that a registry would get, and the registry what upstream sends it (${JSON.stringify(options)})`, async (t) => {
    const { source, registry, backend } = await backed(t, options);
    const usual = await converted(source, options);
    const wanted = manifestOf(usual)
      .layers.slice(0, -1)
      .map(({ digest }) => [digest, Buffer.from(usual.content.get(digest) ?? [])] as const);
    assert.deepEqual(new Map([...(await blobsIn(backend))].toSorted()), new Map(wanted.toSorted()));
    const { layers } = manifestOf(registry);
    const [bootstrap, ...more] = layers;
    assert.deepEqual(more, []);
    const { diff_ids: diffIds } = configOf(registry).rootfs;
    assert.deepEqual(bootstrap, {
      ...manifestOf(usual).layers.at(-1),
      annotations: {
        [ANNOTATION.nydusBootstrap]: 'true',
        [ANNOTATION.nydusFsVersion]: String('fsVersion' in options ? options.fsVersion : 6),
        [ANNOTATION.uncompressed]: diffIds[0],
      },
    });
    assert.deepEqual(diffIds, configOf(usual).rootfs.diff_ids.slice(-1));
    assert.deepEqual(configOf(registry).history, [
      { created_by: 'Nydus Converter', comment: 'Nydus Bootstrap Layer' },
    ]);
    assert.deepEqual(configOf(registry).config, configOf(usual).config);
    // Manifest, config and bootstrap.
    assert.equal(registry.content.size, 3);
    const checked = await checkImage({ source, target: withBackend(registry, backend) });
    assert.deepEqual(checked.findings, []);
    assert.equal(checked.platforms[0]?.dataRead, true);
    // The blob of a layer without data is named by nothing.
    assert.equal(checked.platforms[0].layers, 'flatten' in options ? 1 : 2);
    const alone = await checkImage({ source, target: registry });
    assert.deepEqual(
      alone.findings.map(({ id }) => id),
      ['BLOB-BACKEND'],
    );
  });
}

test('documents go to the registry when every blob is in the backend, and blobs that are there are not sent again', async (t) => {
  const source = sourceImage(LAYERS);
  const steps: string[] = [];
  const registry = new MemoryStore('memory.test/target:1');
  const push = registry.push.bind(registry);
  registry.push = (descriptor, content) => {
    steps.push(descriptor.mediaType);
    return push(descriptor, content);
  };
  const backend = await localBackend(t);
  const put = backend.put.bind(backend);
  backend.put = async (...call) => {
    await put(...call);
    steps.push('blob');
  };
  const run = async (force: boolean): Promise<string[]> => {
    await convertImage({ source, target: withBackendTarget(registry, backend, { force }) }, { threads: 2 });
    return steps.splice(0).filter((step) => step === 'blob' || step === MEDIA.ociLayerGzip);
  };
  assert.deepEqual(await run(false), ['blob', 'blob', 'blob', MEDIA.ociLayerGzip]);
  assert.deepEqual(await run(false), [MEDIA.ociLayerGzip]);
  assert.deepEqual(await run(true), ['blob', 'blob', 'blob', MEDIA.ociLayerGzip]);
});

test('a backend that fails leaves the tag as it was, and no document in the registry', async (t) => {
  const registry = new MemoryStore('memory.test/target:1');
  const backend = await localBackend(t);
  const put = backend.put.bind(backend);
  let left = 1;
  backend.put = (...call) =>
    left-- > 0 ? put(...call) : Promise.reject(new RegistryError('no room', { status: 507 }));
  const source = sourceImage(LAYERS);
  await assert.rejects(
    convertImage({ source, target: withBackendTarget(registry, backend) }, { threads: 2 }),
    /no room/,
  );
  assert.equal(registry.root, undefined);
  assert.equal(registry.content.size, 0);
});

test('an image in a backend is looked into as any other, and reads only what it needs', async (t) => {
  const { source, registry, backend } = await backed(t);
  const store = withBackend(registry, backend);
  const filesystem = await openFilesystem(store);
  const found = lookup(filesystem.root, pathFromText('/big'), { follow: true });
  const { inode } = found.node;
  assert.ok(inode.kind === 'file');
  const bytes = await collect(filesystem.open(inode, found.path, {}), BIG.length, 'file');
  assert.ok(bytes.equals(BIG));
  const original = await openFilesystem(source);
  const changes = [...diffFiles(filesystem, original, { times: true })];
  assert.deepEqual(changes, []);
});

test('a blob that the backend lacks, or has damaged, is found', async (t) => {
  const { registry, backend } = await backed(t);
  const [first] = (await allOf(backend.list())).toSorted((a, b) => b.size - a.size);
  assert.ok(first !== undefined);
  const bytes = await collect(backend.read(first.digest, undefined), first.size, 'blob');
  const damaged = Buffer.from(bytes);
  damaged[1000] = (damaged[1000] ?? 0) ^ 1;
  const ids = async (other: BlobBackend): Promise<string[]> => {
    const { findings } = await checkImage({ target: withBackend(registry, other) });
    return [...new Set(findings.map(({ id }) => id))];
  };
  const spoiled: BlobBackend = Object.create(backend, {
    read: {
      value: (digest: Digest, range?: { readonly start: number; readonly end: number }) =>
        digest === first.digest ? contentOf(damaged).open(range) : backend.read(digest, range),
    },
    sizeOf: { value: (digest: Digest) => backend.sizeOf(digest) },
  }) as BlobBackend; // what an inherited method would miss is given here
  assert.deepEqual(await ids(spoiled), ['CONTENT-DIGEST', 'CHUNK-DATA']);
  await backend.remove(first.digest);
  assert.deepEqual(await ids(backend), ['CONTENT-MISSING']);
});

test('a copy out of a backend names its blobs, and is the same the second time', async (t) => {
  const { source, registry, backend } = await backed(t);
  const target = new MemoryStore('memory.test/copy:1');
  const images = { source: withBackend(registry, backend), target };
  const { root } = await copyImage(images);
  const usual = await converted(source);
  // The blob of the second layer has no data, so no bootstrap names it.
  const withoutSecond = <T>(all: readonly T[]): readonly T[] => all.filter((_, i) => i !== 1);
  assert.deepEqual(
    manifestOf(target).layers.map(({ digest, size }) => [digest, size]),
    withoutSecond(manifestOf(usual).layers.map(({ digest, size }) => [digest, size])),
  );
  assert.deepEqual(configOf(target).rootfs.diff_ids, withoutSecond(configOf(usual).rootfs.diff_ids));
  assert.equal(configOf(target).history.length, LAYERS.length);
  const { findings } = await checkImage({ source, target });
  assert.deepEqual(
    findings.filter(({ id }) => id !== 'CONFIG-METADATA'),
    [],
  );
  assert.deepEqual((await compareCopy(images)).differences, []);
  assert.equal((await copyImage(images)).unchanged, true);
  assert.equal(target.root?.digest, root.digest);
  await backend.remove(manifestOf(usual).layers[0]?.digest ?? assert.fail());
  const fresh = { source: withBackend(registry, backend), target: new MemoryStore('memory.test/copy:2') };
  await assert.rejects(copyImage(fresh), /the storage backend does not have blob sha256:/);
});

test('a merged index has the layers of the original in the registry and the blobs in the backend; a copy of it is whole', async (t) => {
  const { source, registry, backend } = await backed(t, { mergePlatform: true });
  const checked = await checkImage({ source, target: withBackend(registry, backend) });
  assert.deepEqual(
    checked.findings.filter(({ severity }) => severity !== 'note'),
    [],
  );
  assert.equal((await allOf(backend.list())).length, LAYERS.length);
  const target = new MemoryStore('memory.test/copy:1');
  await copyImage({ source: withBackend(registry, backend), target });
  const copied = await checkImage({ source, target });
  assert.deepEqual(
    copied.findings.filter(({ id }) => id !== 'CONFIG-METADATA'),
    [],
  );
  assert.equal(copied.platforms[0]?.layers, LAYERS.length - 1);
});

test('an image in a backend comes back: the original where it can be had, else its files in one layer', async (t) => {
  const { source, registry, backend } = await backed(t);
  const same = (of: MemoryStore): Promise<unknown> =>
    Promise.all([openFilesystem(of), openFilesystem(source)]).then(([one, other]) => [
      ...diffFiles(one, other, { times: true }),
    ]);
  const target = new MemoryStore('memory.test/back:1');
  const { images } = await reverseImage({ source: withBackend(registry, backend), target }, { threads: 2 });
  assert.equal(images[0]?.how, 'rebuild');
  assert.deepEqual(await same(target), []);
  const relinked = new MemoryStore('memory.test/back:2');
  const found = await reverseImage(
    { source: withBackend(registry, backend), target: relinked },
    { threads: 2, openOriginal: () => source },
  );
  assert.equal(found.images[0]?.how, 'relink');
  assert.equal(relinked.root?.digest, source.root?.digest);
});

test('images and the dictionary that they share lie in one backend', async (t) => {
  const backend = await localBackend(t);
  const version = (n: number): MemoryStore =>
    sourceImage([
      layer(
        dir('./'),
        ...Array.from({ length: 8 }, (_, i) => file(`f${i}`, noise(40_000, i === n ? 100 + n : i))),
      ),
    ]);
  const stores: MemoryStore[] = [];
  for (const n of [1, 2, 3]) {
    const registry = new MemoryStore(`memory.test/app${n}:1`);
    await convertImage({ source: version(n), target: withBackendTarget(registry, backend) }, { threads: 2 });
    stores.push(registry);
  }
  const dictionary = new MemoryStore('memory.test/dict:1');
  await generateDictionary(
    stores.map((store) => withBackend(store, backend)),
    withBackendTarget(dictionary, backend),
    {
      platform: PLATFORM,
      minShare: 2,
      maxSize: 2 ** 30,
      inSources: false,
      force: true,
      workDir: undefined,
      threads: 2,
      concurrency: 2,
      allowedHosts: [],
    },
  );
  const registry = new MemoryStore('memory.test/new:1');
  const source = version(5);
  const { images } = await convertImage(
    { source, target: withBackendTarget(registry, backend) },
    { threads: 2, dictionary },
  );
  assert.ok((images[0]?.dictionaryBlobs.length ?? 0) > 0);
  const { findings } = await checkImage({ source, target: withBackend(registry, backend) });
  assert.deepEqual(findings, []);
});

test('what needs blobs that the manifest lists is refused with a backend', async (t) => {
  for (const options of [{ ociRef: 'zran' }, { keepTarRecipe: true }] as const)
    await assert.rejects(
      backed(t, options),
      (error) => error instanceof UsageError && error.message.includes('a storage backend'),
    );
});

test('what no image names is found, and blobs in registries do not count', async (t) => {
  const { registry, backend } = await backed(t);
  const other = await backed(t, {}, sourceImage([layer(file('x', noise(50_000, 7)))]));
  const [blob] = await allOf(other.backend.list());
  assert.ok(blob !== undefined);
  const bytes = await collect(other.backend.read(blob.digest, undefined), blob.size, 'blob');
  await backend.put(blob, contentOf(bytes));
  const inRegistry = await converted(sourceImage(LAYERS));
  const use = await backendUse(backend, [registry, inRegistry]);
  assert.deepEqual([use.images, use.named, use.missing, use.unfinished], [2, 2, [], []]);
  // The second layer has no data.
  const noData = manifestOf(inRegistry).layers[1]?.digest;
  assert.deepEqual(use.unnamed.map(({ digest }) => digest).toSorted(), [blob.digest, noData].toSorted());
  const both = await backendUse(backend, [registry, other.registry]);
  assert.deepEqual(
    both.unnamed.map(({ digest }) => digest),
    [noData],
  );
  await backend.remove(blob.digest);
  const without = await backendUse(backend, [registry, other.registry]);
  assert.deepEqual(without.missing, [blob.digest]);
});

test('descriptors of the registry keep going there', async (t) => {
  const registry = new MemoryStore('memory.test/target:1');
  const backend = await localBackend(t);
  const target = withBackendTarget(registry, backend);
  const bytes = Buffer.from('config');
  const config: Descriptor = registry.put(MEDIA.ociConfig, bytes);
  assert.equal(await target.push(config, contentOf(bytes)), 'present');
  assert.equal(await target.exists({ ...config, mediaType: MEDIA.nydusBlob }), false);
  assert.deepEqual(await allOf(backend.list()), []);
});

test('an image whose blobs lie in a backend is optimised as one that has them in its registry', async (t) => {
  for (const options of [{}, { fsVersion: 5 }] as const) {
    const { source, registry, backend } = await backed(t, options);
    const usual = await converted(source, options);
    const prefetch = [{ path: '/other', kind: 'path' }] as const;
    const [out, wanted] = [new MemoryStore('memory.test/out:1'), new MemoryStore('memory.test/wanted:1')];
    const made = await optimizeImage(
      { source: withBackend(registry, backend), target: out },
      { prefetch, threads: 1 },
    );
    await optimizeImage({ source: usual, target: wanted }, { prefetch, threads: 1 });
    // The bootstrap does not name the blob of a layer without data, so the copy out of a backend has none.
    const listed = new Set(manifestOf(out).layers.map(({ digest }) => digest));
    const lacking = manifestOf(wanted).layers.filter(({ digest }) => !listed.has(digest));
    assert.deepEqual(lacking, manifestOf(wanted).layers.slice(1, 2));
    assert.ok((made.images[0]?.reads?.after.requests ?? 0) > 0);
    const result = await checkImage({ target: out, source }, {});
    assert.deepEqual(
      result.findings.filter(({ severity }) => severity === 'error'),
      [],
    );
  }
});
