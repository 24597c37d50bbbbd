/** Optimised images, read by the reference reader and by Linux: both must show the tree of the image as it was. */
import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import type { ConvertOptions } from '../../src/convert/options.js';
import { fetchBootstrap } from '../../src/image/bootstrap-layer.js';
import { readReference } from '../../src/image/reference-tree.js';
import { optimizeImage } from '../../src/optimize/optimize.js';
import { converted, sourceImage } from '../support/images/memory-conversion.js';
import { noise } from '../support/images/opaque-image.js';
import { dir, file, hardlink, layer, symlink } from '../support/images/tar.js';
import { treeDifferences } from '../support/images/tree-differences.js';
import { needs } from '../support/needs.js';
import { fsckErofs, kernelTree } from '../support/references/erofs.js';
import { referenceCheck, referenceRead, referenceTool } from '../support/references/reference-builder.js';
import { pathOrSkip } from '../support/references/tools.js';
import { MemoryStore } from '../support/registries/memory-store.js';
import { tempFolder } from '../support/temp-folder.js';

const text = (word: string, lines: number): Buffer => Buffer.from(`${word}\n`.repeat(lines));
const LAYERS = [
  layer(
    dir('bin'),
    file('bin/app', noise(300_000, 1)),
    hardlink('again', 'bin/app'),
    file('bin/cold', text('cold', 30_000)),
    file('hole', Buffer.alloc(500_000)),
    symlink('way', 'bin'),
  ),
  layer(
    dir('lib'),
    file('lib/one', text('one', 9000)),
    file('lib/two', text('two', 700)),
    file('lib/cold', 'x'),
  ),
];
const LISTS = [
  ['/way/app', '/lib'],
  ['/lib/two', '/hole', '/bin/cold'],
];

/** Writes the bootstrap and all blobs of the image. */
async function place(folder: string, name: string, store: MemoryStore): Promise<string> {
  for (const [digest, bytes] of store.content) await writeFile(join(folder, digest.slice(7)), bytes);
  const tree = await readReference(store, {});
  const [entry] = tree.entries;
  assert.ok(entry !== undefined);
  const { bytes } = await fetchBootstrap(await tree.image(entry, {}), {});
  const bootstrap = join(folder, name);
  await writeFile(bootstrap, bytes);
  return bootstrap;
}

for (const [name, options] of Object.entries({
  v6: { chunkSize: 0x1_0000 },
  'v6, batches': { batchSize: 0x10_0000, chunkSize: 0x10_0000 },
  'v6, lz4, duplicates found in the image': { compressor: 'lz4_block', dedup: 'image' },
  'v6, chunks that stay in their layers': { ociRef: 'zran' },
  v5: { fsVersion: 5, chunkSize: 0x1_0000 },
} as const satisfies Readonly<Record<string, Partial<ConvertOptions>>>))
  test(`the reference reader and Linux show an image with a blob of files to load first as they show it without (${name})`, async (t) => {
    if (pathOrSkip(t, referenceTool()) === undefined) return;
    const folder = await tempFolder(t);
    let image = await converted(sourceImage(LAYERS), options);
    const expected = await referenceRead(await place(folder, 'before.boot', image), folder);
    for (const [number, list] of LISTS.entries()) {
      const target = new MemoryStore(`memory.test/fast:${number}`);
      const prefetch = list.map((path) => ({ path, kind: 'path' as const }));
      await optimizeImage({ source: image, target }, { prefetch, threads: 2 });
      image = target;
      const bootstrap = await place(folder, `after-${number}.boot`, image);
      await referenceCheck(bootstrap);
      const devices = join(folder, `devices-${number}`);
      await mkdir(devices);
      assert.deepEqual(treeDifferences(await referenceRead(bootstrap, folder, devices), expected), []);
      if ('fsVersion' in options || needs(t, 'root', 'losetup', 'fsck.erofs')) continue;
      await fsckErofs(bootstrap, devices);
      const work = join(folder, `work-${number}`);
      assert.deepEqual(treeDifferences(await kernelTree(bootstrap, devices, work), expected), []);
    }
  });
