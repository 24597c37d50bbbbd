/** The addon through its one importer: what goes in comes out, in bounded memory, without holding up the event loop. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createCipheriv, createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import * as fzstd from 'fzstd';
import {
  FormatError,
  InternalError,
  InterruptedError,
  LocalIoError,
  UnsupportedError,
} from '../../../src/errors.js';
import { compress, decompress } from '../../../src/native/codec.js';
import { openImagePacker, type LayerPacker } from '../../../src/native/packer.js';
import { versions } from '../../../src/native/program.js';
import { openImageScanner, type ImageScanner } from '../../../src/native/scanner.js';
import { openBlobVerifier } from '../../../src/native/verifier.js';
import { sha256 } from '../../../src/oci/digest.js';
import { tocOf } from '../../support/images/blob-toc.js';
import {
  chunkBlob,
  chunkIndex,
  chunkRef,
  type ChunkRecord,
  type ChunkTable,
} from '../../../src/rafs-builder/model/tree.js';
import { needs } from '../../support/needs.js';
import { PACK_DEFAULTS, packImage, packLayer, type PackedForTest, scanImage } from '../../support/images/pack.js';
import { block, char, dir, fifo, file, hardlink, layer, symlink, whiteout } from '../../support/images/tar.js';

/** Bytes that no codec shrinks, the same in each run. */
function noise(seed: string, length: number): Buffer {
  const key = createHash('sha256').update(seed).digest();
  return createCipheriv('aes-256-ctr', key, Buffer.alloc(16)).update(Buffer.alloc(length));
}

/** Reads a chunk as a client does: by the table, with a decoder that is not ours. */
function readChunk({ table, data }: PackedForTest, index: number): Buffer {
  const chunk = table.chunks.at(index);
  const stored = data.subarray(chunk.compressedOffset, chunk.compressedOffset + chunk.compressedSize);
  return Buffer.from(chunk.compressed ? fzstd.decompress(stored) : stored);
}

function contentOf(image: readonly PackedForTest[], path: string, layer: number): Buffer {
  const body = image[layer]?.table.entries.find((entry) => entry.path === path)?.body;
  assert.ok(body?.kind === 'file', `${path} is a file`);
  return Buffer.concat(
    body.chunks.map((ref) => {
      const packed = image[chunkBlob(ref)];
      assert.ok(packed !== undefined);
      return readChunk(packed, chunkIndex(ref));
    }),
  );
}

