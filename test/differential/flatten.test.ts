/** Flattened images, read by the reference reader and by Linux: both must show the tree of the whole image. */
import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { FormatOptions } from '../../src/native/addon-types.js';
import { packImage, type PackedImage, type PackingOptions } from '../support/images/image.js';
import { randomImage } from '../support/images/random-layers.js';
import { dir, file, hardlink, layer, symlink, whiteout } from '../support/images/tar.js';
import { treeDifferences } from '../support/images/tree-differences.js';
import { needs } from '../support/needs.js';
import { fsckErofs, kernelTree } from '../support/references/erofs.js';
import { referenceCheck, referenceRead, referenceTool } from '../support/references/reference-builder.js';
import { pathOrSkip } from '../support/references/tools.js';

const SEEDS = [1, 2, 3, 4];
const text = (word: string, lines: number): Buffer => Buffer.from(`${word}\n`.repeat(lines));
/** The kernel refuses attributes that random images have, so it judges this one. */
const PLAIN = [
  layer(
    dir('.'),
    dir('tools'),
    file('tools/compiler', text('compiler', 30_000)),
    file('kept', text('kept', 9000)),
    hardlink('tools/name-of-kept', 'kept'),
    dir('real'),
    symlink('way', 'real'),
    file('real/below', text('old', 5000)),
  ),
  layer(
    dir('.'),
    whiteout('tools'),
    file('added', text('added', 20_000)),
    file('passing', text('passing', 900)),
  ),
  layer(file('way/below', text('new', 6000)), whiteout('passing'), dir('real/empty')),
];

async function place(folder: string, name: string, image: PackedImage): Promise<string> {
  for (const { record, bytes } of image.layers)
    if (record !== undefined) await writeFile(join(folder, record.id), bytes);
  const bootstrap = join(folder, name);
  await writeFile(bootstrap, image.bootstrap);
  return bootstrap;
}

async function assertSame(
  layers: readonly Buffer[],
  options: PackingOptions,
  withKernel: boolean,
): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'nydus-flatten-'));
  try {
    const whole = await packImage(layers, { ...options, flatten: 'none', dedup: 'layer' });
    const expected = await referenceRead(await place(folder, 'whole.boot', whole), folder);
    const bootstrap = await place(folder, 'flat.boot', await packImage(layers, options));
    await referenceCheck(bootstrap);
    const devices = join(folder, 'devices');
    await mkdir(devices);
    const tree = await referenceRead(bootstrap, folder, devices);
    assert.deepEqual(treeDifferences(tree, expected), []);
    if (!withKernel) return;
    await fsckErofs(bootstrap, devices);
    assert.deepEqual(treeDifferences(await kernelTree(bootstrap, devices, folder), expected), []);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

for (const [name, format] of Object.entries({
  v6: { flatten: 'layers' },
  'v6, one blob': { flatten: 'one' },
  'v6, duplicates found in the image': { flatten: 'layers', dedup: 'image' },
  v5: { fsVersion: 5, flatten: 'layers' },
} as const satisfies Readonly<Record<string, Partial<FormatOptions>>>))
  test(`the reference reader and Linux show a flattened image as they show the whole one (${name})`, async (t) => {
    if (pathOrSkip(t, referenceTool()) === undefined) return;
    for (const seed of SEEDS) {
      const image = randomImage(seed, format);
      await assertSame(image.layers, { ...image, ...format }, false);
    }
    await assertSame(PLAIN, format, !('fsVersion' in format) && needs(t, 'root', 'losetup', 'fsck.erofs'));
  });
