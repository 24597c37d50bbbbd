/** Images whose chunks stay in their layers: what is written, how others read it, and what is stored after all. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import { constants, deflateRawSync, gzipSync } from 'node:zlib';
import { convertImage } from '../../src/convert/convert.js';
import type { ConvertOptions } from '../../src/convert/options.js';
import { UnsupportedError, UsageError } from '../../src/errors.js';
import { bootstrapOf, readBootstrapLayer } from '../../src/image/bootstrap-layer.js';
import { collect } from '../../src/io/streams.js';
import { ANNOTATION, MEDIA } from '../../src/oci/media-types.js';
import { sha256 } from '../../src/oci/digest.js';
import type { Descriptor } from '../../src/oci/descriptor.js';
import { openSource } from '../../src/registry/open.js';
import type { Reporter } from '../../src/reporter.js';
import { converted, manifestOf, sourceImage, storedImage } from '../support/images/memory-conversion.js';
import { file, layer } from '../support/images/tar.js';
import { sparse, zstdStored } from '../support/images/unreferable.js';
import { needs } from '../support/needs.js';
import { bootstrapBytes, readByReference } from '../support/references/read-image.js';
import { referenceTool } from '../support/references/reference-builder.js';
import { pathOrSkip } from '../support/references/tools.js';
import { MemoryStore } from '../support/registries/memory-store.js';
import { upstreamImages } from '../support/references/upstream-images.js';
import { removeFolder } from '../support/temp-folder.js';

const NOISE = Buffer.concat(
  Array.from({ length: 5000 }, (_, i) => Buffer.from(sha256(Buffer.from(`${i}`)).slice(7), 'hex')),
);
const TEXT = Buffer.from(Array.from({ length: 60_000 }, (_, i) => `line ${i * 7919} of a text\n`).join(''));

/** A member with a header of its own: flags, then fields. */
function member(tar: Uint8Array, flags: number, fields: Uint8Array): Buffer {
  const whole = gzipSync(tar);
  return Buffer.concat([
    whole.subarray(0, 3),
    Buffer.from([flags]),
    whole.subarray(4, 10),
    fields,
    whole.subarray(10),
  ]);
}

function members(tar: Buffer, cuts: readonly number[]): Buffer {
  const ends = [...cuts.filter((cut) => cut <= tar.length), tar.length];
  return Buffer.concat(ends.map((end, i) => gzipSync(tar.subarray(ends[i - 1] ?? 0, end))));
}

/** A stream of one member out of deflate blocks, none of which is the last one. */
function memberOf(tar: Buffer, blocks: readonly Uint8Array[]): Buffer {
  const whole = gzipSync(tar);
  return Buffer.concat([
    whole.subarray(0, 10),
    ...blocks,
    deflateRawSync(Buffer.alloc(0)),
    whole.subarray(-8),
  ]);
}

const cutEvery = (size: number, tar: Buffer): Buffer[] =>
  Array.from({ length: Math.ceil(tar.length / size) }, (_, i) => tar.subarray(i * size, (i + 1) * size));

/** Pieces that an encoder has flushed in this way, each without a reference to the one before. */
const flushed = (tar: Buffer, size: number, finishFlush: number): Buffer =>
  memberOf(
    tar,
    cutEvery(size, tar).map((piece) => deflateRawSync(piece, { finishFlush })),
  );

/** A block of deflate that stores these bytes. */
function storedBlock(bytes: Uint8Array): Buffer {
  const header = Buffer.alloc(5);
  header.writeUInt16LE(bytes.length, 1);
  header.writeUInt16LE(~bytes.length & 0xffff, 3);
  return Buffer.concat([header, bytes]);
}

const FRONT = 40_000;

/** Blocks of one byte each, with an empty one behind each, as far as `FRONT`. */
function tinyBlocks(tar: Buffer): Buffer {
  const front = cutEvery(1, tar.subarray(0, FRONT)).flatMap((byte) => [
    storedBlock(byte),
    storedBlock(Buffer.alloc(0)),
  ]);
  return memberOf(tar, [...front, ...cutEvery(0xffff, tar.subarray(FRONT)).map(storedBlock)]);
}