/** A folder for blobs of tests that open layers themselves. */
function scratch(t: { after(cleanup: () => void): void }): string {
  const folder = mkdtempSync(join(tmpdir(), 'nydusify-native-'));
  t.after(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  return folder;
}

test('every kind of entry crosses with all of its attributes', async () => {
  const name = Buffer.from([0x6e, 0xff, 0x80]);
  const tar = layer(
    dir('etc', { mode: 0o1755, uid: 1, gid: 2 }),
    file('etc/motd', 'hi', {
      mode: 0o4755,
      uid: 3_000_000,
      mtime: -1.25,
      xattrs: { 'user.a': Buffer.from([0, 255]) },
    }),
    symlink('etc/link', 'motd'),
    hardlink('etc/hard', 'etc/motd'),
    char('null', 1, 3),
    block('disk', 4095, 0xfffff),
    fifo('pipe'),
    file(name, ''),
    whiteout('etc/old'),
  );
  using packed = await packLayer(gzipSync(tar));
  const entries = packed.table.entries.map(({ path, body }) => ({ path, ...body }));
  const plain = { uid: 0, gid: 0, mtime: 1_700_000_000, mtimeNsec: 0, xattrs: [], layer: 0 };
  const motd = {
    ...plain,
    kind: 'file',
    mode: 0o4755,
    uid: 3_000_000,
    mtime: -2,
    mtimeNsec: 750_000_000,
    size: 2,
  };
  assert.deepEqual(entries, [
    { ...plain, path: 'etc', kind: 'directory', mode: 0o1755, uid: 1, gid: 2, implied: false },
    {
      ...motd,
      path: 'etc/motd',
      xattrs: [{ name: 'user.a', value: new Uint8Array([0, 255]) }],
      chunks: [chunkRef(0, 0)],
    },
    { ...plain, path: 'etc/link', kind: 'symlink', mode: 0o777, target: 'motd' },
    { path: 'etc/hard', kind: 'hardlink', target: 'etc/motd' },
    { ...plain, path: 'null', kind: 'char', mode: 0o644, major: 1, minor: 3 },
    { ...plain, path: 'disk', kind: 'block', mode: 0o644, major: 4095, minor: 0xfffff },
    { ...plain, path: 'pipe', kind: 'fifo', mode: 0o644 },
    { ...plain, path: 'n\xff\x80', kind: 'file', mode: 0o644, size: 0, chunks: [] },
    { ...plain, path: 'etc/.wh.old', kind: 'file', mode: 0o644, size: 0, chunks: [] },
  ]);
  assert.equal(packed.table.entries[0]?.offset, 0);
  assert.equal(packed.table.diffId, sha256(tar));
  assert.deepEqual(packed.table.source, { digest: sha256(gzipSync(tar)), size: gzipSync(tar).length });
  assert.deepEqual(packed.table.warnings, []);
});

test('what was packed is read back by a decoder of others, duplicates from the layer that stores them', async () => {
  const text = Buffer.from('all work and no play '.repeat(20_000));
  const mixed = Buffer.concat([noise('mixed', 70_000), text.subarray(0, 70_000)]);
  const lower = layer(file('text', text), file('mixed', mixed), file('again', text));
  const upper = layer(file('text', text), file('own', noise('own', 5000)));
  using image = await packImage([gzipSync(lower), upper], { chunkSize: 65_536, pieceSize: 1000 });
  const { layers } = image;
  assert.deepEqual(contentOf(layers, 'text', 0), text);
  assert.deepEqual(contentOf(layers, 'mixed', 0), mixed);
  assert.deepEqual(contentOf(layers, 'again', 0), text);
  assert.deepEqual(contentOf(layers, 'text', 1), text);
  assert.deepEqual(contentOf(layers, 'own', 1), noise('own', 5000));
  const [first, second] = layers.map(({ table }) => table.stats);
  assert.deepEqual([second?.chunks, second?.newChunks, second?.duplicateBytes], [8, 1, text.length]);
  assert.equal(first?.duplicateBytes, text.length);
  const { dataSize, uncompressedSize } = layers[1]?.table ?? {};
  assert.deepEqual([dataSize, uncompressedSize], [5000, 8192]);
});

test('with dedup in the layer alone, each layer stands for itself', async () => {
  const tar = layer(file('a', noise('a', 5000)), file('b', noise('a', 5000)));
  using image = await packImage([tar, tar], { dedup: 'layer' });
  assert.deepEqual(
    image.layers.map(({ table }) => table.chunks.length),
    [1, 1],
  );
  assert.deepEqual(contentOf(image.layers, 'b', 1), noise('a', 5000));
});

test('sealing appends the tail, and the digest is that of the file', async () => {
  using packed = await packLayer(layer(file('a', 'abc')));
  const blob = readFileSync(packed.blobPath);
  assert.equal(blob.toString('latin1', 0, 3), 'abc');
  assert.deepEqual(
    tocOf(blob).map(({ name }) => name),
    ['image.blob', 'blob.meta', 'blob.meta.header', 'blob.digest', 'image.boot'],
  );
  const { digest, size, blobMeta } = packed.sealed;
  assert.deepEqual([digest, size], [sha256(blob), blob.length]);
  assert.equal(blobMeta.length, 2 * 4096);
  await assert.rejects(packed.packer.finish(), InternalError);
  await assert.rejects(packed.packer.seal(), InternalError);
  packed.packer.abort();
  assert.deepEqual(readFileSync(packed.blobPath), blob);
});

test('an empty layer and one without data have blobs without data', async () => {
  using image = await packImage([new Uint8Array(0), gzipSync(layer(dir('only')))]);
  for (const { table, data, sealed, blobPath } of image.layers) {
    assert.deepEqual([table.chunks.length, table.dataSize, data.length], [0, 0, 0]);
    assert.equal(sealed.blobMeta.length, 0);
    const blob = readFileSync(blobPath);
    assert.deepEqual(
      tocOf(blob).map(({ name, offset }) => [name, offset]),
      [['image.boot', 0]],
    );
  }
  const [empty] = await scanImage([new Uint8Array(0)]);
  assert.throws(() => empty?.chunks.at(0), InternalError);
});

test('a scan gives the same table without compressing or storing anything', async (t) => {
  const tars = [layer(file('a', noise('a', 100_000))), layer(file('b', noise('a', 100_000)), file('c', 'c'))];
  const folder = scratch(t);
  const scanner = (keep: boolean): ImageScanner =>
    openImageScanner({ ...PACK_DEFAULTS, chunkSize: 4096, keep });
  using keeping = scanner(true);
  using scanning = scanner(false);
  for (const [number, tar] of tars.entries()) {
    const [kept, scanned] = [join(folder, `kept-${number}`), join(folder, `scanned-${number}`)];
    const both = [keeping.openLayer(number, kept), scanning.openLayer(number, scanned)];
    const [other, table] = await Promise.all(
      both.map(async (own) => {
        await own.write(Buffer.from(tar));
        return own.finish();
      }),
    );
    assert.ok(other !== undefined && table !== undefined);
    assert.deepEqual(await table.entries(), await other.entries());
    assert.equal(table.chunks.length, other.chunks.length);
    assert.deepEqual(table.chunks.at(0).digest, other.chunks.at(0).digest);
    assert.deepEqual([table.dataSize, statSync(kept).size], [0, other.dataSize]);
    assert.ok(!existsSync(scanned));
  }
});

test('damaged layers are format errors that name entry and offset, and leave no file', async (t) => {
  const folder = scratch(t);
  using packer = openImagePacker(PACK_DEFAULTS);
  const good = layer(file('first', 'x'), file('second', 'y'));
  const cases: readonly [string, Buffer, RegExp][] = [
    ['cut', good.subarray(0, 1536), /second.*offset 1024/],
    ['parent', layer(file('../evil', 'x')), /evil.*offset 0/],
    ['gzip', gzipSync(good).subarray(0, 60), /gzip/],
  ];
  for (const [number, [name, bytes, message]] of cases.entries()) {
    const path = join(folder, name);
    const packing = packer.openLayer(number, path);
    await packing.write(bytes).catch(() => undefined);
    await assert.rejects(packing.finish(), (error: unknown) => {
      assert.ok(error instanceof FormatError, name);
      assert.match(error.message, message);
      return true;
    });
    assert.ok(!existsSync(path), `${name} is left behind`);
    await assert.rejects(packing.write(Buffer.from('more')), FormatError);
  }
});

test('options that make no sense and folders that are not there show at once', (t) => {
  const folder = scratch(t);
  assert.throws(() => openImagePacker({ ...PACK_DEFAULTS, chunkSize: 5000 }), UnsupportedError);
  assert.throws(() => openImagePacker({ ...PACK_DEFAULTS, compressionLevel: 99 }), UnsupportedError);
  using packer = openImagePacker(PACK_DEFAULTS);
  assert.throws(
    () => packer.openLayer(0, join(folder, 'missing', 'blob')),
    (error: unknown) => {
      assert.ok(error instanceof LocalIoError);
      assert.match(error.message, /missing/);
      assert.deepEqual(error.remedy, { kind: 'work-dir' });
      return true;
    },
  );
});

test('a full disk is a local error that names the blob file, and nothing hangs', async (t) => {
  if (!needs(t, 'root', 'mount')) return;
  const folder = scratch(t);
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', folder]);
  if (mounted.status !== 0) {
    t.skip('needs a mount of tmpfs');
    return;
  }
  try {
    using packer = openImagePacker(PACK_DEFAULTS);
    const packing = packer.openLayer(0, join(folder, 'blob'));
    const writing = (async () => {
      await packing.write(layer(file('big', noise('big', 8 << 20))));
      await packing.finish();
    })();
    await assert.rejects(writing, (error: unknown) => {
      assert.ok(error instanceof LocalIoError);
      assert.match(error.message, /cannot write .*blob: /);
      return true;
    });
    packing.abort();
  } finally {
    spawnSync('umount', ['--lazy', folder]);
  }
});

test('a process that leaves a layer open exits by itself and leaves no file', (t) => {
  const folder = scratch(t);
  const script = `
    const { openImagePacker } = await import(${JSON.stringify(new URL('../../../src/native/packer.js', import.meta.url).href)});
    globalThis.packer = openImagePacker(${JSON.stringify(PACK_DEFAULTS)});
    globalThis.layer = packer.openLayer(0, ${JSON.stringify(join(folder, 'blob'))});
    await layer.write(Buffer.alloc(100_000));
  `;
  const run = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
    timeout: 60_000,
    encoding: 'utf8',
  });
  assert.deepEqual([run.status, run.stderr], [0, '']);
  assert.deepEqual(readdirSync(folder), []);
});

