/**
 * Upstream's own cache code reads what we write and writes what we read, over one tag in Debian's docker-registry. Upstream finds a record only
 * if the source layer lies in the repository of the cache, so everything is in one.
 */
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import type { BuildCache } from '../../src/cache/options.js';
import { type CacheRoot, readCache } from '../../src/cache/root.js';
import { convertImage, type ConvertResult } from '../../src/convert/convert.js';
import type { ConvertOptions } from '../../src/convert/options.js';
import { anonymous } from '../../src/registry/auth/credentials.js';
import { openSource, openTarget } from '../../src/registry/open.js';
import { buildImage, putImage } from '../support/images/image-builder.js';
import { file, layer } from '../support/images/tar.js';
import { needs } from '../support/needs.js';
import { buildCacheTool, pathOrSkip } from '../support/references/tools.js';
import { type RealRegistry, startDockerRegistry } from '../support/registries/real-registries.js';
import { tryRun } from '../support/run-tool.js';

const open = { credentials: anonymous };

interface Lab {
  readonly repository: string;
  /** Puts an image of these files, one a layer; returns its tag. */
  put(tag: string, files: readonly string[], contents?: readonly string[]): Promise<string>;
  /** Converts it, with the cache or without. */
  convert(
    tag: string,
    cache?: Partial<BuildCache>,
    options?: Partial<ConvertOptions>,
  ): Promise<ConvertResult>;
  /** What upstream finds for the layers of a converted image: the digests of blobs. */
  upstreamReads(result: ConvertResult): Promise<readonly (string | undefined)[]>;
  upstreamWrites(source: string, nydus: string): Promise<void>;
  root(): Promise<CacheRoot>;
}

async function lab(t: TestContext, real: RealRegistry, tag = 'cache'): Promise<Lab | undefined> {
  const tool = pathOrSkip(t, await buildCacheTool());
  if (tool === undefined) return undefined;
  const repository = `${real.host}/app`;
  const cacheRef = `${repository}:${tag}`;
  const upstream = async (...args: readonly string[]): Promise<string> => {
    const { status, stdout, stderr } = await tryRun(tool, args);
    assert.equal(status, 0, stderr);
    assert.doesNotMatch(stderr, /unmatched version/);
    return stdout.toString('utf8');
  };
  return {
    repository,
    put: async (tag, files, contents = files) => {
      await using target = openTarget(`${repository}:${tag}`, open);
      const text = (place: number): string => (contents[place] ?? '').repeat(99);
      const layers = files.map((name, place) => layer(file(name, text(place))));
      await putImage(target, buildImage({ layers }));
      return tag;
    },
    convert: async (tag, cache, options) => {
      await using source = openSource(`${repository}:${tag}`, open);
      await using target = openTarget(`${repository}:${tag}-nydus`, open);
      await using store = openTarget(cacheRef, open);
      const withCache = cache === undefined ? undefined : { store, strict: true, ...cache };
      return await convertImage({ source, target, cache: withCache }, { threads: 1, ...options });
    },
    upstreamReads: async (result) => {
      const layers = result.images.flatMap((image) => image.layers.map(({ source }) => source.digest));
      const lines = (await upstream('read', cacheRef, '', ...layers)).trim().split('\n');
      return lines.map((line) => (JSON.parse(line) as { readonly target?: string }).target); // the tool's own form
    },
    upstreamWrites: async (source, nydus) => {
      await upstream('write', cacheRef, '', `${repository}:${source}`, `${repository}:${nydus}`);
    },
    root: async () => {
      await using store = openSource(cacheRef, open);
      const root = await readCache(store, {});
      assert.ok(root);
      return root;
    },
  };
}

const blobsOf = (result: ConvertResult): string[] =>
  result.images.flatMap((image) => image.layers.map(({ blob }) => blob.digest));

