/** Dictionaries that are made of images, and estimates that say beforehand what will be stored. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkImage } from '../../src/check/check.js';
import { convertImage } from '../../src/convert/convert.js';
import { DEDUP_ESTIMATE } from '../../tools/docs/schemas/dedup.js';
import { type DedupEstimate, estimateDedup, type EstimateOptions } from '../../src/dedup/estimate.js';
import { type Generated, generateDictionary, type GenerateOptions } from '../../src/dedup/generate.js';
import { UsageError } from '../../src/errors.js';
import { estimatePage } from '../../src/cli/report/dedup-page.js';
import { estimateLines } from '../../src/cli/text/dedup.js';
import { MEDIA } from '../../src/oci/media-types.js';
import { converted, manifestOf, sourceImage } from '../support/images/memory-conversion.js';
import { dir, file, layer } from '../support/images/tar.js';
import { MemoryStore } from '../support/registries/memory-store.js';
import * as v from 'valibot';

const noise = (seed: number, size: number): Buffer => {
  const bytes = Buffer.alloc(size);
  for (let i = 0, state = seed + 1; i < size; i++)
    bytes[i] = (state = (Math.imul(state, 1103515245) + 12345) >>> 0) >>> 16;
  return bytes;
};

/** Version `n` of an image: of twenty files each version replaces two. */
function version(n: number): MemoryStore {
  const files = Array.from({ length: 20 }, (_, i) =>
    file(`f${i}`, noise(i * 100 + (i % 10 < n ? n : 0), 20_000 + i)),
  );
  return sourceImage([layer(dir('./'), ...files)]);
}

/** The image under a name of its own, made at a time of its own. */
async function nydus(n: number, repository = 'memory.test/app'): Promise<MemoryStore> {
  const made = await converted(version(n));
  const named = new MemoryStore(`${repository}:${n}`);
  for (const [digest, bytes] of made.content) named.content.set(digest, bytes);
  named.root = made.root;
  return named;
}

const PLATFORM = { os: 'linux', architecture: 'amd64' };
const GENERATE: GenerateOptions = {
  platform: PLATFORM,
  minShare: 2,
  maxSize: 2 ** 30,
  inSources: false,
  force: false,
  workDir: undefined,
  threads: 2,
  concurrency: 2,
  allowedHosts: [],
};
const ESTIMATE: EstimateOptions = { ...GENERATE, chunkSizes: [0x10_0000], dictionaryFrom: 2 };

const generate = (
  sources: readonly MemoryStore[],
  target: MemoryStore,
  options: Partial<GenerateOptions> = {},
): Promise<Generated> => generateDictionary(sources, target, { ...GENERATE, ...options });

const storedOf = (store: MemoryStore): number =>
  manifestOf(store)
    .layers.slice(0, 1)
    .reduce((sum, { size }) => sum + size, 0);

for (const inSources of [false, true]) {
  test(`a dictionary is a sound image, the same each time, that saves what it says (chunks ${inSources ? 'in the sources' : 'packed'})`, async () => {
    const sources = await Promise.all([1, 2, 3].map((n) => nydus(n)));
    const targets = [new MemoryStore('memory.test/dict:1'), new MemoryStore('memory.test/dict:1')];
    const [first, second] = [
      await generate(sources, targets[0] ?? assert.fail(), { inSources }),
      await generate(sources, targets[1] ?? assert.fail(), { inSources }),
    ];
    assert.deepEqual(first.result?.root, second.result?.root);
    assert.notEqual(first.result, undefined);
    assert.deepEqual(
      first.heldBack.map(({ image }) => image),
      ['memory.test/app:3'],
    );
    const dictionary = targets[0] ?? assert.fail();
    assert.deepEqual(
      (await checkImage({ target: dictionary })).findings.filter(({ severity }) => severity === 'error'),
      [],
    );
    const data = manifestOf(dictionary)
      .layers.slice(0, -1)
      .map(({ digest }) => digest);
    const known = sources.slice(0, 2).flatMap((source) => manifestOf(source).layers[0]?.digest ?? []);
    assert.equal(
      data.some((digest) => known.includes(digest)),
      inSources,
    );
    const plain = await nydus(3);
    const target = new MemoryStore('memory.test/app:3');
    await convertImage({ source: version(3), target }, { dictionary });
    assert.deepEqual((await checkImage({ source: version(3), target })).findings, []);
    const [said = assert.fail()] = first.heldBack;
    const saved = storedOf(plain) - storedOf(target);
    assert.ok(Math.abs(saved - said.savedBytes) < said.savedBytes * 0.02, `${saved} ${said.savedBytes}`);
  });
}

test('what saves less than 5 % of the images held back is made only by force', async () => {
  const strangers = [sourceImage([layer(dir('./'), file('x', noise(9000, 90_000)))])];
  const own = [await nydus(1), await nydus(2)];
  const last = new MemoryStore('memory.test/app:9');
  const made = await converted(strangers[0] ?? assert.fail());
  for (const [digest, bytes] of made.content) last.content.set(digest, bytes);
  last.root = made.root;
  const target = new MemoryStore('memory.test/dict:1');
  const refused = await generate([...own, last], target);
  assert.deepEqual([refused.saving, refused.result, target.root], [0, undefined, undefined]);
  assert.notEqual((await generate([...own, last], target, { force: true })).result, undefined);
});

test('limits choose the chunks: dearest first, held by enough images', async () => {
  const sources = [await nydus(1), await nydus(2), await nydus(3), await nydus(0)];
  const none = await generate(sources, new MemoryStore('memory.test/dict:1'), { minShare: 4 });
  assert.equal(none.chunks, 0);
  const few = await generate(sources, new MemoryStore('memory.test/dict:1'), { maxSize: 45_000 });
  assert.ok(few.chunks === 2 && few.chunkBytes <= 45_000);
});

