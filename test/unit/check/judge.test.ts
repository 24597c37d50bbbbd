/** The judge beside the reader for looking, and its comparison of trees beside the one that says what differs. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inspectBootstrap, openImage, type ReadBootstrap } from '../../../src/check/opened.js';
import { treeOf } from '../../../src/check/filesystem.js';
import { loadSubject } from '../../../src/check/subject.js';
import { diffTrees, type ComparableTree } from '../../../src/check/tree-diff.js';
import { bootstrapOf } from '../../../src/image/bootstrap-layer.js';
import { buildLayerTree } from '../../../src/merge/layer-tree.js';
import { overlay } from '../../../src/merge/overlay.js';
import { judgeBootstrap } from '../../../src/native/judge.js';
import type { ScannedLayer } from '../../../src/native/scanner.js';
import { allPlatforms } from '../../../src/oci/platform.js';
import { FormatError } from '../../../src/errors.js';
import { readV6 } from '../../../src/rafs-builder/index.js';
import { dump } from '../../../src/rafs-builder/show/dump.js';
import { SUPER_OFFSET, superBlock } from '../../../src/rafs-builder/layout/v6.js';
import { converted, sourceImage } from '../../support/images/memory-conversion.js';
import { referenceDigests, referenceLayers } from '../../support/images/fixtures.js';
import { flipped } from '../../support/damage/flipped.js';
import { scanImage } from '../../support/images/pack.js';
import { referenceBootstrap } from '../../support/references/reference-bootstraps.js';
import { dir, file, hardlink, layer } from '../../support/images/tar.js';

for (const name of ['basic', 'xattrs-hardlinks', 'devices', 'chunks', 'symlinks', 'no-data', 'zran']) {
  test(`whatever the judge can follow of ${name}, the reader reads, whichever byte is changed`, () => {
    const original = referenceBootstrap(name, 'v6-zstd');
    assert.deepEqual(judgeBootstrap(original), []);
    let refused = 0;
    let looked = 0;
    for (const { at, bytes } of flipped(original, 7)) {
      const isRefused = judgeBootstrap(bytes).some(({ id }) => id === 'RAFS-READ');
      const lines = linesOf(bytes);
      assert.ok(isRefused || lines !== undefined, `byte ${at}`);
      looked += 1;
      if (isRefused) refused += 1;
    }
    assert.ok(refused > 0 && refused < looked, `${refused} of ${looked}`);
  });
}

/** Lines of a dump; undefined when the reader refuses the bootstrap. */
function linesOf(bytes: Buffer): number | undefined {
  try {
    return Array.from(dump(readV6(bytes))).length;
  } catch (error) {
    if (error instanceof FormatError) return undefined;
    throw error;
  }
}

test('the high bytes of the count of names are looked at', () => {
  const changed = Buffer.from(referenceBootstrap('basic', 'v6-zstd'));
  for (const at of [4, 5, 6]) {
    changed[SUPER_OFFSET + superBlock.offset.inos + at] = 1;
    assert.deepEqual(
      judgeBootstrap(changed).map(({ id }) => id),
      ['RAFS-INOS'],
    );
    changed[SUPER_OFFSET + superBlock.offset.inos + at] = 0;
  }
});

test('bytes behind the last structure, and a file that is cut, are found', () => {
  const original = referenceBootstrap('basic', 'v6-zstd');
  assert.notDeepEqual(judgeBootstrap(Buffer.concat([original, Buffer.alloc(4096)])), []);
  for (let length = 0; length < original.length; length += 512)
    assert.notDeepEqual(judgeBootstrap(original.subarray(0, length)), [], `cut at ${length}`);
});

interface Sample {
  readonly layers: readonly ScannedLayer[];
  readonly expected: ComparableTree;
  /** The bootstrap of the image that a conversion makes of the layers. */
  readonly bootstrap: Buffer;
}

async function sampleOf(tars: readonly Uint8Array[], fsVersion: 5 | 6 = 6): Promise<Sample> {
  const target = await converted(sourceImage(tars), { fsVersion });
  const { images } = await loadSubject(target, 'target', allPlatforms, {});
  const { opened } = await openImage(images[0] ?? assert.fail(), {});
  const layers = await scanImage(tars);
  const trees = await Promise.all(
    layers.map(async (scanned, number) => buildLayerTree(await scanned.entries(), number)),
  );
  const expected = { root: overlay(trees), tables: layers.map(({ chunks }) => chunks) };
  return { layers, expected, bootstrap: bootstrapOf(opened?.layer ?? assert.fail()) ?? assert.fail() };
}

function isSame({ isTreeOf }: ReadBootstrap, { layers }: Sample): Promise<boolean> {
  return isTreeOf(layers.map(({ tables }) => tables));
}

for (const name of Object.keys(referenceDigests())) {
  for (const fsVersion of [6, 5] as const) {
    test(`the tree of ${name} in RAFS v${fsVersion} is that of its layers`, async () => {
      const sample = await sampleOf(referenceLayers(name), fsVersion);
      const { read } = inspectBootstrap(sample.bootstrap, {});
      assert.equal(await isSame(read ?? assert.fail(), sample), true);
    });
  }
}

for (const name of [
  'basic',
  'xattrs-hardlinks',
  'devices',
  'chunks',
  'symlinks',
  'overlay',
  'missing-parents',
]) {
  for (const fsVersion of [6, 5] as const) {
    test(`the quick comparison with ${name} in RAFS v${fsVersion} agrees with the long one, whichever byte is changed`, async () => {
      const sample = await sampleOf(referenceLayers(name), fsVersion);
      let same = 0;
      let different = 0;
      for (const { at, bytes } of flipped(sample.bootstrap, 3)) {
        const { read } = inspectBootstrap(bytes, {});
        if (read === undefined) continue;
        const { chunkSize } = read.bootstrap;
        const [difference] = diffTrees(sample.expected, treeOf(read.bootstrap), {
          chunkSize,
          contents: true,
        });
        assert.equal(await isSame(read, sample), difference === undefined, `byte ${at}`);
        if (difference === undefined) same += 1;
        else different += 1;
      }
      // In a v5 bootstrap of few files nearly all bytes are zero.
      assert.ok(same > 0 && (different > 0 || fsVersion === 5), `${same} the same, ${different} different`);
    });
  }
}

test('links of the source that are files of their own are seen, and the other way round', async () => {
  const [linked, apart, other] = [
    [layer(dir('d'), file('d/a', 'x'), hardlink('d/b', 'd/a'), file('c', 'x'))],
    [layer(dir('d'), file('d/a', 'x'), file('d/b', 'x'), file('c', 'x'))],
    [layer(dir('d'), file('d/a', 'x'), file('d/b', 'x'), hardlink('c', 'd/a'))],
  ];
  for (const fsVersion of [6, 5] as const) {
    const samples = await Promise.all([linked, apart, other].map((tars) => sampleOf(tars, fsVersion)));
    for (const one of samples) {
      const read = inspectBootstrap(one.bootstrap, {}).read ?? assert.fail();
      for (const another of samples) assert.equal(await isSame(read, another), one === another);
    }
  }
});