test('aborting rejects pending calls, removes the file, and lets the next layer go on', async (t) => {
  const folder = scratch(t);
  using packer = openImagePacker(PACK_DEFAULTS);
  const first = packer.openLayer(0, join(folder, '0'));
  const second = packer.openLayer(1, join(folder, '1'));
  // The second layer cannot end before the first has: nothing was written to that one.
  await second.write(layer(file('a', noise('a', 3_000_000))));
  const waiting = second.finish();
  const refused = assert.rejects(first.finish(), FormatError).catch(() => undefined);
  first.abort();
  first.abort();
  await refused;
  assert.equal((await waiting).stats.newChunks, 3);
  assert.ok(!existsSync(join(folder, '0')));
  const third = packer.openLayer(2, join(folder, '2'));
  const ended = assert.rejects(writeEndlessly(third), InterruptedError);
  third.abort();
  await ended;
});

test('a blob file can be followed to its end by the growth that its packer announces', async (t) => {
  const folder = scratch(t);
  using packer = openImagePacker({ ...PACK_DEFAULTS, compressor: 'none' });
  const path = join(folder, '0');
  const packing = packer.openLayer(0, path);
  const sizes: number[] = [];
  const following = (async () => {
    for (let at = 0; ;) {
      const { size, complete } = await packing.grown(at);
      assert.ok(statSync(path).size >= size);
      sizes.push(size);
      if (complete) return size;
      at = size;
    }
  })();
  const content = noise('grown', 5_000_000);
  const tar = layer(file('a', content));
  for (let at = 0; at < tar.length; at += 100_000) await packing.write(tar.subarray(at, at + 100_000));
  await packing.finish();
  // All chunk data is announced without the seal.
  assert.ok((await packing.grown(content.length - 1)).size >= content.length);
  const sealed = await packing.seal();
  assert.equal(await following, sealed.size);
  assert.ok(sizes.length > 2, sizes.join(' '));
  assert.deepEqual(await packing.grown(0), { size: sealed.size, complete: true });
});

