/** The conversion as a library, between folders: no registry, no command. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { convertImage, type ConvertResult } from '../../../src/convert/convert.js';
import { type ConvertOptions } from '../../../src/convert/options.js';
import { collect } from '../../../src/io/streams.js';
import { type Descriptor } from '../../../src/oci/descriptor.js';
import { type Index, type Manifest, parseDocument } from '../../../src/oci/manifest.js';
import { anonymous } from '../../../src/registry/credentials.js';
import { openSource, openTarget } from '../../../src/registry/open.js';
import { buildImage, type BuiltImage, putImage } from '../../support/built-image.js';
import { dir, file, layer, symlink, whiteout } from '../../support/tar.js';
import { tempFolder } from '../../support/temp-folder.js';

const open = { credentials: anonymous };
const LAYERS = [
  layer(dir('etc'), file('etc/motd', 'hello'), file('etc/old', 'x'.repeat(5000))),
  layer(whiteout('etc/old'), file('etc/new', 'y'.repeat(9000)), symlink('etc/m', 'motd')),
];

interface Converted {
  readonly result: ConvertResult;
  readonly root: Manifest | Index;
  read(descriptor: Descriptor): Promise<Buffer>;
}

async function convert(
  t: TestContext,
  image: BuiltImage,
  options: Partial<ConvertOptions> = {},
): Promise<Converted> {
  const folder = await tempFolder(t);
  const [from, to] = [`oci:${join(folder, 'from')}:v`, `oci:${join(folder, 'to')}:v`];
  await using writable = openTarget(from, open);
  await putImage(writable, image);
  await using source = openSource(from, open);
  await using target = openTarget(to, open);
  const result = await convertImage(source, target, {
    workDir: join(folder, 'work'),
    sourceReference: 'h/app:1',
    ...options,
  });
  const made = openSource(to, open);
  t.after(() => made[Symbol.asyncDispose]());
  const read = (descriptor: Descriptor): Promise<Buffer> => collect(made.fetch(descriptor), 1e9, 'made');
  const root = parseDocument(await read(result.root), result.root.mediaType);
  return { result, root, read };
}

test('an image of two layers becomes two blobs and a bootstrap', async (t) => {
  const { root, result } = await convert(t, buildImage({ layers: LAYERS }));
  assert.equal(root.kind, 'manifest');
  assert.equal(root.layers.length, 3);
  assert.equal(result.images[0]?.layers.length, 2);
});
