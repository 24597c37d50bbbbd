/**
 * In every format a run with a build cache makes what a run without it makes, whatever the cache holds: nothing, some layers or all;
 * sound records, damaged ones, blobs that are gone, and records of other options, other images and another dictionary.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ConvertOptions } from '../../src/convert/options.js';
import { CacheError } from '../../src/errors.js';
import { cachedRun, imageOf } from '../support/cache/cached-runs.js';
import { converted, manifestOf, sourceImage } from '../support/images/memory-conversion.js';
import { dir, file, layer } from '../support/images/tar.js';
import { MemoryStore } from '../support/registries/memory-store.js';

const text = (word: string): string => word.repeat(3000);
const A = file('a', text('one '));
const B = file('b', text('two '));
const C = file('c', text('three '));

/** The second layer has a chunk of the first, and one of the dictionary; the third has chunks that no other has; the last one none. */
const TARS = [
  layer(dir('./', { mtime: 7 }), A, file('small', 'x')),
  layer(file('again', text('one ')), B, C),
  layer(file('own', text('four ')), file('small', 'y'), file('tiny', 'z')),
  layer(file('.wh.small', '')),
];
/** Another image, in which the second layer lies over the chunks that it stores itself in the first image. */
const OTHER_CHAIN = [layer(dir('./'), B, file('e', text('five '))), ...TARS.slice(1)];
const DICTIONARY = [layer(dir('./'), C)];
const OTHER_DICTIONARY = [layer(dir('./'), C, B)];

const FORMATS: readonly Partial<ConvertOptions>[] = ([5, 6] as const).flatMap((fsVersion) =>
  (['zstd', 'none', 'lz4_block'] as const).flatMap((compressor) =>
    [0x1000, 0x100000].flatMap((chunkSize) =>
      (['layer', 'image'] as const).map((dedup) => ({ fsVersion, compressor, chunkSize, dedup })),
    ),
  ),
);

type Fault = 'none' | 'damaged' | 'gone' | 'other options' | 'other chain' | 'other dictionary';

const FAULTS: readonly Fault[] = [
  'none',
  'damaged',
  'gone',
  'other options',
  'other chain',
  'other dictionary',
];
/** With these a strict run ends. */
const ENDS: readonly Fault[] = ['damaged', 'gone'];

/** A cache that holds what the fault says of the first `count` layers. */
async function filled(
  fault: Fault,
  count: number,
  options: Partial<ConvertOptions>,
  other: Partial<ConvertOptions>,
): Promise<MemoryStore> {
  const store = new MemoryStore('memory.test/cache:1');
  const tars = (fault === 'other chain' ? OTHER_CHAIN : TARS).slice(0, count);
  if (tars.length === 0) return store;
  const used = fault === 'other options' || fault === 'other dictionary' ? { ...options, ...other } : options;
  await cachedRun(sourceImage(tars), used, { store });
  for (const { digest } of manifestOf(store).layers) {
    const bytes = Buffer.from(store.content.get(digest) ?? []);
    if (fault === 'gone') store.content.delete(digest);
    if (fault !== 'damaged') continue;
    bytes[bytes.length - 600] = (bytes[bytes.length - 600] ?? 0) ^ 1;
    store.content.set(digest, bytes);
  }
  return store;
}

let cases = 0;

for (const format of FORMATS) {
  const { fsVersion, compressor, chunkSize, dedup } = format;
  test(`a cache changes nothing: v${fsVersion}, ${compressor}, ${chunkSize}, --dedup ${dedup}`, async () => {
    const dictionaries = await Promise.all(
      [DICTIONARY, OTHER_DICTIONARY].map((tars) =>
        converted(sourceImage(tars), { ...format, dedup: 'layer' }),
      ),
    );
    const source = sourceImage(TARS);
    for (const hasDictionary of [false, true]) {
      const options = { ...format, dictionary: hasDictionary ? dictionaries[0] : undefined };
      const other = hasDictionary
        ? { dictionary: dictionaries[1] }
        : { chunkSize: chunkSize === 0x1000 ? 0x2000 : 0x1000 };
      const forms = [false, true].map((mergePlatform) => ({ ...options, mergePlatform }));
      const plain = await Promise.all(forms.map((form) => cachedRun(source, form)));
      for (const fault of FAULTS) {
        if (fault === (hasDictionary ? 'other options' : 'other dictionary')) continue;
        for (const count of fault === 'none' ? [0, 2, 4] : [2, 4]) {
          const store = await filled(fault, count, options, other);
          const isEnd = ENDS.includes(fault);
          const merged = cases % 2;
          const [form, expected] = [forms[merged], plain[merged]];
          assert.ok(form && expected);
          const name = `${fault}, ${count} layers, merged ${merged}, dictionary ${hasDictionary}`;
          const made = await cachedRun(source, form, { store, mode: 'ro', strict: !isEnd });
          assert.deepEqual(imageOf(made), imageOf(expected), name);
          assert.equal(made.warnings.includes('CACHE_PASSED_OVER'), isEnd, name);
          if (fault === 'none') assert.equal(made.result.cache?.hits, count, name);
          if (isEnd && count === 2)
            await assert.rejects(
              cachedRun(source, form, { store, mode: 'ro', strict: true }),
              CacheError,
              name,
            );
          cases++;
        }
      }
    }
  });
}

test('these are more than 500 cases', () => {
  assert.ok(cases >= 500, String(cases));
});

test('the layers of an image that is deduplicated as a whole are found by what they depend on', async () => {
  const store = new MemoryStore('memory.test/cache:1');
  const options = { dedup: 'image' } as const;
  await cachedRun(sourceImage(TARS), options, { store });
  const alone = manifestOf(store).layers.map(({ annotations }) =>
    Object.keys(annotations ?? {}).includes('containerd.io/snapshot/nydus-source-digest'),
  );
  assert.deepEqual(alone, [true, false, true, true], 'only the second layer refers to another');
  const hits = async (tars: readonly Buffer[], more: Partial<ConvertOptions> = options): Promise<number> =>
    (await cachedRun(sourceImage(tars), more, { store, mode: 'ro', strict: true })).result.cache?.hits ?? -1;
  const [first, second, third, fourth] = TARS;
  assert.ok(first && second && third && fourth);
  assert.equal(await hits(TARS), 4);
  assert.equal(await hits([third, first, second]), 2, 'the second lies over other layers');
  assert.equal(await hits([third, first, fourth], { dedup: 'layer' }), 3);
  assert.equal(await hits([second], { dedup: 'layer' }), 0);
  const lower = layer(file('x', text('four ')));
  assert.equal(await hits([lower, third]), 0, 'a chunk of the third is stored below');
});