test('callers that wait for growth occupy no thread, and get the error of a layer that fails or is aborted', async (t) => {
  const folder = scratch(t);
  using packer = openImagePacker(PACK_DEFAULTS);
  const damaged = packer.openLayer(0, join(folder, '0'));
  const unwanted = packer.openLayer(1, join(folder, '1'));
  // More than libuv has threads: reading a file must still work.
  const waiting = Array.from({ length: 50 }, () => [damaged.grown(0), unwanted.grown(0)] as const);
  const failed = Promise.all(waiting.map(([growth]) => assert.rejects(growth, FormatError)));
  const aborted = Promise.all(waiting.map(([, growth]) => assert.rejects(growth, InterruptedError)));
  await readFile(join(folder, '0'));
  await damaged.write(noise('no tar', 5000));
  await assert.rejects(damaged.finish(), FormatError);
  await failed;
  unwanted.abort();
  await aborted;
  await assert.rejects(damaged.grown(0), FormatError);
});

async function writeEndlessly(packing: LayerPacker): Promise<never> {
  const tar = layer(file('endless', '', { size: 2 ** 33 - 1 }));
  await packing.write(tar.subarray(0, 512));
  const bytes = noise('endless', 1 << 20);
  while (true) await packing.write(bytes);
}

test('writing waits while the layer has to, so that memory is bounded', async (t) => {
  const folder = scratch(t);
  using packer = openImagePacker(PACK_DEFAULTS);
  const idle = packer.openLayer(0, join(folder, '0')); // never decides anything, so the next one fills up
  const packing = packer.openLayer(1, join(folder, '1'));
  await packing.write(layer(file('big', '', { size: 2 ** 33 - 1 })).subarray(0, 512));
  let written = 0;
  const writing = (async () => {
    while (true) {
      await packing.write(noise(`${written}`, 1 << 20));
      written += 1;
    }
  })();
  let before = -1;
  while (written !== before) {
    before = written;
    await new Promise((resolve) => setTimeout(resolve, 1500));
  }
  assert.ok(written >= 8 && written <= 40, `${written} MiB were taken before the writer had to wait`);
  const ended = assert.rejects(writing, InterruptedError);
  packing.abort();
  await ended;
  idle.abort();
});

