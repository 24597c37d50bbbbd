/**
 * Images that upstream's own converter made, and what its clients can run: `check` calls them good. Each finding above a note is
 * one that a client would do without, and each image is named for what it is when it is given as the source of a conversion.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { checkImage } from '../../src/check/check.js';
import { formatFinding } from '../../src/check/finding.js';
import type { CheckResult } from '../../src/check/result.js';
import { convertImage } from '../../src/convert/convert.js';
import { allPlatforms, parsePlatform } from '../../src/oci/platform.js';
import { openSource } from '../../src/registry/open.js';
import type { ImageSource } from '../../src/registry/stores/store.js';
import { MemoryStore } from '../support/registries/memory-store.js';
import { type UpstreamImages, upstreamImages } from '../support/references/upstream-images.js';
import { removeFolder } from '../support/temp-folder.js';

let images: UpstreamImages;

before(async () => {
  images = await upstreamImages();
});
after(async () => {
  await removeFolder(images.folder);
});

async function check(target: string, source?: string): Promise<CheckResult> {
  await using to = openSource(images.at(target));
  if (source === undefined) return await checkImage({ target: to });
  await using from = openSource(images.at(source));
  return await checkImage({ target: to, source: from });
}

/** Ids of all findings, notes included, each once. */
function idsOf({ findings }: CheckResult): readonly string[] {
  return [...new Set(findings.map(({ id }) => id))].sort();
}

const MERGED = ['INDEX-MEDIA-TYPE-MISSING', 'MANIFEST-ORIGINAL'];

/** By tag: the source, and the ids of what is worth saying. */
const GOOD: Readonly<Record<string, readonly [source: string, ids: readonly string[]]>> = {
  'v6-zstd': ['single', []],
  'v6-none': ['single', []],
  'v6-64k': ['single', []],
  'v6-lz4': ['single', ['BOOTSTRAP-BLOB-META-MISSING']],
  'v6-batch': ['single', []],
  'v5-zstd': ['single', []],
  'v5-lz4': ['single', []],
  'v5-aligned': ['single', []],
  oci: ['single', []],
  referrer: ['single', []],
  prefetch: ['single', []],
  cached: ['single', []],
  'cached-multi': ['multi', []],
  'multi-nydus': ['multi', []],
  merged: ['single', MERGED],
  'merged-multi': ['multi', MERGED],
  collapsed: ['index-of-one', []],
  'one-of-multi': ['multi', []],
  'merged-one-of-multi': ['multi', MERGED],
  'healthcheck-nydus': ['healthcheck', ['CONFIG-METADATA']],
  'healthcheck-merged': ['healthcheck', ['CONFIG-METADATA', ...MERGED]],
  dict: ['single', ['BOOTSTRAP-BLOB-META-MISSING', 'CONFIG-HISTORY-COUNT']],
  zran: ['single', ['BLOB-LAYER-UNREFERENCED']],
  localfs: ['single', ['BLOB-BACKEND']],
};

for (const [tag, [source, ids]] of Object.entries(GOOD)) {
  test(`${tag}, made of ${source}, is good${ids.length === 0 ? '' : ` (${ids.join(', ')})`}`, async () => {
    const result = await check(tag, source);
    assert.equal(result.verdict, 'good', result.findings.map(formatFinding).join('\n'));
    assert.deepEqual(idsOf(result), ids);
    assert.ok(result.platforms.length > 0 && result.platforms.every(({ compared }) => compared));
  });
}

test('without their sources they are good, too', async () => {
  for (const tag of Object.keys(GOOD)) {
    const { verdict, findings } = await check(tag);
    assert.equal(verdict, 'good', `${tag}\n${findings.map(formatFinding).join('\n')}`);
  }
  assert.deepEqual(idsOf(await check('merged-one-of-multi')), [...MERGED, 'MANIFEST-SOURCE-HALVES']);
});

test('a manifest of an index beside an image that records the index is a source of another name, and the contents are compared', async () => {
  const result = await check('one-of-multi', 'single');
  assert.equal(result.verdict, 'good');
  assert.deepEqual(idsOf(result), ['MANIFEST-SOURCE-DIGEST']);
});

test('blobs in a backend are one note, and the rest is checked', async () => {
  const { findings } = await check('localfs', 'single');
  assert.equal(findings.length, 1);
  assert.match(
    findings.map(formatFinding).join(),
    /^note .*storage backend: 3 blobs are not among the layers, and were not read/,
  );
});

test('a build cache is no image, whether one manifest or an index', async () => {
  for (const tag of ['cache', 'cache-multi']) {
    for (const source of ['single', undefined]) {
      const { verdict, findings } = await check(tag, source);
      assert.equal(verdict, 'bad');
      assert.deepEqual(findings.map(formatFinding), [
        'error    IMAGE-NOT-NYDUS  this is a build cache of Nydus, no image',
      ]);
    }
    const { findings } = await check('v6-zstd', tag);
    assert.deepEqual(findings.map(formatFinding), [
      'error    SOURCE-NO-PLATFORM  linux/amd64 source: this is a build cache of Nydus, no image',
    ]);
  }
});

const AMD64 = { kind: 'list', platforms: [parsePlatform('linux/amd64')] } as const;

/** By tag: what `convert` says of it as a source. */
const AS_SOURCES: Readonly<Record<string, RegExp>> = {
  'v6-zstd': /v6-zstd is already a Nydus image$/,
  'v5-lz4': /v5-lz4 is already a Nydus image$/,
  referrer: /referrer is already a Nydus image$/,
  zran: /zran is already a Nydus image$/,
  localfs: /localfs is already a Nydus image$/,
  'multi-nydus': /multi-nydus(?: for linux\/amd64)? is already a Nydus image$/,
  merged: /was made by another converter and cannot be turned back into its source$/,
  cache: /cache: this is a build cache of Nydus, no image$/,
  'cache-multi': /cache-multi: this is a build cache of Nydus, no image$/,
};

for (const [tag, message] of Object.entries(AS_SOURCES)) {
  test(`${tag} as a source of convert is called what it is`, async () => {
    for (const platforms of [allPlatforms, AMD64]) {
      for (const mergePlatform of [true, false]) {
        await using source = openSource(images.at(tag));
        const target = new MemoryStore('memory.test/out:1');
        // The registry that the original came from holds nothing any more.
        const openOriginal = (): ImageSource => new MemoryStore('memory.test/gone:1');
        await assert.rejects(
          convertImage({ source, target }, { platforms, mergePlatform, openOriginal }),
          ({ message: said }: Error) => message.test(said) || assert.fail(said),
        );
      }
    }
  });
}
