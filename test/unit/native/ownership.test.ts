/**
 * Memory and threads have one owner each: bytes that were given to the addon remain the caller's, who may change or transfer them
 * at once, and the threads of a packer, scanner or verifier end when it is disposed of, not when the collector frees it.
 */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { collect } from '../../../src/io/streams.js';
import { tee } from '../../../src/io/tee.js';
import { compress, decompress, gzip } from '../../../src/native/codec.js';
import { NO_CHUNKS, readAndJudge } from '../../../src/native/judge.js';
import { openImagePacker } from '../../../src/native/packer.js';
import { openImageScanner } from '../../../src/native/scanner.js';
import { ArchiveUnpacker } from '../../../src/native/unpack.js';
import { openBlobVerifier } from '../../../src/native/verifier.js';
import { sha256 } from '../../../src/oci/digest.js';
import { PACK_DEFAULTS, packLayer } from '../../support/images/pack.js';
import { file, layer } from '../../support/images/tar.js';
import { tempFolder } from '../../support/temp-folder.js';
import { asBuffer } from '../../../src/native/addon.js';
import { addonThreads, threadsEnd } from '../../support/threads.js';

/** The type of buffers that can be resized, which Node has and the TypeScript library of its age does not declare. */
interface Resizable extends ArrayBuffer {
  resize(length: number): void;
}
const Resizable = ArrayBuffer as unknown as new (
  length: number,
  options: { readonly maxByteLength: number },
) => Resizable;

/** What a caller may do with its bytes as soon as a call has returned. */
const TREATMENTS: Readonly<Record<string, (bytes: Uint8Array<Resizable>) => void>> = {
  changed: (bytes) => bytes.fill(0xa5),
  transferred: (bytes) => {
    structuredClone(bytes, { transfer: [bytes.buffer] }).fill(0xa5);
  },
  'cut short': (bytes) => {
    bytes.buffer.resize(0);
  },
};

/** A copy in a buffer of its own, which can be transferred and resized. */
function own(bytes: Uint8Array): Uint8Array<Resizable> {
  const buffer = new Resizable(bytes.length, { maxByteLength: bytes.length });
  const copy = new Uint8Array(buffer);
  copy.set(bytes);
  return copy;
}

const TAR = layer(file('noise', randomBytes(3 << 20)), file('text', 'text '.repeat(10_000)));
const LAYER = gzipSync(TAR);

interface Feed {
  write(bytes: Uint8Array): Promise<void>;
}

/** Writes all bytes in pieces, each of which is spoilt as soon as `write` has returned. */
async function feed(to: Feed, bytes: Uint8Array, spoil: (bytes: Uint8Array<Resizable>) => void): Promise<void> {
  for (let at = 0; at < bytes.length; at += 1 << 18) {
    const piece = own(bytes.subarray(at, at + (1 << 18)));
    const written = to.write(piece);
    spoil(piece);
    await written;
  }
}

for (const [treatment, spoil] of Object.entries(TREATMENTS)) {
  test(`a layer that is packed or scanned is the one that was written, when the bytes are ${treatment} at once`, async (t) => {
    const folder = await tempFolder(t);
    using packer = openImagePacker(PACK_DEFAULTS);
    using scanner = openImageScanner({ ...PACK_DEFAULTS, keep: false });
    for (const to of [packer.openLayer(0, join(folder, 'blob')), scanner.openLayer(0)]) {
      await feed(to, LAYER, spoil);
      const { source, diffId } = await to.finish();
      assert.deepEqual([source.digest, diffId], [sha256(LAYER), sha256(TAR)]);
    }
  });

  test(`a blob that is verified is the one that was written, when the bytes are ${treatment} at once`, async () => {
    using packed = await packLayer(LAYER);
    const blob = readFileSync(packed.blobPath);
    const verifier = openBlobVerifier({
      chunks: packed.table.chunks,
      compressor: 'zstd',
      digester: 'blake3',
      threads: 1,
    });
    await feed(verifier, blob, spoil);
    const { digest, faults } = await verifier.finish();
    assert.deepEqual([digest, faults], [packed.sealed.digest, []]);
  });

  test(`an archive is unpacked as it was written, when the bytes are ${treatment} at once`, async (t) => {
    const path = join(await tempFolder(t), 'archive');
    const unpacker = new ArchiveUnpacker(path);
    await feed({ write: (bytes) => unpacker.write(bytes, Number.MAX_SAFE_INTEGER) }, LAYER, spoil);
    await unpacker.finish(Number.MAX_SAFE_INTEGER);
    assert.ok(readFileSync(path).equals(TAR));
  });

  test(`codecs work on the bytes that they were given, when those are ${treatment} at once`, async () => {
    const text = Buffer.from('text '.repeat(400_000));
    const calls = Array.from({ length: 8 }, () => {
      const [plain, part] = [own(text), own(text)];
      const made = [compress(plain, 3), gzip([part])] as const;
      spoil(plain);
      spoil(part);
      return made;
    });
    for (const [packed, zipped] of calls) {
      const chunk = own((await packed) ?? Buffer.alloc(0));
      const unpacked = decompress(chunk, 'zstd', text.length);
      spoil(chunk);
      assert.ok((await unpacked).equals(text));
      assert.deepEqual(await zipped, await gzip([text]));
    }
  });

  test(`a bootstrap is judged as it was read, when the bytes are ${treatment} at once`, async (t) => {
    const folder = await tempFolder(t);
    using packer = openImagePacker(PACK_DEFAULTS);
    using scanner = openImageScanner({ ...PACK_DEFAULTS, keep: false });
    const packed = packer.openLayer(0, join(folder, 'blob'));
    const scanned = scanner.openLayer(0);
    await packed.write(LAYER);
    await scanned.write(LAYER);
    await packed.finish();
    await packed.seal();
    const { tables } = await scanned.finish();
    const bytes = own((await packer.bootstrap([0])).bootstrap);
    const judged = readAndJudge(bytes);
    spoil(bytes);
    const [entries, references, chunks] = [own(tables.entries), own(tables.references), own(tables.chunks)];
    const given = { entries: asBuffer(entries), references: asBuffer(references), chunks: asBuffer(chunks) };
    const isSame = judged.isTreeOf([given]);
    for (const table of [entries, references, chunks]) spoil(table);
    assert.ok(await isSame);
  });
}

