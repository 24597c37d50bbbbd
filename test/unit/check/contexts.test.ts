/** Images whose chunks stay in their layers: every word that leads to a chunk counts, and so does every layer. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { formatFinding } from '../../../src/check/finding.js';
import { openImage } from '../../../src/check/opened.js';
import { loadSubject } from '../../../src/check/subject.js';
import { compress, decompress } from '../../../src/native/codec.js';
import type { JudgedBlob } from '../../../src/native/judge.js';
import { PackedChunkTable } from '../../../src/native/tables.js';
import { openBlobVerifier } from '../../../src/native/verifier.js';
import { digestFromHex, sha256 } from '../../../src/oci/digest.js';
import { ANNOTATION, MEDIA } from '../../../src/oci/media-types.js';
import { allPlatforms } from '../../../src/oci/platform.js';
import { readBlobFrame } from '../../../src/rafs-builder/blob/frame.js';
import { sectionContent } from '../../../src/rafs-builder/blob/section.js';
import { blobMetaHeader, chunkMetaV2, SECTIONS, zranContext } from '../../../src/rafs-builder/layout/blob.js';
import { chunkRecord } from '../../../src/rafs-builder/layout/wire.js';
import { rafsBlobOf } from '../../../src/rafs-builder/model/tree.js';
import {
  check,
  converted,
  flip,
  idsOf,
  manifestOf,
  respelled,
  sourceImage,
  storedImage,
} from '../../support/images/memory-conversion.js';
import { file, layer, whiteout } from '../../support/images/tar.js';
import { inOneBlock } from '../../support/images/one-block.js';
import { MemoryStore } from '../../support/registries/memory-store.js';

const words = (seed: number, count: number): string =>
  Array.from({ length: count }, (_, i) => `word${Math.imul(i + 1, seed) >>> 20}`).join(' ');

const TARS = [
  layer(
    ...Array.from({ length: 30 }, (_, i) => file(`small-${i}`, words(40_503 + i, 400))),
    file('large', words(2_654_435_761, 40_000)),
    file('again', words(40_503, 400)),
  ),
  layer(file('other', words(77_777, 9000))),
];
const REFERRING = { ociRef: 'zran', zranSpan: 64 << 10, chunkSize: 0x8000 } as const;

test('an image whose chunks stay in gzip layers and a plain tar is good, whole, in samples, and beside its source', async () => {
  const tars = [...TARS, layer(file('plain', words(5, 3000)))];
  const source = storedImage(
    [gzipSync(TARS[0] ?? ''), gzipSync(TARS[1] ?? ''), tars[2] ?? Buffer.of()],
    tars,
  );
  for (const options of [REFERRING, { ociRef: 'upstream' }, { ...REFERRING, digester: 'blake3' }] as const) {
    const target = await converted(source, options);
    const { verdict, findings } = await check(target, source);
    assert.deepEqual([verdict, findings.map(formatFinding)], ['good', []]);
    for (const how of [{ sample: 50 }, { bootstrapOnly: true }, {}])
      assert.deepEqual((await check(target, undefined, how)).findings.map(formatFinding), []);
  }
});

test('blobs with chunks of their own stand beside those that refer to layers', async () => {
  // The addon compresses with zstd, whose layers have no contexts.
  const other = (await compress(TARS[1] ?? Buffer.of(), 3)) ?? assert.fail();
  const source = storedImage([gzipSync(TARS[0] ?? ''), other], TARS);
  const target = await converted(source, { ...REFERRING, digester: 'sha256' });
  assert.deepEqual(await idsOf(target, source), []);
  const { images } = await loadSubject(target, 'target', allPlatforms, {});
  const { opened: image } = await openImage(images[0] ?? assert.fail(), {});
  assert.deepEqual(
    image?.blobs.map(({ record }) => record.rafsBlob !== undefined),
    [true, false],
  );
});

/** The blob of an image that has most chunks, judged with changed sections, and its layer. */
async function opened(target: MemoryStore): Promise<{
  readonly judge: (name?: string, change?: (content: Buffer) => void) => JudgedBlob;
  readonly content: (name: string) => Buffer;
  readonly layer: Uint8Array;
  readonly chunkCount: number;
}> {
  const { images } = await loadSubject(target, 'target', allPlatforms, {});
  const image = (await openImage(images[0] ?? assert.fail(), {})).opened ?? assert.fail();
  const used = image.blobs.toSorted((a, b) => b.record.chunkCount - a.record.chunkCount)[0] ?? assert.fail();
  const id = rafsBlobOf(used.record);
  const bytes = Buffer.from(target.content.get(digestFromHex(id)) ?? assert.fail());
  const frame = await readBlobFrame(bytes.length, (start, end) =>
    Promise.resolve(bytes.subarray(start, end)),
  );
  const contents = new Map<string, Buffer>();
  for (const [name, section] of frame.sections) contents.set(name, await sectionContent(section, decompress));
  const judge = (changed = '', change: (content: Buffer) => void = () => undefined): JudgedBlob => {
    const sections = Array.from(frame.sections, ([name, { entry }]) => {
      const content = Buffer.from(contents.get(name) ?? []);
      if (name === changed) change(content);
      const { offset, compressedSize, uncompressedSize } = entry;
      return { name, offset, compressedSize, uncompressedSize, content };
    });
    const { dataSize, tail } = frame;
    return image.judgeBlob(
      { id, size: bytes.length, dataSize, tail, sections, copy: undefined },
      used.number,
    );
  };
  return {
    judge,
    content: (name) => contents.get(name) ?? assert.fail(),
    layer: target.content.get(digestFromHex(used.record.id)) ?? assert.fail(),
    chunkCount: used.record.chunkCount,
  };
}