/** An index with version `n` for two platforms; that of the second one is two versions older. */
async function index(n: number): Promise<MemoryStore> {
  const store = new MemoryStore(`memory.test/multi:${n}`);
  const manifests = [];
  for (const [architecture, made] of [
    ['amd64', await converted(version(n))],
    ['arm64', await converted(version(n + 2))],
  ] as const) {
    for (const [digest, bytes] of made.content) store.content.set(digest, bytes);
    manifests.push({ ...(made.root ?? assert.fail()), platform: { os: 'linux', architecture } });
  }
  store.root = store.putJson(MEDIA.ociIndex, { schemaVersion: 2, mediaType: MEDIA.ociIndex, manifests });
  return store;
}

for (const inSources of [false, true])
  test(`a dictionary for all platforms is an index of those that each platform alone would have (chunks ${inSources ? 'in the sources' : 'packed'})`, async () => {
    const sources = [await index(1), await index(2), await index(3), await nydus(1, 'memory.test/other')];
    const target = new MemoryStore('memory.test/dict:1');
    const all = await generate(sources, target, { inSources, allPlatforms: true, force: true });
    assert.deepEqual(
      all.platforms.map(({ platform, sources: own, heldBack }) => [platform, own.length, heldBack.length]),
      [
        ['linux/amd64', 3, 1],
        ['linux/arm64', 2, 1],
      ],
    );
    assert.equal(
      all.chunks,
      all.platforms.reduce((sum, { chunks }) => sum + chunks, 0),
    );
    const root = JSON.parse(
      Buffer.from(target.content.get((target.root ?? assert.fail()).digest) ?? []).toString(),
    ) as {
      readonly manifests: readonly { readonly digest: string }[];
    };
    for (const [n, architecture] of ['amd64', 'arm64'].entries()) {
      const alone = new MemoryStore('memory.test/dict:1');
      const platform = { os: 'linux', architecture };
      const own = architecture === 'amd64' ? sources : sources.slice(0, 3);
      const { result } = await generate(own, alone, { inSources, platform, force: true });
      assert.equal(root.manifests[n]?.digest, result?.root.digest, architecture);
    }
    const made = await convertImage(
      { source: version(4), target: new MemoryStore('memory.test/app:4') },
      { dictionary: target },
    );
    const saved = made.images[0]?.dictionaryBlobs.reduce((sum, blob) => sum + blob.savedBytes, 0) ?? 0;
    assert.ok(saved > 0);
  });

test('sources of different formats are refused, and both formats are named', async () => {
  const other = await converted(version(1), { chunkSize: 0x1_0000 });
  await assert.rejects(
    generate([await nydus(1), other], new MemoryStore('memory.test/dict:1')),
    (error) => error instanceof UsageError && /chunk size 1048576, and .* 65536/.test(error.message),
  );
});

test('an estimate of ordinary images is that of their conversions, and reads no blob of those', async () => {
  const plain = Array.from({ length: 4 }, (_, n) => version(n));
  const nydusImages = await Promise.all([0, 1, 2, 3].map((n) => nydus(n)));
  for (const store of nydusImages)
    for (const { digest, mediaType } of manifestOf(store).layers)
      if (mediaType === MEDIA.nydusBlob) store.content.delete(digest);
  const figures = ({ shared, dictionary, chunkSizes }: DedupEstimate): unknown => ({
    shared,
    dictionary,
    chunkSizes,
  });
  const [streamed, read] = [await estimateDedup(plain, ESTIMATE), await estimateDedup(nydusImages, ESTIMATE)];
  assert.deepEqual(figures(streamed), figures(read));
  assert.ok(v.is(DEDUP_ESTIMATE, { schemaVersion: 1, ...read }));
  const sizes = await estimateDedup(plain, { ...ESTIMATE, chunkSizes: [0x10_0000, 0x1000] });
  assert.deepEqual(
    sizes.chunkSizes.map(({ chunkSize }) => chunkSize),
    [0x1000, 0x10_0000],
  );
});

test('what was stored of later images is within 2 % of the estimate', async () => {
  const images = await Promise.all([0, 1, 2, 3, 4].map((n) => nydus(n)));
  const estimate = await estimateDedup(images, ESTIMATE);
  const dictionary = new MemoryStore('memory.test/dict:1');
  await generate(images.slice(0, 2), dictionary);
  let stored = 0;
  for (const n of [2, 3, 4]) {
    const target = new MemoryStore('memory.test/app:1');
    await convertImage({ source: version(n), target }, { dictionary });
    const { layers } = manifestOf(target);
    stored += storedOf(target) + (layers.at(-1)?.size ?? 0);
  }
  const { storedWith, storedWithout } = estimate.dictionary;
  assert.ok(storedWith < storedWithout * 0.6);
  assert.ok(Math.abs(stored - storedWith) < stored * 0.02, `${stored} stored, ${storedWith} estimated`);
});

test('the page loads nothing, and shows names as text', async () => {
  const images = await Promise.all([0, 1, 2].map((n) => nydus(n)));
  const estimate = await estimateDedup(images, ESTIMATE);
  const named = { ...estimate, images: estimate.images.map((image) => ({ ...image, image: '<script>' })) };
  const page = estimatePage(named);
  assert.doesNotMatch(page, /<script|src=|href=|url\(|@import|NaN|undefined/);
  assert.match(page, /<svg[\s\S]*<svg[\s\S]*<svg[\s\S]*<svg/);
  const text = Array.from(estimateLines(estimate)).join('\n');
  assert.match(text, /a dictionary of the first 2 images: \d+ chunks/);
  assert.doesNotMatch(text, /NaN|undefined/);
});