test('a layer whose digest is spared has none, and is packed as any other', async (t) => {
  const folder = await tempFolder(t);
  using packer = openImagePacker({ ...PACK_DEFAULTS, dedup: 'layer' });
  const [plain, spared] = [packer.openLayer(0, join(folder, '0')), packer.openLayer(1, join(folder, '1'))];
  spared.spareDigest(sha256(LAYER));
  const packed = [];
  for (const to of [plain, spared]) {
    await feed(to, LAYER, () => undefined);
    packed.push(await to.finish());
  }
  const [first, second] = packed;
  assert.deepEqual(second, { ...first, source: { digest: undefined, size: LAYER.length } });
  assert.equal((await plain.seal()).digest, (await spared.seal()).digest);
});

test('bytes of shared memory are taken as they were when they were written', async () => {
  using scanner = openImageScanner({ ...PACK_DEFAULTS, keep: false });
  const to = scanner.openLayer(0);
  const shared = new Uint8Array(new SharedArrayBuffer(1 << 18));
  for (let at = 0; at < LAYER.length; at += shared.length) {
    const piece = LAYER.subarray(at, at + shared.length);
    shared.set(piece);
    const written = to.write(shared.subarray(0, piece.length));
    shared.fill(0);
    await written;
  }
  assert.equal((await to.finish()).source.digest, sha256(LAYER));
});

/** A stream that uses one buffer for all of its pieces. */
async function* thrifty(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  const buffer = new Uint8Array(1000);
  for (let at = 0; at < bytes.length; at += buffer.length) {
    const piece = bytes.subarray(at, at + buffer.length);
    buffer.set(piece);
    yield buffer.subarray(0, piece.length);
    await delay(0);
  }
}

test('a stream may use its buffer again: readers that hold pieces have copies of their own', async () => {
  const bytes = randomBytes(20_000);
  assert.deepEqual(await collect(thrifty(bytes), Infinity, 'stream'), bytes);
  const [left, right] = tee(thrifty(bytes));
  const slow = (async () => {
    const parts: Uint8Array[] = [];
    for await (const part of right) {
      await delay(1);
      parts.push(part);
    }
    return Buffer.concat(parts);
  })();
  // From Node 22 on, memory of the pool cannot be transferred, so the reader changes what it has got.
  for await (const part of left) part.fill(0);
  assert.deepEqual(await slow, bytes);
});

test('threads end when their owner is disposed of, whatever state it is in', async (t: TestContext) => {
  if (!existsSync('/proc/self/task')) {
    t.skip('/proc, which lists threads, is not there');
    return;
  }
  const folder = await tempFolder(t);
  await gzip([]); // starts the threads of one-shot codecs, which the process keeps
  const before = addonThreads().length;
  const held: unknown[] = []; // nothing is left to the collector
  for (let number = 0; number < 8; number++) {
    const packer = openImagePacker({ ...PACK_DEFAULTS, threads: 4 });
    const scanner = openImageScanner({ ...PACK_DEFAULTS, threads: 4, keep: false });
    const packed = packer.openLayer(0, join(folder, `${number}`));
    const scanned = scanner.openLayer(0);
    held.push(packer, scanner, packed, scanned);
    if (number % 4 > 0) await Promise.all([packed.write(LAYER), scanned.write(LAYER)]);
    if (number % 4 > 1) await Promise.all([packed.finish(), scanned.finish()]);
    if (number % 4 > 2) await packed.seal();
    const verifier = openBlobVerifier({
      chunks: NO_CHUNKS.table,
      compressor: 'zstd',
      digester: 'blake3',
      threads: 4,
    });
    held.push(verifier);
    packer[Symbol.dispose]();
    scanner[Symbol.dispose]();
    verifier.abort();
  }
  await threadsEnd(before);
  assert.equal(held.length, 40);
});
