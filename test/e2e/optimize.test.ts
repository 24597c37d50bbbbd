/** Files that clients load first get a blob of their own: the image stays what it was, and is read in fewer requests. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkImage } from '../../src/check/check.js';
import type { ConvertOptions } from '../../src/convert/options.js';
import { fetchBootstrap } from '../../src/image/bootstrap-layer.js';
import type { Image } from '../../src/image/image.js';
import { prefetchBlobOf } from '../../src/image/kinds.js';
import { readReference } from '../../src/image/reference-tree.js';
import { diffFiles } from '../../src/look/diff.js';
import { openNydus } from '../../src/look/nydus.js';
import { openFilesystem } from '../../src/look/open.js';
import type { PrefetchPattern } from '../../src/native/addon-types.js';
import { judgeBootstrap } from '../../src/native/judge.js';
import { digestHex } from '../../src/oci/digest.js';
import { parsePlatforms } from '../../src/oci/platform.js';
import { optimizeImage, type OptimizeResult } from '../../src/optimize/optimize.js';
import type { OptimizeOptions } from '../../src/optimize/options.js';
import { chunkBlob, chunkIndex } from '../../src/rafs-builder/model/tree.js';
import { walk } from '../../src/rafs-builder/model/walk.js';
import { anonymous } from '../../src/registry/auth/credentials.js';
import { openSource } from '../../src/registry/open.js';
import type { ImageSource } from '../../src/registry/stores/store.js';
import type { ConvertEvent } from '../../src/reporter.js';
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
import { dir, file, hardlink, layer, symlink, whiteout } from '../support/images/tar.js';
import { upstreamImages } from '../support/references/upstream-images.js';
import { MemoryStore } from '../support/registries/memory-store.js';
import { removeFolder } from '../support/temp-folder.js';

const text = (word: string): string => `${word} `.repeat(3000);
const SHARED = text('shared');

const LAYERS = [
  layer(
    dir('bin', { mode: 0o711, mtime: 7 }),
    file('bin/app', noise(90_000, 1), { mode: 0o4755, uid: 7, gid: 3_000_000, mtime: 1234 }),
    hardlink('bin/again', 'bin/app'),
    file('bin/cold', text('cold')),
    dir('lib'),
    file('lib/a.so', text('a')),
    file('lib/b.so', SHARED),
    file('lib/cold.so', SHARED),
    file('lib/gone.so', text('gone')),
    file('empty', ''),
    symlink('usr', 'lib'),
    dir('tmp', { mode: 0o1777 }),
    file('tmp/hole', Buffer.alloc(300_000)),
  ),
  layer(
    file('lib/a.so', text('new a')),
    whiteout('lib/gone.so'),
    dir('data'),
    file('data/one', noise(20_000, 2)),
    file('data/two', SHARED),
    hardlink('other', 'data/two'),
  ),
];

function patterns(...paths: readonly string[]): readonly PrefetchPattern[] {
  return paths.map((path) => ({ path, kind: 'glob' }));
}

/** One name of a hard link, a file over a symlink, a directory, what is not there, and what has no content. */
const LIST = patterns(
  '/bin/again',
  '/usr/b.so',
  '/data',
  '/nothing/here',
  '/lib/a.so',
  '/empty',
  '/tmp/hole',
);

const FORMATS: Readonly<Record<string, Partial<ConvertOptions>>> = {
  'v6 zstd': { chunkSize: 0x1_0000 },
  'v6 zstd, chunks of lower layers referred to': { chunkSize: 0x1_0000, dedup: 'image' },
  'v6 lz4': { compressor: 'lz4_block' },
  'v6 none': { compressor: 'none' },
  'v6 batches': { batchSize: 0x10_0000 },
  'v6 small chunks, SHA-256': { chunkSize: 0x1000, digester: 'sha256' },
  'v6 for old readers': { compat: 'nydusd-2.2' },
  'v6 flattened': { flatten: 'one' },
  'v6 zran': { ociRef: 'zran' },
  'v6 zran, chunks of lower layers referred to': { ociRef: 'zran', dedup: 'image' },
  'v6 with recipes of its tars': { keepTarRecipe: true },
  'v5 zstd': { fsVersion: 5, chunkSize: 0x1000 },
  'v5 lz4, chunks of lower layers referred to': { fsVersion: 5, compressor: 'lz4_block', dedup: 'image' },
};

interface Made {
  readonly store: MemoryStore;
  readonly result: OptimizeResult;
  readonly events: readonly ConvertEvent[];
}

async function optimized(
  source: ImageSource,
  prefetch: readonly PrefetchPattern[] = LIST,
  options: Partial<OptimizeOptions> = {},
  store = new MemoryStore('memory.test/fast:1'),
): Promise<Made> {
  const events: ConvertEvent[] = [];
  const result = await optimizeImage(
    { source, target: store },
    { prefetch, threads: 2, ...options },
    { reporter: { emit: (event) => events.push(event) } },
  );
  return { store, result, events };
}