/** A header with every field that there is, and its checksum. */
function fullHeader(tar: Buffer): Buffer {
  const fields = Buffer.concat([Buffer.from([3, 0, 1, 2, 3]), Buffer.from('layer.tar\0a comment\0')]);
  const made = member(tar, 2 | 4 | 8 | 16, fields);
  const header = made.subarray(0, 10 + fields.length);
  const checksum = gzipSync(header).subarray(-8, -6); // the low half of a CRC-32 is its CRC-16
  return Buffer.concat([header, checksum, made.subarray(header.length)]);
}

const EMPTY = gzipSync(Buffer.alloc(0));
const multiples = (of: number): number[] => Array.from({ length: 200 }, (_, i) => (i + 1) * of);

/** Ways to compress a tar. */
const SHAPES: Readonly<Record<string, (tar: Buffer) => Buffer>> = {
  'level 1': (tar) => gzipSync(tar, { level: 1 }),
  'level 6': (tar) => gzipSync(tar),
  'level 9': (tar) => gzipSync(tar, { level: 9 }),
  'stored blocks': (tar) => gzipSync(tar, { level: 0 }),
  'large blocks': (tar) => gzipSync(tar, { memLevel: 9 }),
  'small blocks': (tar) => gzipSync(tar, { memLevel: 1 }),
  'a small window': (tar) => gzipSync(tar, { windowBits: 9 }),
  'fixed codes': (tar) => gzipSync(tar, { strategy: constants.Z_FIXED }),
  'Huffman codes alone': (tar) => gzipSync(tar, { strategy: constants.Z_HUFFMAN_ONLY }),
  'runs alone': (tar) => gzipSync(tar, { strategy: constants.Z_RLE }),
  filtered: (tar) => gzipSync(tar, { strategy: constants.Z_FILTERED }),
  'a name': (tar) => member(tar, 8, Buffer.from('layer.tar\0')),
  'a comment': (tar) => member(tar, 16, Buffer.from('comment\0')),
  'an extra field of 60 KB': (tar) =>
    member(tar, 4, Buffer.concat([Buffer.from([0x60, 0xea]), Buffer.alloc(60_000, 5)])),
  'two members': (tar) => members(tar, [100_000]),
  'members as bgzf has them': (tar) => members(tar, multiples(65_280)),
  'members at blocks of the tar': (tar) => members(tar, multiples(512)),
  'members at its first header': (tar) => members(tar, [512]),
  'empty members': (tar) => Buffer.concat([EMPTY, EMPTY, members(tar, [70_000]), EMPTY]),
  'an empty member at its end': (tar) => Buffer.concat([gzipSync(tar), EMPTY]),
  'zeros at its end': (tar) => Buffer.concat([gzipSync(tar), Buffer.alloc(3000)]),
  'flushed every 3000 bytes': (tar) => flushed(tar, 3000, constants.Z_SYNC_FLUSH),
  'flushed at blocks of the tar': (tar) => flushed(tar, 512, constants.Z_FULL_FLUSH),
  'blocks of one byte, and empty ones': tinyBlocks,
  'all fields of a header': fullHeader,
  'members whose headers have all fields': (tar) =>
    Buffer.concat(cutEvery(60_000, tar).map((piece) => fullHeader(piece))),
  'a member for every 700 bytes of its front': (tar) =>
    Buffer.concat(
      [...cutEvery(700, tar.subarray(0, FRONT)), tar.subarray(FRONT)].map((piece) => gzipSync(piece)),
    ),
  'thousands of empty members': (tar) =>
    Buffer.concat([
      ...Array.from({ length: 2000 }, () => EMPTY),
      members(tar, [1024]),
      ...Array.from({ length: 2000 }, () => EMPTY),
    ]),
  'no compression': (tar) => tar,
};

