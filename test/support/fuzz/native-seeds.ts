/** Sound inputs of the targets in native/fuzz, in the form that each of them takes apart. */
import { mkdtemp, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { compressSync } from 'lz4-napi';
import { compress, decompress } from '../../../src/native/codec.js';
import { type ImagePackerOptions, openImagePacker } from '../../../src/native/packer.js';
import { readAndJudge } from '../../../src/native/judge.js';
import { PackedChunkTable } from '../../../src/native/tables.js';
import { sha256 } from '../../../src/oci/digest.js';
import { readBlobFrame } from '../../../src/rafs-builder/blob/frame.js';
import { sectionContent } from '../../../src/rafs-builder/blob/section.js';
import { PACK_DEFAULTS, scanImage } from '../images/pack.js';
import { dir, file, gzipEvery, hardlink, layer, symlink, whiteout } from '../images/tar.js';
import { v5Parts } from '../images/v5-image.js';
import { removeFolder } from '../temp-folder.js';

const TEXT = Buffer.from('hello, hello, hello, hello, hello, hello\n'.repeat(20));
const LAYERS = [
  layer(dir('etc'), file('etc/motd', TEXT), symlink('link', 'etc/motd')),
  layer(
    file('etc/more', 'more', { xattrs: { 'user.a': Buffer.from([0, 255]) }, mtime: 1.5 }),
    hardlink('etc/hard', 'etc/more'),
    whiteout('etc/motd'),
  ),
];
/** Files that are compressed together with `BATCHED`, around one that is not. */
const SMALL_FILES = layer(
  ...Array.from({ length: 12 }, (_, i) => file(`small-${i}`, `file ${i} `.repeat(20 + i))),
  file('large', TEXT.subarray(0, 700)),
  file('z', 'the last one'),
);
const BATCHED = { chunkSize: 0x1000, batchSize: 0x1000 } as const;
/** `xz -9` of a short text. */
const XZ = Buffer.from(
  '/Td6WFoAAATm1rRGAgAhARwAAAAQz1jMAQAEaGVsbG8AAAAAsTe52+XaHpsAAR0FuC2Arx+2830BAAAAAARZWg==',
  'base64',
);

function short(value: number): Buffer {
  return Buffer.of(value & 0xff, value >> 8);
}

function number(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

/** Bytes with their length in front. */
function part(bytes: Uint8Array): Buffer {
  return Buffer.concat([short(bytes.length), bytes]);
}

interface Packed {
  readonly bootstrap: Buffer;
  readonly blobs: readonly Buffer[];
}

async function pack(options: Partial<ImagePackerOptions> = {}, layers = LAYERS): Promise<Packed> {
  const folder = await mkdtemp(join(tmpdir(), 'nydusify-seed-'));
  using packer = openImagePacker({ ...PACK_DEFAULTS, dedup: 'layer', ...options });
  try {
    const blobs = [];
    for (const [index, tar] of layers.entries()) {
      const path = join(folder, String(index));
      const opened = packer.openLayer(index, path);
      await opened.write(tar);
      await opened.finish();
      await opened.seal();
      blobs.push(await readFile(path));
    }
    const { bootstrap } = await packer.bootstrap([...layers.keys()]);
    return { bootstrap: Buffer.from(bootstrap), blobs };
  } finally {
    await removeFolder(folder);
  }
}

async function trees(): Promise<Buffer[]> {
  const scanned = await scanImage(LAYERS, { dedup: 'layer' });
  const tables = scanned.flatMap(({ tables: { entries, references, chunks } }) => [
    part(entries),
    part(references),
    part(chunks),
  ]);
  const packed = [await pack(), await pack({ fsVersion: 5 })];
  return packed.map(({ bootstrap }) => Buffer.concat([part(bootstrap), ...tables]));
}

const SECTION_NAMES = ['image.blob', 'blob.meta', 'blob.meta.header', 'blob.digest', 'image.boot'];
const NO_CONTENT = 8;

async function blobs(): Promise<Buffer[]> {
  const usual = await blobsOf(await pack({ compressor: 'none' }));
  const batched = await blobsOf(await pack({ compressor: 'none', ...BATCHED }, [SMALL_FILES]));
  return [...usual, ...batched];
}

function blobsOf({ bootstrap, blobs }: Packed): Promise<Buffer[]> {
  return Promise.all(
    blobs.map(async (blob, index) => {
      const frame = await readBlobFrame(blob.length, (start, end) =>
        Promise.resolve(blob.subarray(start, end)),
      );
      const sections = await Promise.all(
        [...frame.sections].map(async ([name, { entry, stored }]) => {
          const content =
            name === 'image.boot' && stored !== undefined
              ? await decompress(stored, 'zstd', entry.uncompressedSize)
              : stored;
          return Buffer.concat([
            Buffer.of(SECTION_NAMES.indexOf(name) + (content === undefined ? NO_CONTENT : 0)),
            ...[entry.offset, entry.compressedSize, entry.uncompressedSize].map(number),
            ...(content === undefined ? [] : [part(content)]),
          ]);
        }),
      );
      const head = [Buffer.of(index), number(blob.length), number(frame.dataSize)];
      return Buffer.concat([
        ...head,
        Buffer.of(sections.length),
        ...sections,
        part(bootstrap),
        part(Buffer.alloc(0)),
        frame.tail,
      ]);
    }),
  );
}

async function codecs(): Promise<Buffer[]> {
  const zstd = (await compress(TEXT, 3)) ?? TEXT;
  const stored = [TEXT, compressSync(TEXT).subarray(4), gzipSync(TEXT), zstd]; // by the numbers of codecs; lz4-napi puts a size in front
  const roundTrips = stored.map((_, codec) => Buffer.concat([Buffer.of(codec + 4), short(0), TEXT]));
  return [
    ...stored.map((bytes, codec) => Buffer.concat([Buffer.of(codec), short(TEXT.length), bytes])),
    ...roundTrips,
  ];
}

async function verified(): Promise<Buffer[]> {
  const scanned = await scanImage(LAYERS, { dedup: 'layer' });
  const { blobs } = await pack();
  return scanned.map(({ tables }, index) =>
    Buffer.concat([Buffer.of(20, 3), part(tables.chunks), blobs[index] ?? TEXT]),
  );
}

/** Layers as they are stored: of one member and of several. */
const STORED = [gzipSync(LAYERS[0] ?? ''), gzipEvery(700, SMALL_FILES)];
const REFERRING = { ociRef: 'zran', zranSpan: 64 << 10, chunkSize: 0x1000, digester: 'sha256' } as const;

/** Chunks that stay in their layers: the table of chunks, the contexts and the layer. */
async function referred(): Promise<Buffer[]> {
  const { bootstrap, blobs } = await pack(REFERRING, STORED);
  return Promise.all(
    blobs.map(async (blob, index) => {
      const frame = await readBlobFrame(blob.length, (start, end) =>
        Promise.resolve(blob.subarray(start, end)),
      );
      const { dataSize, tail } = frame;
      const sections = await Promise.all(
        Array.from(frame.sections, async ([name, section]) => {
          const { offset, compressedSize, uncompressedSize } = section.entry;
          const content = await sectionContent(section, decompress);
          return { name, offset, compressedSize, uncompressedSize, content };
        }),
      );
      const blobOfImage = {
        id: sha256(blob).slice(7),
        size: blob.length,
        dataSize,
        tail,
        sections,
        copy: undefined,
      };
      const { table, contexts } = readAndJudge(bootstrap).judgeBlob(blobOfImage, index).chunks;
      return Buffer.concat([
        Buffer.of(20, 0),
        part(PackedChunkTable.from(table).bytes),
        Buffer.of(contexts?.count ?? 0),
        part(contexts?.bytes ?? Buffer.alloc(0)),
        STORED[index] ?? TEXT,
      ]);
    }),
  );
}

/** Usual, uncompressed, with duplicates across layers, in batches, in batches that the packer chooses, in RAFS v5, and in LZ4. */
const FORMS = [0, 1, 2, 4, 8, 12, 0x10, 0x5d, 0x6e, 0xbf];

/** Chunks stay in their layers, alone and with duplicates across layers. */
const IN_LAYERS = [0x11, 0x33];

const MAKERS: Readonly<Record<string, () => Promise<Buffer[]>>> = {
  layer: () => Promise.resolve(LAYERS.map((tar) => Buffer.concat([Buffer.of(0xbf), gzipSync(tar)]))),
  members: async () => {
    const zstd = (await compress(TEXT, 3)) ?? TEXT;
    const two = Buffer.concat([gzipSync(TEXT), gzipSync('more'), Buffer.alloc(20)]);
    return [two, Buffer.concat([zstd, zstd]), Buffer.concat([XZ, XZ]), TEXT].map((bytes) =>
      Buffer.concat([Buffer.of(0x83), bytes]),
    );
  },
  tar: () => Promise.resolve(LAYERS.map((tar) => Buffer.concat([Buffer.of(20), tar]))),
  'bootstrap-v5': async () => [(await v5Parts('concatenated')).bootstrap],
  'bootstrap-v6': async () => [(await pack()).bootstrap],
  tree: trees,
  blob: blobs,
  codec: codecs,
  verify: verified,
  contexts: referred,
  pack: () =>
    Promise.resolve([
      ...FORMS.map((form) => Buffer.concat([Buffer.of(0x7f, form), ...[...LAYERS, SMALL_FILES].map(part)])),
      ...IN_LAYERS.map((form) =>
        Buffer.concat([Buffer.of(0x7f, form), ...[...STORED, SMALL_FILES].map(part)]),
      ),
    ]),
};

/** Seeds of the target with this name in native/fuzz. */
export async function nativeSeeds(name: string): Promise<readonly Buffer[]> {
  return (await MAKERS[name]?.()) ?? [];
}
