/** Conversions with a chunk dictionary: what is read of it, where its blobs go, and what readers make of the result. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkImage } from '../../src/check/check.js';
import { convertImage } from '../../src/convert/convert.js';
import type { OneDictionary } from '../../src/convert/dictionary.js';
import { planConversion } from '../../src/convert/plan.js';
import { NydusError, UnsupportedError, UsageError } from '../../src/errors.js';
import { bootstrapOf, readBootstrapLayer } from '../../src/image/bootstrap-layer.js';
import { contentsComparable, readContents } from '../../src/look/contents.js';
import { diffFiles } from '../../src/look/diff.js';
import { openFilesystem } from '../../src/look/open.js';
import type { FormatOptions } from '../../src/native/addon-types.js';
import { MEDIA } from '../../src/oci/media-types.js';
import { digestHex } from '../../src/oci/digest.js';
import { readBootstrap } from '../../src/rafs-builder/versions.js';
import { referenceCases, referenceLayers } from '../support/images/fixtures.js';
import { converted, manifestOf, putImage, OCI, sourceImage } from '../support/images/memory-conversion.js';
import { dir, file, layer } from '../support/images/tar.js';
import { needs } from '../support/needs.js';
import { MemoryStore } from '../support/registries/memory-store.js';

const noise = (seed: number, size: number): Buffer => {
  const bytes = Buffer.alloc(size);
  for (let i = 0, state = seed; i < size; i++)
    bytes[i] = (state = (Math.imul(state, 1103515245) + 12345) >>> 0) >>> 16;
  return bytes;
};
const A = file('a', noise(1, 50_000));
const B = file('b', noise(2, 70_000));
const OLD = [layer(dir('./'), A), layer(B), layer(file('unused', noise(3, 9000)))];
const NEW = [layer(dir('./'), A, file('new', noise(4, 8000))), layer(file('b2', noise(2, 70_000)))];

const FORMATS = {
  v6: {},
  'v6, lz4, duplicates found in the image': { compressor: 'lz4_block', dedup: 'image' },
  'v6, uncompressed, SHA-256': { compressor: 'none', digester: 'sha256' },
  v5: { fsVersion: 5 },
  'v6, small files together': { batchSize: 0x2000 },
} as const satisfies Readonly<Record<string, Partial<FormatOptions>>>;

/** A store that notes what is read of it. */
class WatchedStore extends MemoryStore {
  readonly read: string[] = [];

  override fetch(...args: Parameters<MemoryStore['fetch']>): ReturnType<MemoryStore['fetch']> {
    this.read.push(args[0].digest);
    return super.fetch(...args);
  }
}

function watched(store: MemoryStore): WatchedStore {
  const copy = new WatchedStore('memory.test/dictionary:1');
  for (const [digest, bytes] of store.content) copy.content.set(digest, bytes);
  copy.root = store.root;
  return copy;
}

async function bootstrapBytes(store: MemoryStore): Promise<Buffer> {
  const last = manifestOf(store).layers.at(-1) ?? assert.fail();
  const stored = store.content.get(last.digest) ?? assert.fail();
  const stream = (async function* () {
    yield stored;
  })();
  return bootstrapOf(await readBootstrapLayer(stream)) ?? assert.fail();
}

async function assertSound(source: MemoryStore, target: MemoryStore): Promise<void> {
  assert.deepEqual((await checkImage({ source, target })).findings, []);
  const [first, second] = [await openFilesystem(source), await openFilesystem(target)];
  const contents = contentsComparable(first, second) ? undefined : await readContents(first, second, {});
  assert.deepEqual(Array.from(diffFiles(first, second, { times: true, contents })), []);
}

