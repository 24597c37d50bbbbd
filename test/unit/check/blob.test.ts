/** Sections of real blobs that are right by themselves, digests included, and contradict a bootstrap. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { before, test } from 'node:test';
import { bootstrapOf } from '../../../src/image/bootstrap-layer.js';
import { openImage, type OpenedImage, type UsedBlob } from '../../../src/check/opened.js';
import { loadSubject } from '../../../src/check/subject.js';
import type { NativeSection } from '../../../src/native/addon-types.js';
import { decompress } from '../../../src/native/codec.js';
import { readAndJudge } from '../../../src/native/judge.js';
import { digestHex } from '../../../src/oci/digest.js';
import { allPlatforms } from '../../../src/oci/platform.js';
import { type BlobFrame, readBlobFrame } from '../../../src/rafs-builder/blob/frame.js';
import { sectionContent } from '../../../src/rafs-builder/blob/section.js';
import {
  blobMetaHeader,
  chunkMeta,
  SECTIONS,
  TAR_HEADER_SIZE,
} from '../../../src/rafs-builder/layout/blob.js';
import { blobEntry, blobFeatures } from '../../../src/rafs-builder/layout/v6.js';
import { referenceLayers } from '../../support/images/fixtures.js';
import { converted, sourceImage } from '../../support/images/memory-conversion.js';

let opened: OpenedImage;
let used: UsedBlob;
let frame: BlobFrame;
let size: number;
let contents: ReadonlyMap<string, Buffer>;

before(async () => {
  const store = await converted(sourceImage(referenceLayers('chunks')));
  const { images } = await loadSubject(store, 'target', allPlatforms, {});
  opened = (await openImage(images[0] ?? assert.fail(), {})).opened ?? assert.fail();
  used = opened.blobs[0] ?? assert.fail();
  const layers = opened.image.manifest.value.layers;
  const blob = layers.find(({ digest }) => digestHex(digest) === used.record.id) ?? assert.fail();
  const bytes = Buffer.from(store.content.get(blob.digest) ?? assert.fail());
  size = bytes.length;
  frame = await readBlobFrame(size, (start, end) => Promise.resolve(bytes.subarray(start, end)));
  const read = [...frame.sections].filter(([, { stored }]) => stored !== undefined);
  contents = new Map(
    await Promise.all(
      read.map(async ([name, section]) => [name, await sectionContent(section, decompress)] as const),
    ),
  );
});

/** Judges the blob with other contents of sections; undefined stands for content that cannot be read. */
function judge(
  changed: Readonly<Record<string, Buffer | undefined>>,
  number: number | null = 0,
  { judgeBlob }: Pick<OpenedImage, 'judgeBlob'> = opened,
) {
  const sections: NativeSection[] = Array.from(frame.sections, ([name, { entry }]) => ({
    name,
    offset: entry.offset,
    compressedSize: entry.compressedSize,
    uncompressedSize: entry.uncompressedSize,
    content: name in changed ? changed[name] : contents.get(name),
  }));
  const { dataSize, tail } = frame;
  return judgeBlob(
    { id: used.record.id, size, dataSize, tail, sections, copy: undefined },
    number ?? undefined,
  );
}

/** A section with the 32 bits at an offset changed. */
function withWord(name: string, offset: number, change: (word: number) => number): Record<string, Buffer> {
  const content = Buffer.from(contents.get(name) ?? assert.fail());
  content.writeUInt32LE(change(content.readUInt32LE(offset)) >>> 0, offset);
  return { [name]: content };
}

const messages = (judged: ReturnType<typeof judge>): string[] =>
  judged.findings.map(({ id, message }) => `${id} ${message}`);

test('a blob of a conversion has no findings, and all of its chunks can be verified', () => {
  const judged = judge({});
  assert.deepEqual([judged.own, messages(judged)], [[], []]);
  const { table, indexes, compressor, digester } = judged.chunks;
  assert.deepEqual([indexes, compressor, digester], [undefined, 'zstd', 'blake3']);
  assert.equal(table.length, used.record.chunkCount);
  for (const index of used.chunks.indexes()) assert.deepEqual(table.at(index), used.chunks.at(index));
});

test('without a section of digests the chunks of bootstraps are verified, by their numbers', () => {
  const { chunks } = judge({ [SECTIONS.digests]: undefined });
  assert.deepEqual(chunks.indexes, [...used.chunks.indexes()]);
  for (const [position, index] of chunks.indexes.entries())
    assert.deepEqual(chunks.table.at(position), used.chunks.at(index));
});