async function assertSameFiles(one: ImageSource, other: ImageSource): Promise<void> {
  const [first, second] = [await openFilesystem(one), await openFilesystem(other)];
  assert.deepEqual([...diffFiles(first, second, { times: true })], []);
}

/** `known` are findings that the image had before. */
async function assertGood(
  target: MemoryStore,
  source?: MemoryStore,
  known: ReadonlySet<string> = new Set(),
): Promise<void> {
  const { findings } = await checkImage({ source, target });
  const faults = findings.filter(({ id, severity }) => severity !== 'note' && !known.has(id));
  assert.deepEqual(
    faults.map(({ id, message }) => `${id}: ${message}`),
    [],
  );
}

/** The image of a store that is one manifest. */
async function only(store: ImageSource): Promise<Image> {
  const tree = await readReference(store, {});
  const [entry] = tree.entries;
  assert.ok(entry !== undefined);
  return tree.image(entry, {});
}

for (const [format, options] of Object.entries(FORMATS)) {
  test(`${format}: the listed files are in a blob of their own, in the order of the list, and nothing else changes`, async () => {
    const source = sourceImage(LAYERS);
    const nydus = await nydusOf(source, options);
    const before = manifestOf(nydus).layers;
    const { store, result, events } = await optimized(nydus);
    await assertGood(store, source);
    await assertSameFiles(nydus, store);
    const { layers } = manifestOf(store);
    const added = layers.filter(({ digest }) => !before.some((known) => known.digest === digest));
    assert.deepEqual(
      layers.filter((one) => !added.includes(one)),
      before.slice(0, -1),
      'the blobs stay as they are',
    );
    const image = await only(store);
    const hot = prefetchBlobOf(image.manifest.value);
    assert.ok(hot !== undefined);
    assert.deepEqual(
      added.map(({ digest }) => digest),
      [hot.digest, layers.at(-1)?.digest],
    );
    const filesystem = await openNydus(image, {});
    const { blobs } = filesystem.bootstrap;
    assert.equal(blobs.at(-1)?.record.id, digestHex(hot.digest), 'the blob is the last row of the table');
    const inHot: string[] = [];
    const firsts = new Map<string, number>();
    for (const { node, path } of walk(filesystem.root)) {
      if (node.inode.kind !== 'file' || node.inode.size === 0) continue;
      const own = node.inode.chunks.map((ref) => chunkBlob(ref) === blobs.length - 1);
      assert.ok(
        own.every((is) => is === own[0]),
        `${path} is in one of them as a whole`,
      );
      if (own[0] !== true) continue;
      inHot.push(path);
      firsts.set(path, Math.min(...node.inode.chunks.map(chunkIndex)));
    }
    const wanted = [
      'bin/again',
      'bin/app',
      'data/one',
      'data/two',
      'lib/a.so',
      'lib/b.so',
      'other',
      'tmp/hole',
    ];
    assert.deepEqual(inHot.sort(), wanted);
    const order = ['bin/app', 'lib/b.so', 'data/one', 'lib/a.so', 'tmp/hole'].map(
      (path) => firsts.get(path) ?? -1,
    );
    assert.deepEqual(
      order,
      [...order].sort((a, b) => a - b),
      'chunks are in the order of the list',
    );
    const [one] = result.images;
    assert.deepEqual(one?.prefetched.missing.count, 1);
    assert.ok(
      events.some(
        (event) =>
          event.type === 'warning' && /1 of 7 patterns .* not there: \/nothing\/here/.test(event.message),
      ),
    );
    if (one.reads !== undefined) {
      assert.ok(one.reads.after.requests <= one.reads.before.requests, JSON.stringify(one.reads));
      assert.equal(one.reads.after.requests, 1);
    }
    const { bytes } = await fetchBootstrap(image, {});
    assert.deepEqual(judgeBootstrap(bytes), []);
    // Twice the same bytes, whatever the number of threads.
    const again = await optimized(nydus, LIST, { threads: 1 });
    assert.equal(again.result.root.digest, result.root.digest);
    const repeated = await optimized(store, LIST, {}, store);
    assert.equal(repeated.result.root.digest, result.root.digest, 'the same list changes nothing');
    assert.equal(repeated.result.unchanged, true);
    // Another list replaces the blob, and its files go back to where they were.
    const other = patterns('/bin/cold', '/lib/b.so');
    const replaced = await optimized(store, other);
    await assertGood(replaced.store, source);
    await assertSameFiles(nydus, replaced.store);
    assert.equal(replaced.result.images[0]?.replaced?.digest, hot.digest);
    assert.equal(manifestOf(replaced.store).layers.length, before.length + 1);
    const direct = await optimized(nydus, other);
    assert.equal(replaced.result.images[0].blob.digest, direct.result.images[0]?.blob.digest);
  });
}

