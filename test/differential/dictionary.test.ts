/** Images with a chunk dictionary, read by the reference reader and by Linux: both must show the tree of the image without one. */
import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { FormatOptions } from '../../src/native/addon-types.js';
import { nativeDictionarySteps } from '../../src/native/dictionary.js';
import { openBootstrap } from '../../src/native/judge.js';
import { atOnce } from '../../src/turns.js';
import { referenceCases, referenceLayers } from '../support/images/fixtures.js';
import { type PackedImage, packImage } from '../support/images/image.js';
import { dir, file, layer } from '../support/images/tar.js';
import { treeDifferences } from '../support/images/tree-differences.js';
import { needs } from '../support/needs.js';
import { fsckErofs, kernelTree } from '../support/references/erofs.js';
import { referenceCheck, referenceRead, referenceTool } from '../support/references/reference-builder.js';
import { pathOrSkip } from '../support/references/tools.js';

const text = (word: string, lines: number): Buffer => Buffer.from(`${word}\n`.repeat(lines));
const OLD = [
  layer(dir('.'), file('a', text('one', 30_000)), file('gap', text('never used again', 9000))),
  layer(file('b', text('two', 50_000)), file('c', text('three', 100))),
];
const NEW = [
  layer(dir('.'), file('new', text('four', 70_000)), file('b', text('two', 50_000))),
  layer(file('renamed', text('three', 100))),
  layer(file('a', text('one', 30_000)), file('other', text('five', 12))),
];

async function place(folder: string, image: PackedImage): Promise<string> {
  for (const { record, bytes } of image.layers)
    if (record !== undefined) await writeFile(join(folder, record.id), bytes);
  const bootstrap = join(folder, 'image.boot');
  await writeFile(bootstrap, image.bootstrap);
  return bootstrap;
}

const FORMATS = {
  v6: { chunkSize: 0x1000 },
  'v6, lz4': { compressor: 'lz4_block' },
  v5: { fsVersion: 5, chunkSize: 0x1_0000 },
} as const satisfies Readonly<Record<string, Partial<FormatOptions>>>;

for (const [name, format] of Object.entries(FORMATS)) {
  test(`the reference reader and Linux show the files of an image with a dictionary (${name})`, async (t) => {
    if (pathOrSkip(t, referenceTool()) === undefined) return;
    const folder = await mkdtemp(join(tmpdir(), 'nydus-dictionary-'));
    try {
      const expected = await referenceRead(await place(folder, await packImage(NEW, format)), folder);
      const old = await packImage(OLD, format);
      await place(folder, old);
      const dictionary = atOnce(nativeDictionarySteps(openBootstrap(old.bootstrap)));
      const image = await packImage(NEW, { ...format, dictionary });
      assert.deepEqual(
        image.layers.map(({ record }) => record === undefined),
        [false, true, false],
      );
      const bootstrap = await place(folder, image);
      await referenceCheck(bootstrap);
      const devices = join(folder, 'devices');
      await mkdir(devices);
      const tree = await referenceRead(bootstrap, folder, devices);
      assert.deepEqual(treeDifferences(tree, expected), []);
      if (name === 'v5' || !needs(t, 'root', 'losetup', 'fsck.erofs')) return;
      await fsckErofs(bootstrap, devices);
      assert.deepEqual(treeDifferences(await kernelTree(bootstrap, devices, folder), expected), []);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
}

test('the reference reader and Linux show the files of every case that uses a dictionary of its lowest layer', async (t) => {
  if (pathOrSkip(t, referenceTool()) === undefined || !needs(t, 'python3')) return;
  const hasKernel = needs(t, 'root', 'losetup', 'fsck.erofs');
  const format = { chunkSize: 0x1000 };
  let used = 0;
  for (const title of referenceCases()) {
    const layers = referenceLayers(title);
    const old = await packImage(layers.slice(0, 1), format);
    const dictionary = atOnce(nativeDictionarySteps(openBootstrap(old.bootstrap)));
    const image = await packImage(layers, { ...format, dictionary });
    const ids = new Set(old.merged.blobs.map(({ record }) => record.id));
    if (!image.merged.blobs.some(({ record }) => ids.has(record.id))) continue;
    used++;
    const folder = await mkdtemp(join(tmpdir(), 'nydus-dictionary-'));
    try {
      const expected = await referenceRead(await place(folder, await packImage(layers, format)), folder);
      await place(folder, old);
      const bootstrap = await place(folder, image);
      const devices = join(folder, 'devices');
      await mkdir(devices);
      const tree = await referenceRead(bootstrap, folder, devices);
      assert.deepEqual(treeDifferences(tree, expected), [], title);
      if (!hasKernel) continue;
      assert.deepEqual(treeDifferences(await kernelTree(bootstrap, devices, folder), expected), [], title);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }
  assert.ok(used > 5, `${used} cases`);
});
