/** Conversions that store only what a container sees. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkImage } from '../../src/check/check.js';
import { convertImage, type ConvertResult } from '../../src/convert/convert.js';
import type { ConvertOptions } from '../../src/convert/options.js';
import { planConversion } from '../../src/convert/plan.js';
import { UsageError } from '../../src/errors.js';
import { contentsComparable, readContents } from '../../src/look/contents.js';
import { diffFiles } from '../../src/look/diff.js';
import { openFilesystem } from '../../src/look/open.js';
import { referenceCases, referenceLayers } from '../support/images/fixtures.js';
import { converted, manifestOf, sourceImage } from '../support/images/memory-conversion.js';
import { dir, file, hardlink, layer, opaque, symlink, whiteout } from '../support/images/tar.js';
import { needs } from '../support/needs.js';
import { MemoryStore } from '../support/registries/memory-store.js';

const noise = (seed: number, size: number): Buffer => {
  const bytes = Buffer.alloc(size);
  for (let i = 0, state = seed + 1; i < size; i++)
    bytes[i] = (state = (Math.imul(state, 1103515245) + 12345) >>> 0) >>> 16;
  return bytes;
};

const LAYERS = [
  layer(
    dir('./'),
    dir('app'),
    dir('app/modules'),
    file('app/modules/one', noise(1, 40_000)),
    file('app/modules/two', noise(2, 30_000)),
    file('app/main', noise(3, 20_000)),
    file('linked', noise(4, 10_000)),
    hardlink('app/other-name', 'linked'),
    file('twice', noise(5, 9000)),
    file('twice', noise(6, 8000)),
    dir('real'),
    symlink('way', 'real'),
    file('real/below', noise(7, 7000)),
  ),
  layer(
    dir('app'),
    whiteout('app/modules'),
    whiteout('linked'),
    file('app/main', noise(8, 21_000)),
    file('small', 'a'),
    file('smaller', 'b'),
    file('gone', 'c'),
  ),
  layer(whiteout('gone'), file('way/below', noise(9, 7100)), dir('empty'), opaque('empty')),
];

async function flattened(
  source: MemoryStore,
  options: Partial<ConvertOptions> = {},
): Promise<{ readonly target: MemoryStore; readonly result: ConvertResult }> {
  const target = new MemoryStore('memory.test/target:1');
  const result = await convertImage({ source, target }, { threads: 2, flatten: 'layers', ...options });
  return { target, result };
}

async function assertSound(source: MemoryStore, target: MemoryStore, name?: string): Promise<void> {
  assert.deepEqual((await checkImage({ source, target })).findings, [], name);
  const [first, second] = [await openFilesystem(source), await openFilesystem(target)];
  const contents = contentsComparable(first, second) ? undefined : await readContents(first, second, {});
  assert.deepEqual(Array.from(diffFiles(first, second, { times: true, contents })), [], name);
}

interface ConfigJson {
  readonly rootfs: { readonly diff_ids: readonly string[] };
  readonly history: readonly { readonly empty_layer?: boolean; readonly created_by: string }[];
}

function configOf(store: MemoryStore): ConfigJson {
  const bytes = store.content.get(manifestOf(store).config.digest) ?? assert.fail();
  return JSON.parse(Buffer.from(bytes).toString()) as ConfigJson;
}

const FORMATS = {
  v6: {},
  'one blob': { flatten: 'one' },
  v5: { fsVersion: 5 },
  'v5, one blob': { fsVersion: 5, flatten: 'one' },
  'lz4, duplicates found in the image': { compressor: 'lz4_block', dedup: 'image' },
  'uncompressed, SHA-256': { compressor: 'none', digester: 'sha256' },
  'small files together': { batchSize: 0x1_0000 },
  'small files together, uncompressed, one blob': { batchSize: 0x1_0000, compressor: 'none', flatten: 'one' },
  'small files together where that helps': { batchSize: 'auto' },
} as const satisfies Readonly<Record<string, Partial<ConvertOptions>>>;

for (const [name, format] of Object.entries(FORMATS)) {
  test(`a flattened image shows what its source shows, stores less, and its documents agree (${name})`, async () => {
    const source = sourceImage(LAYERS);
    const { target, result } = await flattened(source, format);
    await assertSound(source, target);
    const { layers } = manifestOf(target);
    const { rootfs, history } = configOf(target);
    const blobs = layers.slice(0, -1).map(({ digest }) => digest as string);
    assert.equal(blobs.length, 'flatten' in format ? 1 : LAYERS.length);
    assert.deepEqual(rootfs.diff_ids.slice(0, -1), blobs);
    assert.equal(history.filter(({ empty_layer: empty }) => empty !== true).length, layers.length);
    assert.deepEqual(
      history.slice(0, -1).map(({ created_by: step }) => step),
      LAYERS.map((_, i) => `step ${i}`),
    );
    const stored = (store: MemoryStore): number =>
      manifestOf(store).layers.reduce((sum, { size }) => sum + size, 0);
    const plain = await converted(source, { ...format, flatten: 'none' });
    // Two modules, an old main, a file that its own layer replaces, and one that an upper layer replaces behind a symlink.
    assert.ok(stored(plain) - stored(target) > 90_000, `${stored(plain)} ${stored(target)}`);
    const [image = assert.fail()] = result.images;
    assert.equal(image.nydusBytes, stored(target) + manifestOf(target).config.size);
    for (const options of [
      { threads: 1, concurrency: 1 },
      { threads: 8, concurrency: 8 },
    ]) {
      const again = await flattened(source, { ...format, ...options });
      assert.deepEqual(again.result.root, result.root);
    }
  });

  test(`every case flattened is sound (${name})`, async (t) => {
    if (!needs(t, 'python3')) return;
    for (const title of referenceCases()) {
      const source = sourceImage(referenceLayers(title));
      const { target } = await flattened(source, format);
      assert.deepEqual((await checkImage({ source, target })).findings, [], title);
    }
  });
}

test('the report says what was left out, by layer and directory', async () => {
  const { result } = await flattened(sourceImage(LAYERS), { compressor: 'none' });
  const report = result.images[0]?.layers.map(({ leftOut }) => leftOut);
  assert.deepEqual(report, [
    {
      hidden: { files: 4, bytes: 40_000 + 30_000 + 20_000 + 7000 },
      overwritten: { files: 1, bytes: 9000 },
      directories: [
        { path: '/app/modules', files: 2, bytes: 70_000 },
        { path: '/app', files: 1, bytes: 20_000 },
        { path: '/real', files: 1, bytes: 7000 },
      ],
      moreDirectories: 0,
      storedBytes: 106_000,
    },
    {
      hidden: { files: 1, bytes: 1 },
      overwritten: { files: 0, bytes: 0 },
      directories: [{ path: '/', files: 1, bytes: 1 }],
      moreDirectories: 0,
      storedBytes: 1,
    },
    {
      hidden: { files: 0, bytes: 0 },
      overwritten: { files: 0, bytes: 0 },
      directories: [],
      moreDirectories: 0,
      storedBytes: 0,
    },
  ]);
});

test('a flattened image with a dictionary, in a merged index, and of layers that recur, is sound', async () => {
  const recurring = [...LAYERS, LAYERS[1] ?? assert.fail(), LAYERS[0] ?? assert.fail()];
  const source = sourceImage(recurring);
  const dictionary = await converted(sourceImage(LAYERS.slice(0, 1)));
  for (const flatten of ['layers', 'one'] as const) {
    const with_ = await flattened(source, { flatten, dictionary });
    await assertSound(source, with_.target);
    const saved = with_.result.images[0]?.dictionaryBlobs.reduce((sum, blob) => sum + blob.savedBytes, 0);
    assert.ok(saved !== undefined && saved > 40_000 && saved < 150_000, `${saved}`);
    const merged = await flattened(source, { flatten, mergePlatform: true });
    assert.deepEqual((await checkImage({ source, target: merged.target })).findings, []);
  }
});

test('nothing is left of a layer of which a container sees nothing', async () => {
  const source = sourceImage([layer(file('a', noise(1, 5000))), layer(file('a', noise(2, 5000)))]);
  const { target, result } = await flattened(source);
  await assertSound(source, target);
  const [lower = assert.fail()] = result.images[0]?.layers ?? [];
  assert.ok(lower.blob.size < 5000);
  assert.deepEqual(lower.leftOut?.directories, [{ path: '/', files: 1, bytes: 5000 }]);
});

test('a plan of a flattened image knows the blobs that a conversion then stores', async () => {
  const source = sourceImage(LAYERS);
  for (const flatten of ['layers', 'one'] as const) {
    const { target, result } = await flattened(source, { flatten });
    const layers = result.images[0]?.layers ?? [];
    const other = new MemoryStore('memory.test/other:1');
    const plan = async (place: MemoryStore): Promise<readonly unknown[]> =>
      (await planConversion({ source, target: place }, { flatten })).images[0]?.layers.map(
        ({ blobBytes, blob, leftOut }) => [blobBytes, blob, leftOut],
      ) ?? [];
    const sizes = layers.map(({ blob }, n) => (flatten === 'one' && n > 0 ? 0 : blob.size));
    const expected = (blob: string): readonly unknown[] =>
      layers.map(({ leftOut }, n) => [sizes[n], blob, leftOut]);
    other.root = undefined;
    assert.deepEqual(await plan(target), expected('present'));
    assert.deepEqual(await plan(other), expected('push'));
  }
});

test('a build cache is refused, with a way out', async () => {
  const store = new MemoryStore('memory.test/cache:1');
  const run = convertImage(
    { source: sourceImage(LAYERS), target: new MemoryStore('memory.test/target:1'), cache: { store } },
    { flatten: 'layers' },
  );
  await assert.rejects(run, (error) => error instanceof UsageError && error.remedy?.kind === 'omit-flatten');
});