for (const [name, format] of Object.entries(FORMATS)) {
  test(`chunks of a dictionary are not stored again, and its used blobs come with the image (${name})`, async () => {
    // Files cannot refer to chunks of foreign batches, but the image itself may have some.
    const old = watched(await converted(sourceImage(OLD), { ...format, batchSize: 0 }));
    const source = sourceImage(NEW);
    const target = await converted(source, { ...format, dictionary: old });
    const blobs = manifestOf(target).layers.map(({ digest }) => digest);
    const oldBlobs = manifestOf(old).layers.map(({ digest }) => digest);
    assert.deepEqual(blobs.slice(2, -1), oldBlobs.slice(0, 2), 'of three blobs two are used');
    const table = readBootstrap(await bootstrapBytes(target)).bootstrap.blobs.map(({ record }) => record.id);
    assert.ok(table.every((id) => blobs.some((digest) => digestHex(digest) === id)));
    assert.equal(table.length, 3, 'the layer without chunks of its own has no row');
    await assertSound(source, target);
    const plain = await converted(source, format);
    const stored = (store: MemoryStore): number =>
      manifestOf(store)
        .layers.slice(0, 2)
        .reduce((sum, { size }) => sum + size, 0);
    assert.ok(stored(plain) - stored(target) > 119_000);
  });

  // The other formats differ in the bytes of chunks alone.
  if (name !== 'v6' && name !== 'v5') continue;
  test(`every case is sound with a dictionary of its lowest layer (${name})`, async (t) => {
    if (!needs(t, 'python3')) return;
    for (const name of referenceCases()) {
      const layers = referenceLayers(name);
      const source = sourceImage(layers);
      const dictionary = await converted(sourceImage(layers.slice(0, 1)), format);
      const target = await converted(source, { ...format, dictionary });
      assert.deepEqual((await checkImage({ source, target })).findings, [], name);
    }
  });
}

test('only manifest, bootstrap layer and used blobs are read of a dictionary, blobs that the target has not even that', async () => {
  const made = await converted(sourceImage(OLD));
  const { layers } = manifestOf(made);
  const old = watched(made);
  const target = new MemoryStore('memory.test/target:1');
  await convertImage({ source: sourceImage(NEW), target }, { threads: 2, dictionary: old });
  const [first = assert.fail(), second = assert.fail(), unused = assert.fail(), boot = assert.fail()] =
    layers;
  const of = ({ digest }: { digest: string }): number => old.read.filter((read) => read === digest).length;
  assert.deepEqual([first, second, unused, boot].map(of), [1, 1, 0, 1]);
  old.read.length = 0;
  await convertImage({ source: sourceImage(NEW), target }, { threads: 2, dictionary: old });
  assert.deepEqual([first, second, unused, boot].map(of), [0, 0, 0, 1]);
});

test('a report names the blobs of the dictionary and what each has saved', async () => {
  const dictionary = await converted(sourceImage(OLD), { compressor: 'none' });
  const [first, second] = manifestOf(dictionary).layers.map(({ digest }) => digest);
  const twice = [...NEW, layer(file('b3', noise(2, 70_000)), file('b4', noise(2, 70_000)))];
  const saved = async (format: Partial<FormatOptions>): Promise<unknown> => {
    const target = new MemoryStore('memory.test/target:1');
    const { images } = await convertImage(
      { source: sourceImage(twice), target },
      { dictionary, compressor: 'none', ...format },
    );
    return images[0]?.dictionaryBlobs.map(({ digest, chunks, savedBytes }) => [digest, chunks, savedBytes]);
  };
  assert.deepEqual(
    await saved({}),
    [
      [first, 1, 50_000],
      [second, 2, 140_000],
    ],
    'each layer would have stored its chunks',
  );
  assert.deepEqual(await saved({ dedup: 'image' }), [
    [first, 1, 50_000],
    [second, 1, 70_000],
  ]);
});