async function faultsOf({ chunks }: JudgedBlob, bytes: Uint8Array): Promise<readonly string[]> {
  const { table, compressor, digester, contexts } = chunks;
  const verifier = openBlobVerifier({ chunks: table, compressor, digester, threads: 1, contexts });
  await verifier.write(bytes);
  return (await verifier.finish()).faults.map(({ index, message }) => `${index} ${message}`);
}

test('a change of any word of the records, the contexts or their header is found, or changes nothing that clients read', async () => {
  const target = await converted(sourceImage(TARS), REFERRING);
  const { judge, content, layer: bytes, chunkCount } = await opened(target);
  assert.deepEqual(judge().findings, []);
  assert.deepEqual(await faultsOf(judge(), bytes), []);
  const count = content(SECTIONS.metaHeader).readUInt32LE(blobMetaHeader.offset.tableCount);
  const records = chunkCount * chunkMetaV2.size;
  const end = records + count * zranContext.size;
  assert.ok(count > 2, `${count} contexts`);
  const unread: string[] = [];
  for (let at = 0; at < end; at += 4) {
    for (const bit of [0, 10, 19, 27]) {
      const judged = judge(SECTIONS.meta, (table) => {
        table.writeUInt32LE((table.readUInt32LE(at) ^ (1 << bit)) >>> 0, at);
      });
      if (judged.findings.length > 0 || (await faultsOf(judged, bytes)).length > 0) continue;
      unread.push(
        at < records ? `record ${at % chunkMetaV2.size}` : `context ${(at - records) % zranContext.size}`,
      );
    }
  }
  // Clients ignore offsets of output, bits that are not pending, and bytes behind the last that is needed, in input and output; a
  // dictionary that is too long begins with bytes that nothing refers to, and an empty one lies anywhere.
  const { outOffset, inSize, outSize, pendingByte, dictionarySize, dictionaryOffset } = zranContext.offset;
  const ignored = [outOffset, outOffset + 4, inSize, outSize, pendingByte, dictionarySize, dictionaryOffset];
  const places = ignored.map((at) => `context ${at}`);
  assert.deepEqual(
    [...new Set(unread)].filter((place) => !places.includes(place)),
    [],
  );
  for (const field of ['features', 'entries', 'tableOffset', 'tableSize', 'tableCount'] as const) {
    const { findings } = judge(SECTIONS.metaHeader, (header) => {
      const at = blobMetaHeader.offset[field];
      header.writeUInt32LE(header.readUInt32LE(at) ^ 8, at);
    });
    assert.notDeepEqual(findings, [], field);
  }
});