test('the event loop goes on while a layer is packed', async () => {
  const tar = layer(...Array.from({ length: 8 }, (_, n) => file(`f${n}`, noise(`${n}`, 4 << 20))));
  let ticks = 0;
  const timer = setInterval(() => (ticks += 1), 1);
  const start = performance.now();
  try {
    using packed = await packLayer(tar, { pieceSize: 1 << 20 });
    assert.equal(packed.table.chunks.length, 32);
  } finally {
    clearInterval(timer);
  }
  // On an idle machine nearly one a millisecond; a loop that is blocked would have none.
  const elapsed = performance.now() - start;
  assert.ok(ticks >= Math.min(5, elapsed / 20), `${ticks} ticks in ${elapsed} ms`);
});

test('compress makes one zstd frame, or nothing when it would not be smaller', async () => {
  const text = Buffer.from('once upon a time '.repeat(1000));
  const frame = await compress(text, 3);
  assert.ok(frame !== undefined && frame.length < text.length);
  assert.deepEqual(Buffer.from(fzstd.decompress(frame)), text);
  assert.deepEqual(await decompress(frame, 'zstd', text.length), text);
  assert.equal(await compress(noise('x', 1000), 3), undefined);
  assert.equal(await compress(new Uint8Array(0), 3), undefined);
  await assert.rejects(compress(text, 99), UnsupportedError);
  await assert.rejects(decompress(frame, 'zstd', text.length - 1), FormatError);
  await assert.rejects(decompress(frame.subarray(0, 20), 'zstd', text.length), FormatError);
  await assert.rejects(decompress(frame, 'lz4_block', text.length), FormatError);
  await assert.rejects(decompress(frame, 'none', text.length), UnsupportedError);
});

test('the verifier names chunks that are damaged, and no others', async () => {
  using packed = await packLayer(layer(file('a', noise('a', 20_000)), file('b', 'b'.repeat(9000))), {
    chunkSize: 4096,
  });
  const blob = packed.data;
  const run = async (bytes: Buffer, chunks: ChunkTable) => {
    const verifier = openBlobVerifier({ chunks, compressor: 'zstd', digester: 'blake3', threads: 2 });
    for (let at = 0; at < bytes.length; at += 777) await verifier.write(bytes.subarray(at, at + 777));
    return verifier.finish();
  };
  const { chunks } = packed.table;
  const whole = { digest: sha256(blob), size: blob.length, prefixDigest: undefined, faults: [] };
  assert.deepEqual(await run(blob, chunks), whole);
  const damaged = Buffer.from(blob);
  damaged[5000] = (damaged[5000] ?? 0) ^ 1;
  assert.deepEqual(
    (await run(damaged, chunks)).faults.map(({ index }) => index),
    [1],
  );
  // Any table will do, not only the packer's own; here the crc is wrong, and then not known.
  const withCrc = (crc32: number | undefined): ChunkTable => ({
    length: chunks.length,
    at: (index): ChunkRecord => ({
      ...chunks.at(index),
      crc32: index === 2 ? crc32 : chunks.at(index).crc32,
    }),
  });
  assert.deepEqual(
    (await run(blob, withCrc(7))).faults.map(({ index }) => index),
    [2],
  );
  assert.deepEqual((await run(blob, withCrc(undefined))).faults, []);
});

test('the verifier refuses codecs that it does not decode, and can be aborted', async () => {
  using packed = await packLayer(layer(file('a', 'a')));
  const options = { chunks: packed.table.chunks, digester: 'blake3', threads: 1 } as const;
  assert.throws(() => openBlobVerifier({ ...options, compressor: 'lzma' as 'zstd' }), UnsupportedError); // not one that is
  const verifier = openBlobVerifier({ ...options, compressor: 'none' });
  verifier.abort();
  await assert.rejects(verifier.write(Buffer.from('a')), InterruptedError);
  await assert.rejects(verifier.finish(), InterruptedError);
});

test('versions name the codec whose bytes our digests depend on', () => {
  assert.equal(versions().codecs['zstd'], '1.5.6');
});