test('a plan names the blobs of the dictionary, and refuses one that a conversion would refuse', async () => {
  const dictionary = await converted(sourceImage(OLD));
  const target = new MemoryStore('memory.test/target:1');
  const [first = assert.fail()] = manifestOf(dictionary).layers;
  target.content.set(first.digest, dictionary.content.get(first.digest) ?? assert.fail());
  const other = new MemoryStore('other.test/target:1');
  const waysTo = async (place: MemoryStore): Promise<unknown> => {
    place.root = dictionary.root; // a plan reads what the tag leads to
    for (const { digest } of [place.root ?? assert.fail(), manifestOf(dictionary).config])
      place.content.set(digest, dictionary.content.get(digest) ?? assert.fail());
    const plan = await planConversion({ source: sourceImage(NEW), target: place }, { dictionary });
    const planned = plan.images[0]?.dictionary ?? assert.fail();
    assert.deepEqual([planned.names, planned.chunks], [[dictionary.location], 3]);
    return planned.blobs.map(({ blob }) => blob);
  };
  assert.deepEqual(await waysTo(target), ['present', 'mount', 'mount']);
  assert.deepEqual(await waysTo(other), ['push', 'push', 'push']);
  await assert.rejects(
    planConversion({ source: sourceImage(NEW), target }, { dictionary, chunkSize: 0x1_0000 }),
    (error) => error instanceof UsageError && error.hint !== undefined,
  );
});

test('a plan finds the blobs of an earlier conversion with a dictionary', async () => {
  const dictionary = await converted(sourceImage(OLD));
  const source = sourceImage(NEW);
  const target = await converted(source, { dictionary });
  const { images, totals } = await planConversion({ source, target }, { dictionary });
  const sizes = manifestOf(target).layers.map(({ size }) => size);
  assert.deepEqual(
    images[0]?.layers.map(({ blob, blobBytes }) => [blob, blobBytes]),
    sizes.slice(0, NEW.length).map((size) => ['present', size]),
  );
  assert.equal(totals.push, 0);
});

test('every refusal of a dictionary says what can be done', async () => {
  const batched = await converted(sourceImage([layer(file('a', 'one'), file('b', 'two'))]), {
    batchSize: 0x1_0000,
  });
  const lost = await converted(sourceImage(OLD));
  const text = JSON.parse(
    Buffer.from(lost.content.get((lost.root ?? assert.fail()).digest) ?? []).toString(),
  ) as {
    layers: object[];
  };
  text.layers.shift();
  lost.root = lost.putJson(MEDIA.ociManifest, text);
  for (const dictionary of [batched, lost])
    await assert.rejects(
      converted(sourceImage(NEW), { dictionary }),
      (error) => error instanceof NydusError && (error.hint !== undefined || error.remedy !== undefined),
    );
});

test('an index is resolved by the platform of each image', async () => {
  const index = async (layers: readonly (readonly Buffer[])[], location: string): Promise<MemoryStore> => {
    const store = new MemoryStore(location);
    const manifests = ['amd64', 'arm64'].map((architecture, n) => ({
      ...putImage(store, layers[n] ?? [], { family: OCI, architecture }),
      platform: { os: 'linux', architecture },
    }));
    store.root = store.putJson(MEDIA.ociIndex, { schemaVersion: 2, mediaType: MEDIA.ociIndex, manifests });
    return store;
  };
  const arm = [layer(dir('./'), file('arm', noise(7, 60_000)))];
  const dictionary = await converted(await index([OLD, arm], 'memory.test/old:1'));
  const target = new MemoryStore('memory.test/target:1');
  const source = await index([NEW, arm], 'memory.test/source:1');
  const { images } = await convertImage({ source, target }, { threads: 2, dictionary });
  assert.deepEqual(
    images.map(({ dictionaryBlobs, layers }) => [
      dictionaryBlobs.length,
      layers.map(({ stats }) => stats.newChunks),
    ]),
    [
      [2, [1, 0]],
      [1, [0]],
    ],
  );
});

test('a dictionary of another version, chunk size, digester or compressor is refused, and both values are named', async () => {
  const plain = await converted(sourceImage(OLD));
  const cases: readonly [Partial<FormatOptions>, RegExp][] = [
    [{ fsVersion: 5 }, /RAFS version 6, but .* RAFS version 5/],
    [{ chunkSize: 0x1_0000 }, /chunk size 1048576, but .* chunk size 65536/],
    [{ digester: 'sha256' }, /digester blake3, but .* digester sha256/],
    [{ compressor: 'none' }, /compressor zstd, but .* compressor none/],
  ];
  for (const [format, message] of cases) {
    const run = converted(sourceImage(NEW), { ...format, dictionary: plain });
    await assert.rejects(run, (error) => error instanceof UsageError && message.test(error.message));
  }
});

