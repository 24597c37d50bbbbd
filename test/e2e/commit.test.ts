/** Changes put on a Nydus image as one more layer: the image is what a conversion of all layers would have made. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { checkImage } from '../../src/check/check.js';
import { commitImage, type CommitResult } from '../../src/commit/commit.js';
import type { CommitOptions } from '../../src/commit/options.js';
import { convertImage } from '../../src/convert/convert.js';
import type { ConvertOptions } from '../../src/convert/options.js';
import { UnsupportedError, UsageError } from '../../src/errors.js';
import { contentOf } from '../../src/io/streams.js';
import { diffFiles } from '../../src/look/diff.js';
import { prefetchTableOf } from '../../src/look/prefetch-table.js';
import { openFilesystem } from '../../src/look/open.js';
import { openBootstrap } from '../../src/native/judge.js';
import { optimizeImage } from '../../src/optimize/optimize.js';
import { ANNOTATION, MEDIA } from '../../src/oci/media-types.js';
import { parsePlatform } from '../../src/oci/platform.js';
import type { ConvertEvent } from '../../src/reporter.js';
import type { ImageSource } from '../../src/registry/stores/store.js';
import { reverseImage } from '../../src/reverse/reverse.js';
import {
  converted as nydusOf,
  manifestOf,
  OCI,
  putImage,
  sourceImage,
} from '../support/images/memory-conversion.js';
import { noise } from '../support/images/opaque-image.js';
import { randomImage } from '../support/images/random-layers.js';
import { char, dir, file, hardlink, layer, symlink, whiteout } from '../support/images/tar.js';
import { bootstrapBytes } from '../support/references/read-image.js';
import { MemoryStore } from '../support/registries/memory-store.js';

const text = (word: string): string => `${word} `.repeat(3000);
const SHARED = noise(200_000, 5);

const LAYERS = [
  layer(
    dir('bin', { mode: 0o711, mtime: 7 }),
    file('bin/app', text('app')),
    hardlink('bin/again', 'bin/app'),
    file('bin/cold', text('cold')),
    dir('lib'),
    file('lib/a.so', SHARED),
    dir('gone'),
    file('gone/x', 'x'),
    file('gone/y', 'y'),
  ),
  layer(dir('data'), file('data/one', text('one')), symlink('lib64', 'lib')),
];
/** As layers have them. */
const CHANGES = [
  dir('bin', { mode: 0o755 }),
  file('bin/app', text('new app')),
  file('bin/copy', SHARED),
  whiteout('bin/cold'),
  dir('gone'),
  file('gone/.wh..wh..opq'),
  file('gone/z', 'z'),
  file('lib64/b.so', text('through a symlink')),
];
/** The same as an upper directory of overlayfs has them. */
const UPPER = [
  dir('bin', { mode: 0o755 }),
  file('bin/app', text('new app')),
  file('bin/copy', SHARED),
  char('bin/cold', 0, 0),
  dir('gone', { pax: [['SCHILY.xattr.trusted.overlay.opaque', 'y']] }),
  file('gone/z', 'z'),
  file('lib64/b.so', text('through a symlink')),
];

const FORMATS: Readonly<Record<string, Partial<ConvertOptions>>> = {
  'v6 zstd': { chunkSize: 0x1_0000 },
  'v6 lz4': { compressor: 'lz4_block' },
  'v6 none': { compressor: 'none' },
  'v6 batches': { batchSize: 0x10_0000 },
  'v6 SHA-256 for old readers': { digester: 'sha256', compat: 'nydusd-2.2' },
  'v6, chunks of lower layers referred to': { chunkSize: 0x1_0000, dedup: 'image' },
  'v6 flattened': { flatten: 'one' },
  'v6 zran': { ociRef: 'zran' },
  'v6 with recipes of its tars': { keepTarRecipe: true },
  'v6 with a list of files to load first': { prefetch: [{ path: '/lib', kind: 'exact' }] },
  'v5 zstd': { fsVersion: 5, chunkSize: 0x1_0000 },
  'v5 lz4, chunks of lower layers referred to': { fsVersion: 5, compressor: 'lz4_block', dedup: 'image' },
};