test('a wrong dictionary, which clients take without a word, is found at the chunks that it spoils', async () => {
  const {
    judge,
    content,
    layer: bytes,
    chunkCount,
  } = await opened(await converted(sourceImage(TARS), REFERRING));
  const count = content(SECTIONS.metaHeader).readUInt32LE(blobMetaHeader.offset.tableCount);
  const dictionaries = chunkCount * chunkMetaV2.size + count * zranContext.size;
  const judged = judge(SECTIONS.meta, (table) => {
    for (let at = dictionaries; at < table.length; at++) table[at] = (table[at] ?? 0) ^ 1;
  });
  assert.deepEqual(judged.findings, []);
  const faults = await faultsOf(judged, bytes);
  assert.ok(faults.length >= count - 1, `${faults.length} chunks`);
  for (const fault of faults)
    assert.match(fault, /^\d+ content does not have the chunk's digest, inflated from context \d+$/);
});

test('what upstream writes and clients cannot read is called unreadable, with the reason', async () => {
  // The last file has no padding and no end blocks behind it, so the gzip member ends with its data.
  const whole = layer(file('a', words(3, 3000)), file('b', Buffer.from(words(4, 3000)).subarray(0, 5120)));
  const tight = whole.subarray(0, whole.length - 1024);
  const ending = storedImage([gzipSync(tight)], [tight]);
  const unreadable = await check(await converted(ending, { ociRef: 'upstream' }));
  assert.equal(unreadable.verdict, 'bad');
  assert.match(
    unreadable.findings.map(formatFinding).join('\n'),
    /CHUNK-DATA .*its context 0 cannot be inflated: it ends where a member of the gzip file ends, which clients take for an error/,
  );
  assert.deepEqual(await idsOf(await converted(ending, { ociRef: 'zran' }), ending), []);

  const text = words(9, 200_000);
  const copies = layer(...Array.from({ length: 8 }, (_, i) => file(`copy-${i}`, text)));
  const repeated = storedImage([gzipSync(copies)], [copies]);
  const { verdict, findings } = await check(await converted(repeated, { ociRef: 'upstream' }));
  assert.equal(verdict, 'bad');
  assert.match(
    findings.map(formatFinding).join('\n'),
    /BLOB-CONTEXT .*there are \d+ contexts for \d+ chunks: clients read nothing/,
  );
  assert.deepEqual(await idsOf(await converted(repeated, { ociRef: 'zran' }), repeated), []);

  const zeros = Buffer.alloc((16 << 20) + 1);
  const long = layer(file('zeros', zeros), file('behind', words(5, 100)));
  const block = storedImage([inOneBlock(long)], [long]);
  const beyond = await check(await converted(block, { ociRef: 'upstream' }));
  assert.equal(beyond.verdict, 'bad');
  assert.match(
    beyond.findings.map(formatFinding).join('\n'),
    /BLOB-CONTEXT .*context 0 makes 1677\d+ bytes: clients make at most 16 MiB at once, and fail to read its chunks/,
  );
  assert.deepEqual(await idsOf(await converted(block, { ociRef: 'zran' }), block), [], 'it is stored');
  await assert.rejects(converted(block, { ociRef: 'zran', ociRefStrict: true }), /more than 16 MiB behind/);
});

test('a layer of which no file is left is no fault, whatever form it has', async () => {
  const hidden = layer(file('a', words(5, 3000)));
  const above = layer(whiteout('a'), file('b', words(6, 3000)));
  for (const packed of [gzipSync(hidden), hidden]) {
    const source = storedImage([packed, gzipSync(above)], [hidden, above]);
    for (const sample of [undefined, 10])
      assert.deepEqual((await check(await converted(source, REFERRING), source, { sample })).findings, []);
  }
});

test('an original layer that is gone, replaced, cut or damaged is a finding that says so', async () => {
  const target = await converted(sourceImage(TARS), REFERRING);
  const [blob] = manifestOf(target).layers;
  const digest = blob?.annotations?.[ANNOTATION.nydusRef] ?? assert.fail();
  const bytes = Buffer.from([...target.content].find(([known]) => known === digest)?.[1] ?? []);
  const spoiled = (change: Buffer | undefined): MemoryStore => {
    const copy = MemoryStore.copyOf(target);
    const key = [...copy.content.keys()].find((known) => known === digest) ?? assert.fail();
    if (change === undefined) copy.content.delete(key);
    else copy.content.set(key, change);
    return copy;
  };
  for (const options of [{}, { bootstrapOnly: true }, { sample: 10 }])
    assert.match(
      (await check(spoiled(undefined), undefined, options)).findings.map(formatFinding).join('\n'),
      /BLOB-LAYER-MISSING /,
    );
  const others = [
    gzipSync(TARS[0] ?? '', { level: 1 }),
    bytes.subarray(0, -100),
    flip(bytes.length >> 1)(Buffer.from(bytes)),
  ];
  for (const other of others) {
    const { verdict, findings } = await check(spoiled(other));
    assert.equal(verdict, 'bad');
    assert.match(findings.map(formatFinding).join('\n'), /BLOB-LAYER-(?:MISSING|DIGEST) /);
  }
  const damaged = await check(spoiled(others[2]));
  assert.ok(damaged.findings.some(({ id, files }) => id === 'CHUNK-DATA' && (files?.count ?? 0) > 0));
});

test('a layer that was compressed anew is another one than the bootstrap names', async () => {
  const target = await converted(sourceImage(TARS), REFERRING);
  const renamed = respelled(target, (manifest, _, copy) => {
    const [first, ...rest] = manifest.layers;
    if (first === undefined) assert.fail();
    const anew = copy.put(MEDIA.ociLayerGzip, gzipSync(TARS[0] ?? '', { level: 1 }));
    manifest.layers = [
      { ...first, annotations: { ...first.annotations, [ANNOTATION.nydusRef]: anew.digest } },
      ...rest,
    ];
  });
  const found = (await check(renamed)).findings.find(({ id }) => id === 'BLOB-LAYER-REF') ?? assert.fail();
  assert.equal(found.expected, manifestOf(target).layers[0]?.annotations?.[ANNOTATION.nydusRef]);
});

test('layers that nothing but the original image keeps are noted', async () => {
  const target = await converted(sourceImage(TARS), REFERRING);
  const loose = respelled(target, (manifest) => {
    delete manifest['subject'];
  });
  const { verdict, findings } = await check(loose);
  assert.deepEqual([verdict, findings.map(({ id }) => id)], ['good', ['BLOB-LAYER-UNREFERENCED']]);
});

/** The faults of a layer that all of many contexts take whole, each for its first 1,000 bytes. */
async function faultsOfMany(data: Buffer, level: number, count: number): Promise<readonly string[]> {
  const bytes = gzipSync(data, { level });
  const contexts = Buffer.alloc(count * zranContext.size);
  const records = Buffer.alloc(count * chunkRecord.size);
  const digest = Buffer.from(sha256(data.subarray(0, 1000)).slice(7), 'hex');
  // As clients do, inflating stops before the end of the stream.
  const outSize = level === 0 ? 1000 : data.length - 1000;
  for (let i = 0; i < count; i++) {
    const context = i * zranContext.size;
    contexts.writeBigUInt64LE(10n, context + zranContext.offset.inOffset);
    contexts.writeUInt32LE(bytes.length - 18, context + zranContext.offset.inSize);
    contexts.writeUInt32LE(outSize, context + zranContext.offset.outSize);
    const record = i * chunkRecord.size;
    digest.copy(records, record + chunkRecord.offset.digest);
    records.writeUInt32LE(1000, record + chunkRecord.offset.uncompressedSize);
    records.writeUInt32LE(i, record + chunkRecord.offset.uncompressedOffset + 4);
  }
  const verifier = openBlobVerifier({
    chunks: new PackedChunkTable(records),
    compressor: 'gzip',
    digester: 'sha256',
    threads: 1,
    contexts: { bytes: contexts, count },
  });
  await verifier.write(bytes);
  return (await verifier.finish()).faults.map(({ message }) => message);
}

test('contexts that take, or make, the same bytes again and again are not inflated without end', async () => {
  const text = Buffer.from(words(31, 60_000));
  for (const [data, level, verb] of [
    [text, 0, 'take'],
    [Buffer.alloc(15 << 20), 9, 'make'],
  ] as const) {
    const count = 600;
    const faults = await faultsOfMany(data, level, count);
    assert.ok(faults.length > 0 && faults.length < count, `${faults.length} of ${count}: ${faults[0] ?? ''}`);
    for (const message of faults)
      assert.match(
        message,
        new RegExp(`^its context \\d+ was not inflated: contexts ${verb} the same bytes too often`),
      );
  }
});