test('what is no dictionary is refused by its name, with advice about dictionaries', async () => {
  const ordinary = sourceImage(OLD);
  const old = await converted(ordinary);
  const indexOf = (platforms: readonly object[]): MemoryStore => {
    const store = MemoryStore.copyOf(old);
    const manifests = platforms.map((platform) => ({ ...(old.root ?? assert.fail()), platform }));
    store.root = store.putJson(MEDIA.ociIndex, { schemaVersion: 2, mediaType: MEDIA.ociIndex, manifests });
    return store;
  };
  const arm = { os: 'linux', architecture: 'arm64' };
  const cache = new MemoryStore('memory.test/cache:1');
  await convertImage(
    { source: ordinary, target: new MemoryStore('memory.test/target:1'), cache: { store: cache } },
    {},
  );
  const cases: readonly [OneDictionary, RegExp, RegExp?][] = [
    [ordinary, /there is no Nydus image/, /a dictionary is a Nydus image/],
    [indexOf([arm]), /no image for linux\/amd64/, /it has images for linux\/arm64/],
    [
      indexOf([arm, { os: 'linux', architecture: 's390x' }]),
      /no image for linux\/amd64/,
      /arm64, linux\/s390x/,
    ],
    [indexOf([]), /the index holds no image/],
    [cache, /build cache/],
    [{ name: 'empty.boot', bytes: Buffer.alloc(0) }, /multiple of 4096 bytes, not 0/],
    [{ name: 'noise.boot', bytes: noise(6, 8192) }, /./],
  ];
  for (const [dictionary, message, hint = /./] of cases) {
    const name = 'bytes' in dictionary ? dictionary.name : dictionary.location;
    await assert.rejects(
      converted(sourceImage(NEW), { dictionary }),
      (error) =>
        error instanceof NydusError &&
        error.message.startsWith(`the chunk dictionary ${name} is of no use: `) &&
        message.test(error.message) &&
        hint.test(error.hint ?? 'none') &&
        error.remedy?.kind !== 'choose-platform',
      name,
    );
  }
  const { location } = await converted(sourceImage(NEW), {
    dictionary: indexOf([arm, { os: 'linux', architecture: 'amd64' }]),
  });
  assert.equal(location, 'memory.test/target:1');
});

test('a bootstrap alone is a dictionary for a target that has its blobs, and for no other', async () => {
  class Measuring extends MemoryStore {
    sizeOf(digest: string): Promise<number | undefined> {
      return Promise.resolve(this.content.get(digest as never)?.length);
    }
  }
  const old = await converted(sourceImage(OLD));
  const dictionary = { name: 'image.boot', bytes: await bootstrapBytes(old) };
  const target = new Measuring('memory.test/target:1');
  const source = sourceImage(NEW);
  await assert.rejects(convertImage({ source, target }, { dictionary }), UnsupportedError);
  for (const [digest, bytes] of old.content) target.content.set(digest, bytes);
  await convertImage({ source, target }, { dictionary });
  const { findings } = await checkImage({ source, target });
  const meta = { id: 'BOOTSTRAP-BLOB-META-MISSING', severity: 'warning' };
  assert.deepEqual(
    findings.map(({ id, severity }) => ({ id, severity })),
    [meta, meta],
  );
});

test('of several dictionaries the first one that has a chunk is referred to', async () => {
  const [one, other] = [await converted(sourceImage(OLD.slice(0, 1))), await converted(sourceImage(OLD))];
  const source = sourceImage(NEW);
  const target = await converted(source, { dictionary: [one, other] });
  await assertSound(source, target);
  const used = manifestOf(target)
    .layers.slice(2, -1)
    .map(({ digest }) => digest);
  assert.deepEqual(used, [manifestOf(one).layers[0]?.digest, manifestOf(other).layers[1]?.digest]);
});
