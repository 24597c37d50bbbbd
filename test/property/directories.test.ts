/** Directories of any shape: what the reference reads of the image is what lies on the disk, and its own build has the same bytes. */
import assert from 'node:assert/strict';
import { mkdir, readFile, rm, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { fc } from '../support/properties.js';
import { FORMAT_DEFAULTS } from '../../src/native/formats.js';
import { builtTree } from '../support/images/built-tree.js';
import { type LiveEntry, makeLiveTree } from '../support/images/live-tree.js';
import { treeDifferences } from '../support/images/tree-differences.js';
import { needs } from '../support/needs.js';
import {
  listTree,
  referenceLayer,
  referenceRead,
  referenceTool,
} from '../support/references/reference-builder.js';
import { pathOrSkip } from '../support/references/tools.js';
import { QUICK_DISK, tempFolder } from '../support/temp-folder.js';

const TREES = Number(process.env['NYDUSIFY_DIRECTORY_TREES'] ?? '12');

const byte = fc.integer({ min: 1, max: 255 }).filter((value) => value !== 0x2f);
const rawName = fc.oneof(
  { weight: 6, arbitrary: fc.stringMatching(/^[a-z]{1,4}$/) },
  { weight: 2, arbitrary: fc.constantFrom('!a', '+x', '-y', '...', '..a', '\xff', 'x'.repeat(255)) },
  {
    weight: 2,
    arbitrary: fc.array(byte, { minLength: 1, maxLength: 12 }).map((codes) => String.fromCharCode(...codes)),
  },
);
const name = rawName.filter((text) => text !== '.' && text !== '..' && !text.startsWith('.wh.'));

const attributes = fc.record({
  mode: fc.integer({ min: 0, max: 0o7777 }),
  uid: fc.oneof(fc.constant(0), fc.nat(0xffff_fffe)),
  gid: fc.oneof(fc.constant(0), fc.nat(0xffff_fffe)),
  mtime: fc.integer({ min: 0, max: 2 ** 33 }),
  mtimeNsec: fc.oneof(fc.constant(0), fc.nat(999_999_999)),
});
/** A single one: the reference writes several in any order. Links, pipes and devices have only the last. */
const xattr = fc.oneof(
  { weight: 4, arbitrary: fc.constant({}) },
  {
    weight: 1,
    arbitrary: fc
      .tuple(fc.constantFrom('user.a', 'user.bcd'), fc.uint8Array({ maxLength: 30 }))
      .map(([key, value]) => ({ [key]: value })),
  },
);
const content = fc.oneof(
  { weight: 4, arbitrary: fc.uint8Array({ maxLength: 40 }) },
  // Chunks that come again, in this file and in others, and holes.
  {
    weight: 2,
    arbitrary: fc
      .array(fc.tuple(fc.constantFrom(0, 1, 2), fc.integer({ min: 1, max: 3 })), {
        minLength: 1,
        maxLength: 4,
      })
      .map((runs) => Buffer.concat(runs.map(([fill, pages]) => Buffer.alloc(pages * 4096, fill)))),
  },
);

type Shape = { readonly name: string } & (
  | { readonly kind: 'directory'; readonly children: readonly Shape[] }
  | { readonly kind: 'file'; readonly bytes: Uint8Array }
  | { readonly kind: 'symlink'; readonly target: string }
  | { readonly kind: 'fifo' }
  | { readonly kind: 'char' | 'block'; readonly major: number; readonly minor: number }
  | { readonly kind: 'again'; readonly pick: number }
) &
  Parameters<typeof common>[0];

function common(of: {
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly mtime: number;
  readonly mtimeNsec: number;
  readonly xattrs: Readonly<Record<string, Uint8Array>>;
}): typeof of {
  const { mode, uid, gid, mtime, mtimeNsec, xattrs } = of;
  return { mode, uid, gid, mtime, mtimeNsec, xattrs };
}

const { shape } = fc.letrec<{ shape: Shape }>((tie) => {
  const of = <T>(
    kind: fc.Arbitrary<T>,
    xattrs: fc.Arbitrary<object> = fc.constant({}),
  ): fc.Arbitrary<Shape> =>
    fc
      .tuple(name, attributes, xattrs, kind)
      .map(([text, own, list, rest]) => ({ name: text, ...own, xattrs: list, ...rest }) as unknown as Shape); // the members of one kind
  return {
    shape: fc.oneof(
      { maxDepth: 4, depthSize: 'small' },
      { weight: 6, arbitrary: of(fc.record({ kind: fc.constant('file'), bytes: content }), xattr) },
      { weight: 2, arbitrary: of(fc.record({ kind: fc.constant('symlink'), target: name })) },
      { weight: 1, arbitrary: of(fc.record({ kind: fc.constant('fifo') })) },
      {
        weight: 1,
        arbitrary: of(
          fc.record({
            kind: fc.constantFrom('char', 'block'),
            major: fc.integer({ min: 1, max: 0xfff }),
            minor: fc.nat(0xf_ffff),
          }),
        ),
      },
      { weight: 1, arbitrary: of(fc.record({ kind: fc.constant('again'), pick: fc.nat(20) })) },
      {
        weight: 3,
        arbitrary: of(
          fc.record({
            kind: fc.constant('directory'),
            children: fc.uniqueArray(tie('shape'), { selector: (child) => child.name, maxLength: 8 }),
          }),
          xattr,
        ),
      },
    ),
  };
});
const roots = fc.uniqueArray(shape, { selector: (child) => child.name, maxLength: 10 });

/** The entries of a tree. A link leads to a file that is there already; without any it is left out. */
function entriesOf(shapes: readonly Shape[]): readonly LiveEntry[] {
  const entries: LiveEntry[] = [];
  const files: string[] = [];
  const add = (above: string, one: Shape): void => {
    const path = above === '' ? one.name : `${above}/${one.name}`;
    const own = common(one);
    if (one.kind === 'again') {
      const target = files[one.pick % Math.max(1, files.length)];
      if (target !== undefined) entries.push({ kind: 'link', path, target });
      return;
    }
    if (one.kind === 'file') files.push(path);
    entries.push({ ...one, ...own, path });
    if (one.kind === 'directory') for (const child of one.children) add(path, child);
  };
  for (const one of shapes) add('', one);
  return entries;
}

/** Trees that are tried at once: the programs that judge them wait more than they work. */
const AT_ONCE = 6;

interface Tree {
  readonly shapes: readonly Shape[];
  readonly fsVersion: 5 | 6;
  readonly compressor: 'zstd' | 'none' | 'lz4_block';
}

const tree: fc.Arbitrary<Tree> = fc.record({
  shapes: roots,
  fsVersion: fc.constantFrom(5, 6 as const),
  compressor: fc.constantFrom('zstd', 'none', 'lz4_block' as const),
});

test('any directory becomes the image that the reference makes of it, and that is read back as it was', async (t) => {
  if (!needs(t, 'root') || pathOrSkip(t, referenceTool()) === undefined) return;
  const folder = await tempFolder(t, QUICK_DISK);
  let number = 0;
  const judge = async ({ shapes, fsVersion, compressor }: Tree): Promise<void> => {
    const work = join(folder, String(number++));
    const [directory, theirs] = [join(work, 'tree'), join(work, 'reference')];
    for (const path of [directory, theirs]) await mkdir(path, { recursive: true });
    await makeLiveTree(directory, entriesOf(shapes));
    await utimes(directory, 0, 0);
    const format = { fsVersion, compressor, chunkSize: 4096 };
    const ours = await builtTree(directory, work, format);
    const read = await referenceRead(ours.bootstrapPath, ours.blobs);
    assert.deepEqual(treeDifferences(read, await listTree(directory)), []);
    // Of v5 the device numbers of what is no device differ.
    if (fsVersion === 6) {
      const reference = await referenceLayer(directory, theirs, { ...FORMAT_DEFAULTS, ...format });
      assert.deepEqual(await readFile(ours.blobPath), await readFile(reference.blob));
    }
    await rm(work, { recursive: true });
  };
  const atOnce = Math.min(AT_ONCE, TREES);
  await fc.assert(
    fc.asyncProperty(fc.array(tree, { minLength: atOnce, maxLength: atOnce, size: 'max' }), async (trees) => {
      await Promise.all(trees.map(judge));
    }),
    { numRuns: Math.ceil(TREES / atOnce) },
  );
});