interface Made {
  readonly store: MemoryStore;
  readonly result: CommitResult;
  readonly events: readonly ConvertEvent[];
}

async function committed(
  base: ImageSource,
  changes: Uint8Array,
  options: Partial<CommitOptions> = {},
  store = new MemoryStore('memory.test/committed:1'),
): Promise<Made> {
  const events: ConvertEvent[] = [];
  const result = await commitImage(
    { base, target: store },
    contentOf(changes).open(),
    { threads: 2, ...options },
    { reporter: { emit: (event) => events.push(event) } },
  );
  return { store, result, events };
}

async function assertSameFiles(one: ImageSource, other: ImageSource): Promise<void> {
  const [first, second] = [await openFilesystem(one), await openFilesystem(other)];
  assert.deepEqual([...diffFiles(first, second, { times: true })], []);
}

async function assertGood(target: MemoryStore, source?: MemoryStore): Promise<void> {
  const { findings } = await checkImage({ source, target });
  // The history of the source has another entry for the layer.
  const faults = findings.filter(({ id, severity }) => severity !== 'note' && id !== 'CONFIG-METADATA');
  assert.deepEqual(
    faults.map(({ id, message }) => `${id}: ${message}`),
    [],
  );
}

function configOf(store: MemoryStore): {
  readonly created?: string;
  readonly rootfs: { readonly diff_ids: readonly string[] };
  readonly history: readonly Readonly<Record<string, string>>[];
} {
  const bytes = store.content.get(manifestOf(store).config.digest) ?? assert.fail();
  return JSON.parse(Buffer.from(bytes).toString()) as ReturnType<typeof configOf>;
}

for (const [format, options] of Object.entries(FORMATS)) {
  test(`${format}: the image is that of a conversion of all layers, and the blobs of the base stay`, async () => {
    const base = await nydusOf(sourceImage(LAYERS), options);
    const all = sourceImage([...LAYERS, layer(...CHANGES)]);
    const known = manifestOf(base).layers;
    const dedup = options.dedup === undefined ? {} : { dedup: options.dedup };
    const batches = options.batchSize === undefined ? {} : { batchSize: options.batchSize };
    const { store, result } = await committed(base, layer(...UPPER), { format: { ...dedup, ...batches } });
    await assertGood(store, all);
    const { layers } = manifestOf(store);
    assert.equal(layers.length, known.length + 1);
    const kept = layers.filter(({ digest }) => known.some((one) => one.digest === digest));
    assert.deepEqual(kept, known.slice(0, -1), 'the blobs stay as they are');
    if (options.prefetch !== undefined)
      assert.deepEqual(prefetchTableOf(openBootstrap(await bootstrapBytes(store))), options.prefetch);
    const { rootfs, history } = configOf(store);
    assert.equal(rootfs.diff_ids.length, layers.length);
    assert.equal(history.filter((entry) => !('empty_layer' in entry)).length, layers.length);
    // Twice the same bytes, whatever the number of threads and the compression of the tar.
    const format = { ...dedup, ...batches };
    const again = await committed(base, layer(...UPPER), { threads: 1, format });
    assert.equal(again.result.root.digest, result.root.digest);
    const other = await committed(base, layer(...CHANGES), { format });
    await assertSameFiles(other.store, store);
    if (options.flatten === undefined && options.ociRef === undefined) {
      const whole = manifestOf(await nydusOf(all, options)).layers[2];
      assert.equal(other.result.blob.digest, whole?.digest, 'the blob is that of a conversion');
    }
    const packed = await committed(base, gzipSync(layer(...UPPER)), { format });
    assert.equal(packed.result.root.digest, result.root.digest);
    const second = await committed(store, gzipSync(layer(file('bin/more', 'more'))), {}, store);
    assert.equal(second.result.times, 2);
    await assertGood(store, sourceImage([...LAYERS, layer(...CHANGES), layer(file('bin/more', 'more'))]));
  });
}

