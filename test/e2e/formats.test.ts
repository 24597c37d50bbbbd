/** Every format that images are written in: converted, checked against the source, looked into, and damaged. */
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { checkImage } from '../../src/check/check.js';
import { bootstrapOf, readBootstrapLayer } from '../../src/image/bootstrap-layer.js';
import { contentsComparable, readContents } from '../../src/look/contents.js';
import { diffFiles } from '../../src/look/diff.js';
import { openFilesystem } from '../../src/look/open.js';
import type { FormatOptions } from '../../src/native/addon-types.js';
import { UnsupportedError } from '../../src/errors.js';
import { judgeBootstrap } from '../../src/native/judge.js';
import { ANNOTATION } from '../../src/oci/media-types.js';
import type { RawPath } from '../../src/oci/raw-name.js';
import { INODE_UNIT, superBlock } from '../../src/rafs-builder/layout/v5.js';
import { chunkFlags } from '../../src/rafs-builder/layout/v6.js';
import { dump } from '../../src/rafs-builder/show/dump.js';
import { readBootstrap } from '../../src/rafs-builder/versions.js';
import { edgeImages } from '../support/images/edge-images.js';
import { referenceCases, referenceLayers, referenceText } from '../support/images/fixtures.js';
import {
  converted,
  flip,
  idsOf,
  manifestOf,
  sourceImage,
  withBytes,
} from '../support/images/memory-conversion.js';
import { packImage } from '../support/images/image.js';
import { dir, file, hardlink, layer, symlink } from '../support/images/tar.js';
import { treeDifferences } from '../support/images/tree-differences.js';
import { expectedTreeLines } from '../support/images/tree-lines.js';
import { needs } from '../support/needs.js';
import type { MemoryStore } from '../support/registries/memory-store.js';

const FORMATS = {
  'v5, zstd': { fsVersion: 5 },
  'v5, aligned, SHA-256, duplicates found in the image': {
    fsVersion: 5,
    alignChunks: true,
    digester: 'sha256',
    dedup: 'image',
  },
  'v5, LZ4': { fsVersion: 5, compressor: 'lz4_block' },
  'v6, LZ4': { compressor: 'lz4_block' },
  'v6, LZ4, SHA-256, duplicates found in the image': {
    compressor: 'lz4_block',
    digester: 'sha256',
    dedup: 'image',
  },
  'v6 for nydusd 2.2': { compat: 'nydusd-2.2' },
  'v5 for nydusd 2.2': { fsVersion: 5, compat: 'nydusd-2.2' },
  'batches for nydusd 2.3': { batchSize: 0x1000, compat: 'nydusd-2.3' },
} as const satisfies Readonly<Record<string, Partial<FormatOptions>>>;

/** Files that only eStargz reads, and that every Nydus builder leaves out. */
const ESTARGZ = /^\/(?:stargz\.index\.json|\.prefetch\.landmark|\.no\.prefetch\.landmark) /;

const TEXT = Buffer.from('a line that comes again and again\n'.repeat(2000));
const SMALL = [
  layer(dir('./'), dir('d'), file('d/text', TEXT), hardlink('d/again', 'd/text'), symlink('d/link', 'text')),
  layer(file('noise', createHash('sha512').update('noise').digest()), file('copy', TEXT)),
];

async function contentLines(target: MemoryStore): Promise<string> {
  const filesystem = await openFilesystem(target);
  const lines = await expectedTreeLines(filesystem.root, async (inode) => {
    const hash = createHash('sha256');
    for await (const bytes of filesystem.open(inode, '' as RawPath, {})) hash.update(bytes); // only for messages
    return hash.digest('hex');
  });
  return lines.join('\n');
}

async function bootstrapLayerOf(
  target: MemoryStore,
): Promise<Awaited<ReturnType<typeof readBootstrapLayer>>> {
  const last = manifestOf(target).layers.at(-1) ?? assert.fail();
  const stored = target.content.get(last.digest);
  return readBootstrapLayer(
    (async function* () {
      yield stored ?? assert.fail();
    })(),
  );
}

/** Offsets of the digests of inodes in a v5 bootstrap. */
function digestsIn(bootstrap: Buffer): readonly number[] {
  const { inodeTableOffset, inodeTableEntries } = superBlock.read(bootstrap, 0);
  return Array.from(
    { length: inodeTableEntries },
    (_, i) => bootstrap.readUInt32LE(inodeTableOffset + 4 * i) * INODE_UNIT,
  );
}

