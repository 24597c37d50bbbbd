/** Random images for property tests: whatever a bootstrap can hold, odd names first. */
import { createHash } from 'node:crypto';
import { fc } from '../properties.js';
import { compareRaw, type RawName, type RawPath } from '../../../src/oci/raw-name.js';
import {
  type Blob,
  type BootstrapInput,
  chunkRef,
  type ChunkRecord,
  type Inode,
  type TreeNode,
  type Xattr,
} from '../../../src/rafs-builder/model/tree.js';
import { tableOf } from './worked-example.js';

const CHUNK_SIZE = 4096;
const MERGED_FEATURES = 0x7000_0021;

const byte = fc.integer({ min: 1, max: 255 }).filter((value) => value !== 0x2f);
const rawText = (minLength: number, maxLength: number): fc.Arbitrary<string> =>
  fc.array(byte, { minLength, maxLength }).map((codes) => String.fromCharCode(...codes));

const rawName: fc.Arbitrary<RawName> = fc
  .oneof(
    { weight: 6, arbitrary: fc.stringMatching(/^[a-z]{1,6}$/) },
    { weight: 3, arbitrary: rawText(1, 12) },
    { weight: 1, arbitrary: rawText(200, 255) },
    {
      weight: 2,
      arbitrary: fc.constantFrom(
        '!a',
        '+x',
        '-y',
        '...',
        '.a',
        '..a',
        '.\x01',
        '\xff',
        'x'.repeat(255),
        '.wh.a',
      ),
    },
  )
  .filter((name) => name !== '.' && name !== '..')
  .map((name) => name as RawName); // one character a byte, by construction

const xattrs: fc.Arbitrary<readonly Xattr[]> = fc
  .uniqueArray(
    fc.record({
      name: fc
        .oneof(
          fc.constantFrom('system.posix_acl_access', 'system.posix_acl_default'),
          fc
            .tuple(fc.constantFrom('user.', 'trusted.', 'security.'), rawText(1, 20))
            .map((parts) => parts.join('')),
        )
        .map((name) => name as RawName), // one character a byte, by construction
      value: fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)),
    }),
    { selector: ({ name }) => name, maxLength: 4 },
  )
  // A record of fast-check has no prototype, and would not be equal to what was read.
  .map((list) => list.map(({ name, value }) => ({ name, value })).sort((a, b) => compareRaw(a.name, b.name)));

const common = fc.record({
  mode: fc.integer({ min: 0, max: 0o7777 }),
  uid: fc.oneof(fc.constant(0), fc.nat(0xffff_ffff)),
  gid: fc.oneof(fc.constant(0), fc.nat(0xffff_ffff)),
  mtime: fc.oneof(fc.constant(0), fc.integer({ min: -(2 ** 31), max: 2 ** 33 })),
  mtimeNsec: fc.oneof(fc.constant(0), fc.nat(999_999_999)),
  xattrs: fc.oneof({ weight: 3, arbitrary: fc.constant([]) }, { weight: 1, arbitrary: xattrs }),
  layer: fc.constant(0),
});

type Common = typeof common extends fc.Arbitrary<infer T> ? T : never;
type Content =
  | { readonly kind: 'file'; readonly picks: readonly number[]; readonly tail: number }
  | { readonly kind: 'symlink'; readonly target: RawPath }
  | { readonly kind: 'char' | 'block'; readonly major: number; readonly minor: number }
  | { readonly kind: 'fifo' | 'socket' };

const content: fc.Arbitrary<Content> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('file' as const),
      picks: fc.array(fc.nat(200), { maxLength: 6 }),
      tail: fc.nat(200),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('symlink' as const),
      target: fc.oneof(rawText(1, 30), rawText(4000, 4095)).map((text) => text as RawPath), // one character a byte
    }),
  },
  fc.record({
    kind: fc.constantFrom('char' as const, 'block' as const),
    major: fc.nat(0xfff),
    minor: fc.nat(0xf_ffff),
  }),
  fc.record({ kind: fc.constantFrom('fifo' as const, 'socket' as const) }),
);

type Shape =
  | { readonly common: Common; readonly children: readonly (readonly [RawName, Shape])[] }
  | { readonly common: Common; readonly content: Content }
  | { readonly linkTo: number };