test('chunks of the base are referred to where that is asked for, and stored where blobs stand alone', async () => {
  const base = await nydusOf(sourceImage(LAYERS));
  const apart = await committed(base, layer(...CHANGES));
  const shared = await committed(base, layer(...CHANGES), { format: { dedup: 'image' } });
  assert.ok(apart.result.blob.size > 200_000 && shared.result.blob.size < 20_000);
  assert.ok(shared.result.stats.newChunks < apart.result.stats.newChunks);
  await assertSameFiles(apart.store, shared.store);
});

test('the changes of random images are put on one after the other, also again what an upper layer has removed', async () => {
  for (let seed = 0; seed < 10; seed++) {
    const { layers } = randomImage(seed);
    const dedup = seed % 2 === 0 ? 'image' : 'layer';
    const fsVersion = seed % 3 === 0 ? 5 : 6;
    const store = await nydusOf(sourceImage(layers.slice(0, 1)), { dedup, fsVersion });
    const put = [layers[0] ?? layer()];
    for (const one of [...layers.slice(1), ...layers]) {
      await committed(store, one, { format: { dedup } }, store);
      put.push(one);
    }
    await assertGood(store, sourceImage(put));
  }
});

test('history, comment, author and time are as they were asked for; without a time the image does not depend on the day', async () => {
  const base = await nydusOf(sourceImage(LAYERS), { keepTarRecipe: true });
  const words = { message: 'a change', author: 'Ada', created: '2026-11-30T12:00:00Z' };
  const { store } = await committed(base, layer(...CHANGES), words);
  const { history, created } = configOf(store);
  assert.equal(created, words.created);
  assert.deepEqual(
    history.map(({ created_by: by, comment }) => comment ?? by),
    ['step 0', 'step 1', 'a change', 'Nydus Tar Recipes', 'Nydus Bootstrap Layer'],
  );
  assert.equal(history[2]?.['author'], 'Ada');
  assert.equal(configOf((await committed(base, layer(...CHANGES))).store).created, undefined);
  await assert.rejects(committed(base, layer(), { created: 'yesterday' }), UsageError);
});

test('the image says nothing of the source of its base, and comes back with its changes as a layer', async () => {
  const base = await nydusOf(sourceImage(LAYERS), { withReferrer: true });
  const { store } = await committed(base, layer(...CHANGES));
  const manifest = manifestOf(store);
  assert.equal(manifest['subject'], undefined);
  assert.deepEqual(
    Object.keys(manifest['annotations'] ?? {}).filter((key) => key.includes('source')),
    [],
  );
  const back = new MemoryStore('memory.test/back:1');
  await reverseImage({ source: store, target: back });
  assert.equal(manifestOf(back).layers.length, 3);
  await assertSameFiles(back, sourceImage([...LAYERS, layer(...CHANGES)]));
});

test('a merged index stays one: the ordinary image gets the same layer', async () => {
  for (const mergeIsolation of ['empty-layer', 'none'] as const) {
    const base = new MemoryStore('memory.test/merged:1');
    await convertImage(
      { source: sourceImage(LAYERS), target: base },
      { threads: 2, mergePlatform: true, mergeIsolation },
    );
    const all = sourceImage([...LAYERS, layer(...CHANGES)]);
    const { store, result } = await committed(base, layer(...UPPER));
    assert.equal(result.root.mediaType, MEDIA.ociIndex);
    assert.ok(result.ordinary !== undefined);
    const { findings } = await checkImage({ target: store });
    assert.deepEqual(
      findings.filter(({ severity }) => severity === 'error').map(({ id, message }) => `${id}: ${message}`),
      [],
    );
    for (const half of ['oci', 'nydus'] as const) {
      const [one, other] = [await openFilesystem(store, { half }), await openFilesystem(all)];
      assert.deepEqual([...diffFiles(one, other, { times: true })], [], half);
    }
    const again = await committed(base, layer(...UPPER), { threads: 1 });
    assert.equal(again.result.root.digest, result.root.digest);
    const twice = await committed(store, layer(file('more', '1')), {}, store);
    assert.equal(twice.result.times, 2);
  }
});

