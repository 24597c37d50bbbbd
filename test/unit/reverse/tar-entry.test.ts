/** Canonical entries, as the addon's own reader of tars and other people's readers see them. */
import assert from 'node:assert/strict';
import { mkdir, readlink, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { fc } from '../../support/properties.js';
import { openImageScanner } from '../../../src/native/scanner.js';
import { rawNameFromBytes, rawNameFromText, type RawPath } from '../../../src/oci/raw-name.js';
import type { Inode, LayerEntry } from '../../../src/rafs-builder/model/tree.js';
import { TAR_END, tarEntry } from '../../../src/reverse/tar-entry.js';
import { needs } from '../../support/needs.js';
import { runTool } from '../../support/run-tool.js';
import { place, tempFolder } from '../../support/temp-folder.js';

const BASE = { mode: 0o644, uid: 0, gid: 0, mtime: 0, mtimeNsec: 0, xattrs: [], layer: 0 };
const path = (text: string): RawPath => rawNameFromText(text) as string as RawPath; // of one component, or with slashes

async function scan(tar: Buffer): Promise<readonly LayerEntry[]> {
  using scanner = openImageScanner({ chunkSize: 0x10_0000, dedup: 'layer', threads: 1 });
  const layer = scanner.openLayer(0);
  await layer.write(tar);
  return await (await layer.finish()).entries();
}

const component = (max: number): fc.Arbitrary<string> =>
  fc
    .uint8Array({ minLength: 1, maxLength: max })
    .map((bytes) => rawNameFromBytes(bytes.map((value) => (value === 0 || value === 0x2f ? 0x78 : value))))
    .filter((name) => name !== '.' && name !== '..' && !name.startsWith('.wh.'));
const attributes = {
  mode: fc.integer({ min: 0, max: 0o7777 }),
  uid: fc.oneof(fc.nat(70_000), fc.constantFrom(2_097_151, 2_097_152, 4_294_967_294)),
  gid: fc.oneof(fc.nat(70_000), fc.constantFrom(2_097_151, 2_097_152, 4_294_967_294)),
  mtime: fc.oneof(
    fc.nat(2_000_000_000),
    fc.integer({ min: -100_000, max: 0 }),
    fc.constantFrom(8 ** 11 - 1, 8 ** 11),
  ),
  mtimeNsec: fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 999_999_999 })),
  xattrs: fc.uniqueArray(
    fc.record({
      name: component(30).map((name) => rawNameFromBytes(Buffer.from(`user.${name}`, 'latin1'))),
      value: fc.uint8Array({ maxLength: 40 }),
    }),
    { maxLength: 3, selector: ({ name }) => name },
  ),
  layer: fc.constant(0),
};
const inode: fc.Arbitrary<Inode> = fc.oneof(
  fc.record({
    ...attributes,
    kind: fc.constant('file' as const),
    size: fc.constant(0),
    chunks: fc.constant([]),
  }),
  fc.record({ ...attributes, kind: fc.constant('directory' as const), implied: fc.constant(false) }),
  fc.record({
    ...attributes,
    kind: fc.constant('symlink' as const),
    target: component(200).map((name) => name as RawPath),
  }),
  fc.record({ ...attributes, kind: fc.constant('fifo' as const) }),
  fc.record({
    ...attributes,
    kind: fc.constantFrom('char' as const, 'block' as const),
    major: fc.nat(4095),
    minor: fc.nat(1_048_575),
  }),
);

test('every attribute that RAFS holds comes back from a canonical entry', async () => {
  await fc.assert(
    fc.asyncProperty(component(200), inode, async (name, node) => {
      const header = tarEntry(name as RawPath, node);
      assert.ok(header !== undefined);
      const [entry, ...rest] = await scan(Buffer.concat([header, TAR_END]));
      assert.equal(rest.length, 0);
      assert.equal(entry?.path, name);
      const { xattrs, ...body } = entry.body as Inode; // an entry that is no hard link
      const { xattrs: wanted, ...other } = node;
      assert.deepEqual(body, other);
      const inOrder = [...wanted].sort((a, b) => (a.name < b.name ? -1 : 1));
      assert.deepEqual(
        xattrs.map((one) => [one.name, Buffer.from(one.value)]),
        inOrder.map((one) => [one.name, Buffer.from(one.value)]),
      );
    }),
    { numRuns: 300 },
  );
});

test('GNU tar reads names, links and times that ustar cannot hold', async (t) => {
  if (!needs(t, 'root')) return;
  const folder = await tempFolder(t);
  const long = 'd'.repeat(120);
  const before: Inode = {
    ...BASE,
    kind: 'file',
    size: 0,
    chunks: [],
    mtime: -5,
    mtimeNsec: 500_000_000,
    uid: 3_000_000,
  };
  const link: Inode = { ...BASE, kind: 'symlink', target: path('t'.repeat(200)) };
  const tar = [
    tarEntry(path(long), { ...BASE, kind: 'directory', implied: false, mode: 0o755 }),
    tarEntry(path(`${long}/ü`), before),
    tarEntry(path(`${long}/hard`), before, path(`${long}/ü`)),
    tarEntry(path('l'), link),
    TAR_END,
  ];
  const file = await place(folder, 'a.tar', Buffer.concat(tar.filter((part) => part !== undefined)));
  const root = join(folder, 'root');
  await mkdir(root);
  await runTool('tar', ['--extract', '--file', file, '--directory', root, '--same-owner', '--numeric-owner']);
  const { mtimeMs, uid, nlink } = await stat(join(root, long, 'ü'));
  assert.deepEqual([mtimeMs, uid, nlink], [-4500, 3_000_000, 2]);
  assert.equal(await readlink(join(root, 'l')), 't'.repeat(200));
});

test('a socket has no entry', () => {
  assert.equal(tarEntry(path('s'), { ...BASE, kind: 'socket' }), undefined);
});