/** Without end blocks, the data of the last file ends with the last member. */
const withoutEnd = (tar: Uint8Array): Buffer => Buffer.from(tar.subarray(0, tar.length - 1024));

const TARS: Readonly<Record<string, Buffer>> = {
  'small files': Buffer.from(
    layer(
      ...Array.from({ length: 60 }, (_, i) => file(`f${i}`, TEXT.subarray(i * 3000, i * 3000 + 100 * i))),
    ),
  ),
  'large files, one of them twice': Buffer.from(
    layer(file('text', Buffer.concat([TEXT, TEXT, NOISE])), file('noise', NOISE), file('again', NOISE)),
  ),
  'no end blocks': withoutEnd(layer(file('text', TEXT), file('last', NOISE.subarray(0, 5120)))),
};

for (const [what, tar] of Object.entries(TARS)) {
  test(`layers of all shapes with ${what} are read by the reference`, async (t) => {
    if (pathOrSkip(t, referenceTool()) === undefined) return;
    const plain = await readByReference(t, await converted(sourceImage([tar])));
    for (const [number, [shape, compress]] of Object.entries(SHAPES).entries()) {
      const bytes = compress(tar);
      const type = bytes === tar ? MEDIA.ociLayerTar : MEDIA.ociLayerGzip;
      const source = storedImage([bytes], [tar], type);
      const zranSpan = number % 2 === 0 ? 64 << 10 : 2 << 20;
      const target = await converted(source, { ociRef: 'zran', zranSpan });
      const [blob] = manifestOf(target).layers;
      assert.equal(blob?.annotations?.[ANNOTATION.nydusRef], sha256(bytes), shape);
      assert.equal(await readByReference(t, target), plain, `${shape}, span ${zranSpan}`);
    }
  });
}

async function warningsOf(source: MemoryStore, options: Partial<ConvertOptions>): Promise<readonly string[]> {
  const codes: string[] = [];
  const reporter: Reporter = {
    emit: (event) => {
      if (event.type === 'warning') codes.push(event.code);
    },
  };
  await convertImage({ source, target: new MemoryStore('memory.test/target:1') }, options, { reporter });
  return codes;
}

test('a layer that chunks cannot stay in is stored beside others, aloud, or refused', async (t) => {
  if (pathOrSkip(t, referenceTool()) === undefined || !needs(t, 'zstd')) return;
  const tars = [layer(file('a', TEXT)), layer(file('b', NOISE)), layer(file('c', TEXT))];
  const stored = [
    gzipSync(tars[0] ?? ''),
    execFileSync('zstd', ['-c'], { input: tars[1] }),
    tars[2] ?? Buffer.alloc(0),
  ];
  const source = storedImage(stored, tars, MEDIA.ociLayerGzip);
  const target = await converted(source, { ociRef: 'zran' });
  const refs = manifestOf(target).layers.map(({ annotations }) => annotations?.[ANNOTATION.nydusRef]);
  assert.deepEqual(refs, [...stored.map((bytes) => sha256(bytes)), undefined]);
  assert.equal(await readByReference(t, target), await readByReference(t, await converted(source)));
  assert.deepEqual(
    (await warningsOf(source, { ociRef: 'zran' })).filter((code) => code === 'LAYER_STORED'),
    ['LAYER_STORED'],
  );
  await assert.rejects(converted(source, { ociRef: 'zran', ociRefStrict: true }), UnsupportedError);
});

test('the original manifest and its layers are in a target that lies elsewhere', async () => {
  const source = sourceImage([layer(file('a', TEXT))]);
  const target = await converted(source, { ociRef: 'zran' });
  const root = source.root ?? assert.fail();
  assert.equal(
    (manifestOf(target)['subject'] as { readonly digest?: string } | undefined)?.digest,
    root.digest,
  );
  const original = manifestOf(source);
  for (const digest of [root.digest, ...original.layers.map((one) => one.digest)])
    assert.ok(target.content.has(digest), digest);
});

