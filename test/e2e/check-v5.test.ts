/** RAFS v5 images, which others write: checked, and looked into, as those of v6 are. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { checkImage } from '../../src/check/check.js';
import { openFilesystem } from '../../src/look/open.js';
import type { RawPath } from '../../src/oci/raw-name.js';
import { expectedTreeLines } from '../support/images/tree-lines.js';
import { referenceText } from '../support/images/fixtures.js';
import { needs } from '../support/needs.js';
import { treeDifferences } from '../support/images/tree-differences.js';
import { bareV5Parts, recompressedV5Parts, V5_CASES, v5Image, v5Parts } from '../support/images/v5-image.js';
import { flip, idsOf, withBytes } from '../support/images/memory-conversion.js';

for (const name of V5_CASES) {
  test(`the reference's v5 image of ${name} is sound, and has the files of its source`, async (t) => {
    if (!needs(t, 'python3')) return;
    const { source, target } = await v5Image(name, await v5Parts(name));
    const { findings, verdict } = await checkImage({ source, target });
    assert.deepEqual(findings, []);
    assert.equal(verdict, 'good');
    for (const options of [{ bootstrapOnly: true }, { sample: 5 }])
      assert.deepEqual((await checkImage({ source, target }, options)).findings, []);

    const filesystem = await openFilesystem(target);
    const lines = await expectedTreeLines(filesystem.root, async (inode) => {
      const hash = createHash('sha256');
      for await (const bytes of filesystem.open(inode, '' as RawPath, {})) hash.update(bytes); // only for messages
      return hash.digest('hex');
    });
    assert.deepEqual(treeDifferences(`${lines.join('\n')}\n`, referenceText(name, 'expected.tree')), []);
  });
}

/** Findings in the reference's images: it writes times and attributes of links, and the root, otherwise than we do. */
const BARE: Readonly<Record<string, readonly string[]>> = {
  smallfiles: [],
  chunks: [],
  dedup: [],
  devices: [],
  'same-layer-twice': [],
  basic: ['FS-MTIME'],
  overlay: ['FS-MTIME'],
  xattrs: ['FS-MTIME', 'FS-XATTR'],
};

for (const [name, expected] of Object.entries(BARE)) {
  test(`a v5 image of ${name} whose blobs are data and nothing else is read to the end`, async (t) => {
    if (!needs(t, 'python3')) return;
    const { source, target } = await v5Image(name, await bareV5Parts(name));
    assert.deepEqual(await idsOf(target, source), expected);
    // The blob holds one chunk that no file of the image refers to, so that no digest of it is recorded.
    const damaged = await idsOf(withBytes(target, 0, flip(3)), source);
    assert.deepEqual(
      damaged.filter((id) => id !== 'CHUNK-DATA'),
      [...expected, 'CONTENT-DIGEST'].sort(),
    );
  });
}

for (const compressor of ['lz4_block', 'gzip'] as const) {
  test(`a v5 image whose chunks are ${compressor} is checked and read, and damage of it is found`, async (t) => {
    if (!needs(t, 'python3')) return;
    const { source, target } = await v5Image(
      'smallfiles',
      await recompressedV5Parts('smallfiles', compressor),
    );
    assert.deepEqual((await checkImage({ source, target })).findings, []);
    const filesystem = await openFilesystem(target);
    const lines = await expectedTreeLines(filesystem.root, async (inode) => {
      const hash = createHash('sha256');
      for await (const bytes of filesystem.open(inode, '' as RawPath, {})) hash.update(bytes); // only for messages
      return hash.digest('hex');
    });
    assert.deepEqual(
      treeDifferences(`${lines.join('\n')}\n`, referenceText('smallfiles', 'expected.tree')),
      [],
    );
    assert.deepEqual(await idsOf(withBytes(target, 0, flip(1000))), ['CHUNK-DATA', 'CONTENT-DIGEST']);
  });
}

test('damage of v5 data, sections, bootstraps and versions is found', async (t) => {
  if (!needs(t, 'python3')) return;
  const parts = await v5Parts('smallfiles');
  const { target } = await v5Image('smallfiles', parts);
  const { blobs, bootstrap } = parts;
  const [blob = Buffer.alloc(0)] = blobs;
  const changed = (change: (bytes: Buffer) => Buffer): Buffer => change(Buffer.from(blob));
  assert.deepEqual(await idsOf(withBytes(target, 0, flip(1000))), ['CHUNK-DATA', 'CONTENT-DIGEST']);
  const image = async (other: Partial<typeof parts>): Promise<string[]> =>
    idsOf((await v5Image('smallfiles', { ...parts, ...other })).target);

  // Another blob is another id, which the bootstrap does not name.
  const unnamed = ['BOOTSTRAP-BLOB-TABLE'];
  assert.deepEqual(await image({ blobs: [changed(flip(blob.length - 512))] }), ['BLOB-FRAME', ...unnamed]);
  assert.deepEqual(await image({ blobs: [changed((bytes) => bytes.subarray(0, -1))] }), [
    'BLOB-FRAME',
    ...unnamed,
  ]);
  assert.deepEqual(await image({ blobs: [blob.subarray(512)] }), ['BLOB-FRAME', ...unnamed]);
  // The first chunk's bytes; the digest of the blob is right for them.
  assert.deepEqual(await image({ blobs: [changed(flip(5))] }), [...unnamed, 'CHUNK-DATA'].sort());
  const cut = await image({ bootstrap: bootstrap.subarray(0, -8) });
  assert.deepEqual(cut, ['RAFS-READ']);
});