test('a list that replaces another gives the same image as if it had been the first', async () => {
  const nydus = await nydusOf(sourceImage(LAYERS), { dedup: 'image' });
  const other = patterns('/lib/cold.so', '/bin');
  const direct = await optimized(nydus, other);
  const replaced = await optimized((await optimized(nydus)).store, other);
  assert.equal(replaced.result.root.digest, direct.result.root.digest);
});

test('random images keep their files, one list after another', async () => {
  for (let seed = 0; seed < 12; seed++) {
    const source = sourceImage(randomImage(seed).layers);
    const nydus = await nydusOf(source, {
      dedup: seed % 2 === 0 ? 'image' : 'layer',
      fsVersion: seed % 3 === 0 ? 5 : 6,
    });
    const paths: string[] = [];
    for (const { node, path } of walk((await openFilesystem(nydus)).root))
      if (node.inode.kind === 'file' && node.inode.size > 0) paths.push(`/${path}`);
    const exact = (some: readonly string[]): PrefetchPattern[] =>
      some.map((path) => ({ path, kind: 'path' }));
    if (paths.length < 2) continue;
    const first = await optimized(nydus, exact(paths.filter((_, i) => i % 2 === 0)));
    await assertSameFiles(nydus, first.store);
    const second = await optimized(first.store, exact(paths.filter((_, i) => i % 3 === 0).reverse()));
    await assertSameFiles(nydus, second.store);
    await assertGood(second.store, source);
  }
});

test('images of upstream keep their files', async () => {
  const { folder, at } = await upstreamImages();
  try {
    for (const tag of [
      'v6-zstd',
      'v6-lz4',
      'v6-batch',
      'v6-64k',
      'v5-zstd',
      'v5-aligned',
      'dict',
      'prefetch',
    ]) {
      await using source = openSource(at(tag), { credentials: anonymous });
      const { store } = await optimized(source, patterns('/**/*a*', '/**/*e*'));
      await assertSameFiles(source, store);
      const found = await checkImage({ source: undefined, target: source });
      await assertGood(store, undefined, new Set(found.findings.map(({ id }) => id)));
      const again = await optimized(store, patterns('/**/*e*'));
      await assertSameFiles(source, again.store);
    }
  } finally {
    await removeFolder(folder);
  }
});

test('the original half and other entries of an index stay, and its Nydus images are replaced', async () => {
  const source = new MemoryStore('memory.test/source:1');
  const [amd, arm] = ['amd64', 'arm64'].map((architecture) =>
    putImage(source, [...LAYERS, layer(file(`for-${architecture}`, architecture))], {
      family: OCI,
      architecture,
    }),
  );
  source.root = source.putJson('application/vnd.oci.image.index.v1+json', {
    schemaVersion: 2,
    mediaType: 'application/vnd.oci.image.index.v1+json',
    manifests: [
      { ...amd, platform: { os: 'linux', architecture: 'amd64' } },
      { ...arm, platform: { os: 'linux', architecture: 'arm64' } },
    ],
    annotations: { kept: 'yes' },
  });
  const merged = await nydusOf(source, { mergePlatform: true });
  const { store, result } = await optimized(merged);
  await assertGood(store, source);
  assert.equal(result.images.length, 2);
  assert.equal(result.kept.length, 2);
  const list = (
    from: MemoryStore,
  ): { manifests: { digest: string; artifactType?: string }[]; annotations: object } =>
    JSON.parse(Buffer.from(from.content.get(from.root?.digest ?? ('' as never)) ?? []).toString()) as never;
  const [was, is] = [list(merged), list(store)];
  assert.deepEqual(is.annotations, { kept: 'yes' });
  assert.deepEqual(
    is.manifests.map(({ digest }, i) => digest === was.manifests[i]?.digest),
    [true, true, false, false],
  );
  assert.deepEqual(
    is.manifests.map((entry) => entry.artifactType),
    was.manifests.map((entry) => entry.artifactType),
  );
  const one = await optimized(merged, LIST, { platforms: parsePlatforms('linux/arm64', 'amd64') });
  assert.deepEqual([one.result.images.length, one.result.kept.length], [1, 3]);
  await assert.rejects(
    optimized(merged, LIST, { platforms: parsePlatforms('linux/s390x', 'amd64') }),
    /no Nydus image for linux\/s390x/,
  );
  // The way back knows that the blob is none of a layer.
  const back = await reverseImage(
    { source: store, target: new MemoryStore('memory.test/back:1') },
    { mode: 'rebuild', threads: 2 },
  );
  assert.deepEqual(
    back.images.map(({ layers }) => layers.length),
    [3, 3],
  );
});

test('what cannot be optimised is refused with a sentence', async () => {
  const source = sourceImage(LAYERS);
  await assert.rejects(optimized(source), /is no Nydus image, so there is nothing to optimise/);
  const nydus = await nydusOf(source);
  await assert.rejects(
    optimized(nydus, patterns('/empty', '/none')),
    /names no file of the image that has content/,
  );
  await assert.rejects(optimized(nydus, []), /the list of files to load first is empty/);
});