test('a cut layer and a wrong trailer are refused', async () => {
  const tar = layer(file('a', TEXT));
  const whole = gzipSync(tar);
  const wrong = Buffer.from(whole);
  wrong.writeUInt8((wrong.at(-6) ?? 0) ^ 1, wrong.length - 6);
  for (const bytes of [whole.subarray(0, -1), whole.subarray(0, -9), wrong, deflateRawSync(tar)])
    await assert.rejects(converted(storedImage([bytes], [tar], MEDIA.ociLayerGzip), { ociRef: 'zran' }));
});

test('the same bytes come out at any number of layers in flight', async () => {
  const tars = Object.values(TARS);
  const digests = new Set<string | undefined>();
  for (const concurrency of [1, 3])
    digests.add((await converted(sourceImage(tars), { ociRef: 'zran', concurrency })).root?.digest);
  assert.equal(digests.size, 1);
});

test('what cannot be combined is refused', async () => {
  for (const options of [{ fsVersion: 5 }, { chunkSize: 8 << 20 }, { zranSpan: 1 }] as const)
    await assert.rejects(converted(sourceImage([layer()]), { ociRef: 'zran', ...options }), UsageError);
  await assert.rejects(converted(sourceImage([layer()]), { ociRef: 'upstream', dedup: 'image' }), UsageError);
});

test('the reference reads chunks of upper layers in the layers below, in any form', async (t) => {
  if (pathOrSkip(t, referenceTool()) === undefined) return;
  const tars = [
    layer(file('a', TEXT), file('b', NOISE.subarray(0, 9000))),
    layer(file('late', NOISE), file('a2', TEXT), sparse('holes', 'x'.repeat(5000))),
    layer(file('stored', NOISE.subarray(500)), file('b2', NOISE.subarray(0, 9000))),
    layer(file('all', Buffer.concat([TEXT, NOISE])), file('s2', NOISE.subarray(500)), file('late2', NOISE)),
    layer(file('plain', Buffer.concat([TEXT, TEXT]))),
  ];
  const packed = tars.map((tar, place) =>
    place === 2 ? zstdStored(tar) : place === 4 ? tar : gzipSync(tar),
  );
  const source = storedImage(packed, tars, MEDIA.ociLayerGzip);
  const expected = await readByReference(t, await converted(source, { chunkSize: 0x4000 }));
  const digests = new Set<string | undefined>();
  for (const concurrency of [1, 2, 5]) {
    const options = {
      ociRef: 'zran',
      dedup: 'image',
      chunkSize: 0x4000,
      zranSpan: 64 << 10,
      concurrency,
    } as const;
    const target = await converted(source, options);
    digests.add(target.root?.digest);
    if (concurrency === 1) assert.equal(await readByReference(t, target), expected);
  }
  assert.equal(digests.size, 1, 'a layer that is read again decides in its place');
});

test('the image that upstream made with --oci-ref is made byte for byte, but for the way its bootstrap is packed', async (t) => {
  const { folder, at } = await upstreamImages();
  t.after(() => removeFolder(folder));
  await using source = openSource(at('single'));
  await using theirs = openSource(at('zran'));
  const made = new MemoryStore('memory.test/target:1');
  await convertImage({ source, target: made }, { ociRef: 'upstream' });
  const upstream = await collect(theirs.fetch(await theirs.resolve()), 1 << 20, 'manifest');
  const { layers } = JSON.parse(Buffer.from(upstream).toString()) as {
    readonly layers: readonly Descriptor[];
  }; // a manifest of upstream's
  const own = manifestOf(made).layers;
  assert.deepEqual(own.slice(0, -1), layers.slice(0, -1));
  const last = layers.at(-1) ?? assert.fail();
  const files = await readBootstrapLayer(theirs.fetch(last));
  assert.deepEqual(await bootstrapBytes(made), bootstrapOf(files));
});