for (const [format, options] of Object.entries(FORMATS)) {
  test(`every case is converted soundly to ${format}, and has the files of its source`, async (t) => {
    if (!needs(t, 'python3')) return;
    for (const name of referenceCases()) {
      const source = sourceImage(referenceLayers(name));
      const target = await converted(source, options);
      assert.deepEqual((await checkImage({ source, target })).findings, [], name);
      const expected = referenceText(name, 'expected.tree').split('\n');
      const wanted = expected.filter((line) => !ESTARGZ.test(line)).join('\n');
      assert.deepEqual(treeDifferences(await contentLines(target), wanted), [], name);
    }
  });

  test(`an image in ${format} is labelled with its version, and equals its source in every comparison`, async () => {
    const source = sourceImage(SMALL);
    const target = await converted(source, options);
    const version = 'fsVersion' in options ? options.fsVersion : 6;
    const manifest = manifestOf(target);
    const labels = [manifest['annotations'] as Record<string, string>, manifest.layers.at(-1)?.annotations]; // written by us
    assert.deepEqual(
      labels.map((label) => label?.[ANNOTATION.nydusFsVersion]),
      [`${version}`, `${version}`],
    );
    const stored = await bootstrapLayerOf(target);
    const metas = Array.from(stored.files.keys()).filter((path) => path.endsWith('.blob.meta'));
    assert.equal(metas.length, version === 5 ? 0 : 2);
    assert.equal(readBootstrap(bootstrapOf(stored) ?? assert.fail()).version, version);
    const [first, second] = [await openFilesystem(source), await openFilesystem(target)];
    const contents = contentsComparable(first, second) ? undefined : await readContents(first, second, {});
    assert.deepEqual(Array.from(diffFiles(first, second, { times: true, contents })), []);
  });

  test(`an image in ${format} is the same at 1, 2 and 8 threads`, async () => {
    const images = Object.values(edgeImages()).slice(0, 4);
    for (const { layers } of images) {
      const digests = new Set<string | undefined>();
      for (const threads of [1, 2, 8]) {
        const made = await converted(sourceImage(layers), { ...options, threads, concurrency: threads });
        digests.add(made.root?.digest);
      }
      assert.equal(digests.size, 1);
    }
  });

  if ('fsVersion' in options) {
    test(`every changed digest of an inode in ${format} is found`, async () => {
      const { bootstrap } = await packImage(SMALL, options);
      assert.deepEqual(judgeBootstrap(bootstrap), []);
      for (const digest of digestsIn(bootstrap)) {
        const changed = Buffer.from(bootstrap);
        changed[digest] = (changed[digest] ?? 0) ^ 1;
        const ids = judgeBootstrap(changed).map(({ id }) => id);
        assert.ok(ids.includes('RAFS-DIGEST'), `at ${digest}`);
      }
    });
  }

  test(`a changed byte of a chunk in ${format} is found`, async () => {
    const source = sourceImage(SMALL);
    const target = await converted(source, options);
    for (const number of [0, 1]) {
      const ids = await idsOf(withBytes(target, number, flip(20)), source);
      assert.ok(ids.includes('CHUNK-DATA'), ids.join());
    }
  });
}

test('chunks of the smallest and of the largest size are converted soundly to v5 and LZ4', async () => {
  const large = Buffer.concat([Buffer.alloc(0x100_0000, TEXT), randomBytes(0x100_0001)]);
  const source = sourceImage([
    layer(dir('./'), file('large', large), file('hole', Buffer.alloc(0x100_1000))),
  ]);
  for (const chunkSize of [0x1000, 0x100_0000]) {
    for (const options of [FORMATS['v5, LZ4'], FORMATS['v6, LZ4']])
      assert.deepEqual(await idsOf(await converted(source, { ...options, chunkSize }), source), []);
  }
});

/** A dump without what only readers since 2.3.2 know, and without what depends on it. */
function withoutChecksums(bootstrap: Buffer): readonly string[] {
  return Array.from(dump(readBootstrap(bootstrap)), (line) =>
    line
      // Records without checksums may take fewer bytes, and the blob's bootstrap lies behind them.
      .replace(/ (?:id=[0-9a-f]+|(?:ci_)?csize=\d+)/g, '')
      .replace(/^([CT] .*) 0x([0-9a-f]+) [0-9a-f]+$/, (_, head: string, flags: string) => {
        const known = Number.parseInt(flags, 16) & ~chunkFlags.bits.HAS_CRC32;
        return `${head} ${known}`;
      }),
  );
}

test('images for older readers have no checksums, and are otherwise as ever', async () => {
  for (const [compat, options] of [
    ['nydusd-2.2', {}],
    ['nydusd-2.2', { fsVersion: 5 }],
    ['nydusd-2.3', { batchSize: 0x1000 }],
  ] as const) {
    const [usual, old] = [await packImage(SMALL, options), await packImage(SMALL, { ...options, compat })];
    assert.ok(usual.merged.blobs.length > 0);
    assert.deepEqual(withoutChecksums(old.bootstrap), withoutChecksums(usual.bootstrap));
    for (const bootstrap of [old.bootstrap, ...old.layers.map((layer) => layer.bootstrap)]) {
      assert.deepEqual(judgeBootstrap(bootstrap), []);
      for (const line of dump(readBootstrap(bootstrap))) {
        if (/^[CT] /.test(line)) assert.match(line, / 0x[01] 0+$/);
      }
    }
  }
});

test('an image of more blobs than RAFS v6 holds is refused, and RAFS v5 holds it', async () => {
  const layers = Array.from({ length: 255 }, (_, number) => layer(file(`f${number}`, `file ${number}`)));
  await assert.rejects(packImage(layers, {}), (error) => {
    assert.ok(error instanceof UnsupportedError);
    assert.match(error.message, /the image has 255 blobs with data; RAFS v6 holds 254/);
    assert.match(error.hint ?? '', /convert to RAFS v5/);
    return true;
  });
  const { bootstrap } = await packImage(layers, { fsVersion: 5 });
  assert.deepEqual(judgeBootstrap(bootstrap), []);
  assert.equal(readBootstrap(bootstrap).bootstrap.blobs.length, 255);
  assert.deepEqual(judgeBootstrap((await packImage(layers.slice(1), {})).bootstrap), []);
});