const { shape } = fc.letrec<{ shape: Shape; directory: Shape }>((tie) => ({
  shape: fc.oneof(
    { maxDepth: 4, depthSize: 'small' },
    { weight: 5, arbitrary: fc.record({ common, content }) },
    { weight: 1, arbitrary: fc.record({ linkTo: fc.nat(50) }) },
    { weight: 2, arbitrary: tie('directory') },
  ),
  directory: fc.record({
    common,
    children: fc.uniqueArray(fc.tuple(rawName, tie('shape')), { selector: ([name]) => name, maxLength: 12 }),
  }),
}));
const rootShape = fc.record({
  common,
  children: fc.uniqueArray(fc.tuple(rawName, shape), { selector: ([name]) => name, maxLength: 40 }),
});

/** A bootstrap of one to three blobs with full chunks and short ones; files, links and directories of all kinds. */
export const bootstrapArbitrary: fc.Arbitrary<BootstrapInput> = fc
  .record({ root: rootShape, blobCount: fc.integer({ min: 1, max: 3 }), seed: fc.nat() })
  .map(({ root, blobCount, seed }) => new Builder(blobCount, seed).build(root));

/** Chunks of a blob: even indexes are full, odd ones are short by their index. */
const CHUNKS_PER_BLOB = 64;

class Builder {
  readonly #blobs: readonly Blob[];
  readonly #made: Inode[] = [];

  constructor(blobCount: number, seed: number) {
    this.#blobs = Array.from({ length: blobCount }, (_, i) => randomBlob(i, seed));
  }

  build(root: Extract<Shape, { children: unknown }>): BootstrapInput {
    const tree = this.#node('' as RawName, root);
    return {
      root: tree,
      blobs: this.#blobs,
      chunkSize: CHUNK_SIZE,
      compressor: 'zstd',
      digester: 'blake3',
      forceXattrFlag: true,
    };
  }

  #node(name: RawName, shape: Shape): TreeNode {
    if ('linkTo' in shape) {
      // Without anything to link to, an empty fifo.
      const inode = this.#made[shape.linkTo % Math.max(1, this.#made.length)] ?? {
        ...NOBODY,
        kind: 'fifo',
      };
      return { name, inode };
    }
    if ('children' in shape) {
      const children = new Map(shape.children.map(([child, of]) => [child, this.#node(child, of)]));
      return { name, inode: { ...shape.common, kind: 'directory', implied: false }, children };
    }
    const inode = this.#inode(shape.common, shape.content);
    this.#made.push(inode);
    return { name, inode };
  }

  #inode(fields: Common, of: Content): Inode {
    if (of.kind !== 'file') return { ...fields, ...of };
    const refs = of.picks.map((pick) => this.#ref(pick, 2 * (pick % (CHUNKS_PER_BLOB / 2))));
    const last = 2 * (of.tail % (CHUNKS_PER_BLOB / 2)) + 1;
    const withTail = of.tail % 3 !== 0;
    return {
      ...fields,
      kind: 'file',
      size: refs.length * CHUNK_SIZE + (withTail ? CHUNK_SIZE - last : 0),
      chunks: withTail ? [...refs, this.#ref(of.tail, last)] : refs,
    };
  }

  #ref(pick: number, index: number): ReturnType<typeof chunkRef> {
    return chunkRef(pick % this.#blobs.length, index);
  }
}

const NOBODY = { mode: 0o600, uid: 0, gid: 0, mtime: 0, mtimeNsec: 0, xattrs: [], layer: 0 };

function randomBlob(number: number, seed: number): Blob {
  let stored = 0;
  const records = Array.from({ length: CHUNKS_PER_BLOB }, (_, i): ChunkRecord => {
    const digest = createHash('sha256').update(`${seed} ${number} ${i}`).digest();
    const uncompressedSize = i % 2 === 0 ? CHUNK_SIZE : CHUNK_SIZE - i;
    const compressed = (digest[0] ?? 0) < 128;
    const compressedSize = compressed ? uncompressedSize - 100 : uncompressedSize;
    const record = {
      digest,
      crc32: (digest[1] ?? 0) < 230 ? digest.readUInt32LE(4) : undefined,
      compressed,
      compressedOffset: stored,
      compressedSize,
      uncompressedOffset: i * CHUNK_SIZE,
      uncompressedSize,
    };
    stored += compressedSize;
    return record;
  });
  return {
    chunks: tableOf(records),
    record: {
      id: createHash('sha256').update(`${seed} ${number}`).digest('hex'),
      chunkCount: records.length,
      chunkSize: CHUNK_SIZE,
      compressor: 'zstd',
      digester: 'blake3',
      features: MERGED_FEATURES,
      compressedSize: stored + 10_000,
      uncompressedSize: CHUNKS_PER_BLOB * CHUNK_SIZE,
      metaCompressor: 'none',
      metaOffset: stored + 512,
      metaCompressedSize: 16 * records.length,
      metaUncompressedSize: 16 * records.length,
    },
  };
}