for (const layout of ['manifest', 'index'] as const) {
  test(`upstream reads and updates our cache, and we read and update what it leaves: ${layout}`, async (t) => {
    if (!needs(t, 'docker-registry')) return;
    await using real = await startDockerRegistry();
    const made = await lab(t, real);
    if (made === undefined) return;
    const first = await made.convert(await made.put('first', ['a', 'b']), { layout });
    assert.deepEqual(await made.upstreamReads(first), blobsOf(first));
    const known: ConvertResult[] = [first];
    for (let i = 0; i < 10; i++) {
      // Upstream adds an image that it has not converted with our cache.
      const theirs = await made.convert(await made.put(`theirs-${i}`, ['a', `t${i}`]));
      await made.upstreamWrites(`theirs-${i}`, `theirs-${i}-nydus`);
      assert.deepEqual(await made.upstreamReads(theirs), blobsOf(theirs));
      assert.equal((await made.root()).index !== undefined, layout === 'index');
      // Ours finds its own records beside upstream's, and adds others.
      const ours = await made.convert(await made.put(`ours-${i}`, ['b', `o${i}`]), {});
      assert.deepEqual([ours.cache?.hits, ours.cache?.misses, ours.cache?.written], [1, 1, true]);
      known.push(theirs, ours);
      assert.equal((await made.root()).index !== undefined, layout === 'index');
    }
    const { manifests } = await made.root();
    const records = manifests.flatMap((manifest) => manifest.records.map(({ digest }) => digest as string));
    for (const result of known) {
      assert.deepEqual(await made.upstreamReads(result), blobsOf(result));
      assert.ok(blobsOf(result).every((digest) => records.includes(digest)));
    }
    assert.equal(manifests.length, 1);
  });
}

test('we read and update a cache that upstream has begun', async (t) => {
  if (!needs(t, 'docker-registry')) return;
  await using real = await startDockerRegistry();
  const made = await lab(t, real);
  if (made === undefined) return;
  const theirs = await made.convert(await made.put('theirs', ['a', 'b']));
  await made.upstreamWrites('theirs', 'theirs-nydus');
  const before = await made.root();
  assert.deepEqual([before.index, before.manifests[0]?.platform], [undefined, undefined]);
  // Records without a key are kept, and used only on demand.
  const trusting = await made.convert('theirs', { mode: 'ro', trustUnkeyed: true });
  assert.deepEqual([trusting.cache?.hits, trusting.root.digest], [2, theirs.root.digest]);
  const ours = await made.convert('theirs', {});
  assert.deepEqual([ours.cache?.hits, ours.cache?.written], [0, true]);
  assert.deepEqual(blobsOf(ours), blobsOf(theirs));
  const after = await made.root();
  assert.deepEqual(after.index, undefined);
  assert.deepEqual(await made.upstreamReads(ours), blobsOf(ours));
  assert.equal((await made.convert('theirs', {})).cache?.hits, 2);
});

test('upstream does not find blobs that refer to others, and finds the others beside them', async (t) => {
  if (!needs(t, 'docker-registry')) return;
  await using real = await startDockerRegistry();
  const made = await lab(t, real);
  if (made === undefined) return;
  const image = await made.put('image', ['a', 'b', 'c'], ['same', 'same', 'other']);
  const result = await made.convert(image, {}, { dedup: 'image' });
  const [first, , third] = blobsOf(result);
  assert.deepEqual(await made.upstreamReads(result), [first, undefined, third]);
  const again = await made.convert(image, { mode: 'ro' }, { dedup: 'image' });
  assert.deepEqual([again.cache?.hits, again.root.digest], [3, result.root.digest]);
});

test('of 500 layers through 200 records ours keeps those used last, and upstream those that came first', async (t) => {
  if (!needs(t, 'docker-registry')) return;
  await using real = await startDockerRegistry();
  const [ours, theirs] = [await lab(t, real, 'ours'), await lab(t, real, 'theirs')];
  if (ours === undefined || theirs === undefined) return;
  const blobs: string[] = [];
  for (const image of ['a', 'b', 'c', 'd', 'e']) {
    const files = Array.from({ length: 100 }, (_, i) => `${image}${i}`);
    const result = await ours.convert(await ours.put(image, files), { maxRecords: 200 });
    await theirs.upstreamWrites(image, `${image}-nydus`);
    blobs.push(...blobsOf(result));
  }
  const kept = async (cache: Lab): Promise<readonly number[]> => {
    const records = (await cache.root()).manifests.flatMap((manifest) => manifest.records);
    return records.map(({ digest }) => blobs.indexOf(digest)).toSorted((a, b) => a - b);
  };
  const numbers = (from: number): readonly number[] => Array.from({ length: 200 }, (_, i) => from + i);
  assert.deepEqual(await kept(ours), numbers(300));
  assert.deepEqual(await kept(theirs), numbers(0));
});