test('of several platforms one is meant, and the result is for that one', async () => {
  const source = new MemoryStore('memory.test/source:1');
  const entries = ['amd64', 'arm64'].map((architecture) => ({
    ...putImage(source, [...LAYERS, layer(file(`for-${architecture}`, architecture))], {
      family: OCI,
      architecture,
      diffIds: undefined,
    }),
    platform: { os: 'linux', architecture },
  }));
  source.root = source.putJson(MEDIA.ociIndex, {
    schemaVersion: 2,
    mediaType: MEDIA.ociIndex,
    manifests: entries,
  });
  const base = new MemoryStore('memory.test/both:1');
  await convertImage(
    { source, target: base },
    { threads: 2, mergePlatform: true, platforms: { kind: 'all' } },
  );
  await assert.rejects(committed(base, layer(...CHANGES)), UsageError);
  const platform = parsePlatform('linux/arm64', 'amd64');
  const { store, result, events } = await committed(base, layer(...CHANGES), { platform });
  assert.equal(result.platform, 'linux/arm64');
  assert.ok(events.some((event) => event.type === 'warning' && event.code === 'COMMIT_PLATFORM'));
  const filesystem = await openFilesystem(store);
  assert.ok(filesystem.root.children?.has('for-arm64' as never));
});

test('an image that was optimised keeps its files to load first, also when it is optimised again', async () => {
  const base = await nydusOf(sourceImage(LAYERS));
  const fast = new MemoryStore('memory.test/fast:1');
  const prefetch = [{ path: '/bin/app', kind: 'path' }] as const;
  await optimizeImage({ source: base, target: fast }, { prefetch, threads: 1 });
  const all = sourceImage([...LAYERS, layer(...CHANGES)]);
  const { store } = await committed(fast, layer(...CHANGES));
  await assertGood(store, all);
  await optimizeImage({ source: store, target: store }, { prefetch, threads: 1 });
  await assertGood(store, all);
});

test('every commit counts, and one too many is refused', async () => {
  const base = await nydusOf(sourceImage(LAYERS));
  const one = await committed(base, layer(file('one', '1')));
  const two = await committed(one.store, layer(file('two', '2')));
  assert.deepEqual([one.result.times, two.result.times], [1, 2]);
  const last = manifestOf(two.store).layers.at(-1);
  assert.equal(last?.annotations?.[ANNOTATION.nydusCommitBlobs]?.split(',').length, 2);
  await assert.rejects(
    committed(two.store, layer(), { maximumTimes: 2 }),
    /reached maximum committed times 2/,
  );
});

test('what overlayfs has elsewhere, broken tars and other images are refused, and the tag stays', async () => {
  const base = await nydusOf(sourceImage(LAYERS));
  const target = new MemoryStore('memory.test/committed:1');
  const renamed = dir('moved', { pax: [['SCHILY.xattr.trusted.overlay.redirect', '/bin']] });
  await assert.rejects(committed(base, layer(renamed), {}, target), UnsupportedError);
  await assert.rejects(committed(base, Buffer.from('no tar'), {}, target), /is no tar|tar/);
  await assert.rejects(committed(base, layer(...CHANGES).subarray(0, 3000), {}, target), /end/);
  await assert.rejects(committed(sourceImage(LAYERS), layer(), {}, target), /no Nydus image/);
  assert.equal(target.root, undefined);
  const { events } = await committed(base, layer(char('bin/cold', 0, 0)));
  assert.ok(events.some((event) => event.type === 'warning' && event.code === 'OVERLAY_ATTRIBUTES'));
});