test('a chunk whose size or digest is another in the blob is found beside both bootstraps', () => {
  const offset = chunkMeta.offset.compressedHigh;
  const [first, second, ...others] = messages(
    judge(withWord(SECTIONS.meta, offset, (word) => word - (1 << 12))),
  );
  assert.match(
    first ?? '',
    /^CHUNK-RECORD chunk 0 .*bootstrap in the blob: compressedSize is \d+ there, and \d+ in the chunk table of the blob$/,
  );
  assert.match(second ?? '', /^CHUNK-RECORD chunk 0 .*the bootstrap: compressedSize/);
  assert.deepEqual(others, []);
  const digests = messages(judge(withWord(SECTIONS.digests, 4, (word) => ~word)));
  assert.equal(digests.length, 2);
  for (const message of digests)
    assert.match(message, /^CHUNK-RECORD chunk 0 .*its digest is not the one in the blob$/);
});

test('an image whose bootstrap does not use the blob is judged by the bootstrap in the blob alone', () => {
  const judged = judge(
    withWord(SECTIONS.digests, 4, (word) => ~word),
    null,
  );
  assert.equal(judged.findings.length, 1);
  assert.equal(judged.chunks.table.length, used.record.chunkCount);
  const unknown = judge({ [SECTIONS.bootstrap]: undefined }, 99);
  assert.deepEqual([unknown.findings, unknown.chunks.table.length], [[], 0]);
});

test('a table that cannot be read leaves nothing to verify, and both bootstraps say so', () => {
  const judged = judge({ [SECTIONS.meta]: undefined });
  assert.deepEqual(
    messages(judged).map((line) => line.split(' ', 1)[0]),
    ['BLOB-META', 'BLOB-META'],
  );
  assert.equal(judged.chunks.table.length, 0);
});

test('faults of the bootstrap in the blob have a list of their own', () => {
  const bytes = Buffer.from(contents.get(SECTIONS.bootstrap) ?? assert.fail());
  bytes.writeUInt32LE(7, 1024);
  const { own, findings } = judge({ [SECTIONS.bootstrap]: bytes });
  assert.deepEqual([own.map(({ id }) => id), findings], [['RAFS-READ'], []]);
});

test('chunk records that are marked as of another kind are a finding, and not taken for others', () => {
  const { CHUNK_INFO_V2, BATCH, ZRAN, ENCRYPTED } = blobFeatures.bits;
  for (const feature of [CHUNK_INFO_V2, BATCH, ZRAN, ENCRYPTED]) {
    const changed = withWord(SECTIONS.metaHeader, blobMetaHeader.offset.features, (word) => word | feature);
    const { findings, chunks } = judge(changed);
    const said = feature === CHUNK_INFO_V2 ? /records of 24 bytes, but \d+ bytes$/ : /are not read$/;
    assert.deepEqual(
      findings.filter(({ message }) => said.test(message)).map(({ id }) => id),
      ['BLOB-META'],
    );
    assert.equal(chunks.table.length, 0);
  }
});

test('a table of contents has the size and the digest that the bootstrap notes', () => {
  const toc = frame.tail.subarray(Math.max(...[...frame.sections.values()].map(endOf)) - frame.dataSize);
  const noted = (tocSize: number, digest: Uint8Array): string[] => {
    const bytes = Buffer.from(bootstrapOf(opened.layer) ?? assert.fail());
    const entry = bytes.lastIndexOf(used.record.id) - blobEntry.offset.blobId;
    bytes.writeUInt32LE(tocSize, entry + blobEntry.offset.tocSize);
    bytes.set(digest, entry + blobEntry.offset.tocDigest);
    return messages(judge({}, 0, readAndJudge(bytes)));
  };
  const digest = createHash('sha256').update(toc).digest();
  assert.deepEqual(noted(toc.length, digest), []);
  const differs = 'BLOB-META the bootstrap and the blob differ in the';
  assert.deepEqual(
    noted(toc.length + 128, digest).map((message) => message.split(':')[0]),
    [`${differs} size of the table of contents`],
  );
  assert.deepEqual(
    noted(
      toc.length,
      digest.map((byte) => byte ^ 1),
    ),
    [`${differs} digest of the table of contents`],
  );
});

const endOf = ({
  entry,
}: {
  readonly entry: { readonly offset: number; readonly compressedSize: number };
}): number => entry.offset + entry.compressedSize + TAR_HEADER_SIZE;
