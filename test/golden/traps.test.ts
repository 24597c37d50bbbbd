/**
 * Mistakes that other converters made, as docs/traps.md tells them: small layers go through the whole pipeline, and the result is
 * read back and audited. Mistakes of a single module are tested beside that module.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { displayName } from '../../src/oci/raw-name.js';
import { audit } from '../../src/rafs-builder/rules/audit.js';
import { walk, readV6 } from '../../src/rafs-builder/index.js';
import { chunkBlob, chunkIndex, type Inode } from '../../src/rafs-builder/model/tree.js';
import { type PackedImage, packImage, type PackingOptions } from '../support/images/image.js';
import {
  block,
  char,
  dir,
  endMarker,
  entry,
  fifo,
  file,
  layer,
  raw,
  symlink,
  tarBytes,
} from '../support/images/tar.js';

interface ReadBack extends PackedImage {
  /** Inodes of the merged image by path, as its bytes have them. */
  readonly inodes: ReadonlyMap<string, Inode>;
}

/** Packs layers, reads the merged bootstrap back, and has nothing to complain of. */
async function convert(layers: readonly Uint8Array[], options?: PackingOptions): Promise<ReadBack> {
  const image = await packImage(layers, options);
  assert.deepEqual([...audit(image.bootstrap)], []);
  const { bootstrap } = readV6(image.bootstrap);
  const inodes = new Map<string, Inode>();
  for (const { node, path } of walk(bootstrap.root)) inodes.set(displayName(path), node.inode);
  return { ...image, inodes };
}

/** xattrs of a path as `name=hex`. */
function xattrsOf(image: ReadBack, path: string): string[] {
  const inode = image.inodes.get(path);
  assert.ok(inode !== undefined, path);
  return inode.xattrs.map(({ name, value }) => `${displayName(name)}=${Buffer.from(value).toString('hex')}`);
}

test('a sparse file of more than 4 GiB keeps every offset', async () => {
  const realSize = 2 ** 32 + 1;
  const map = Buffer.alloc(512);
  map.write(`1\n${realSize - 1}\n1\n`);
  const sparse = entry('0', 'GNUSparseFile.0/big', {
    data: Buffer.concat([map, Buffer.from('x')]),
    pax: [
      ['GNU.sparse.major', '1'],
      ['GNU.sparse.minor', '0'],
      ['GNU.sparse.name', 'big'],
      ['GNU.sparse.realsize', String(realSize)],
    ],
  });
  const image = await convert([layer(sparse)], { chunkSize: 16 * 1024 * 1024 });
  const big = image.inodes.get('big');
  assert.ok(big?.kind === 'file');
  assert.deepEqual([big.size, big.chunks.length], [realSize, 257]);
  // All but the last chunk are zeros: one chunk, stored once.
  assert.equal(new Set(big.chunks).size, 2);
  const last = big.chunks.at(-1);
  assert.ok(last !== undefined);
  const chunk = image.merged.blobs[chunkBlob(last)]?.chunks.at(chunkIndex(last));
  assert.deepEqual([chunk?.uncompressedSize, chunk?.uncompressedOffset], [1, 16 * 1024 * 1024]);
});

test('xattr names and values are bytes; a value that cannot be stored is left out with a warning', async () => {
  const binary = Buffer.from([0, 0xff, 0x0a, 0x3d, 0]);
  const image = await convert([
    layer(
      file('f', 'x', {
        xattrs: [
          [Buffer.from('user.\xff\xfe', 'latin1'), binary],
          ['user.größe', 'ü'],
          ['trusted.overlay.origin', binary],
          ['security.selinux', 'label\0'],
          ['odd.prefix', 'x'],
        ],
      }),
    ),
  ]);
  assert.deepEqual(xattrsOf(image, 'f'), [
    `security.selinux=${Buffer.from('label\0').toString('hex')}`,
    `trusted.overlay.origin=${binary.toString('hex')}`,
    'user.größe=c3bc',
    `user.\\xff\\xfe=${binary.toString('hex')}`,
  ]);
  const warnings = image.layers.flatMap(({ table }) => table.warnings);
  assert.deepEqual(
    warnings.map(({ code }) => code),
    ['XATTR_DROPPED'],
  );
  assert.match(warnings[0]?.message ?? '', /odd\.prefix/);
});

test('POSIX access lists and file capabilities survive', async () => {
  const acl = Buffer.from('0200000001000600ffffffff04000400ffffffff', 'hex');
  const capability = Buffer.from('0100000200200000000000000000000000000000', 'hex');
  const image = await convert([
    layer(
      dir('d', { xattrs: { 'system.posix_acl_access': acl, 'system.posix_acl_default': acl } }),
      file('bin/ping', 'elf', { mode: 0o755, xattrs: { 'security.capability': capability } }),
    ),
  ]);
  assert.deepEqual(xattrsOf(image, 'd'), [
    `system.posix_acl_access=${acl.toString('hex')}`,
    `system.posix_acl_default=${acl.toString('hex')}`,
  ]);
  assert.deepEqual(xattrsOf(image, 'bin/ping'), [`security.capability=${capability.toString('hex')}`]);
});

test('names that sort before "." come first, and every directory has ".."', async () => {
  const names = ['!', '#', '+', ',', '-', '-b', '0', '~'];
  const image = await convert([layer(dir('d'), ...names.map((name) => file(`d/${name}`, name)))]);
  // The audit has compared every directory's order, its "." and its ".." already.
  assert.deepEqual(
    [...image.inodes.keys()].filter((path) => path.startsWith('d/')),
    names.map((name) => `d/${name}`),
  );
  const { tables } = readV6(image.bootstrap);
  assert.equal(tables.superBlock.rootNid, 128);
});

test('directories and symlinks of about one block read back whole', async () => {
  // "." and ".." take 27 bytes, 15 names of 255 bytes 267 each; one more name makes up the rest.
  const full = Array.from({ length: 15 }, (_, i) => String.fromCharCode(97 + i).repeat(255));
  const items = [4095, 4096, 4097, 8192].flatMap((size) => {
    const count = size > 4097 ? 2 : 1;
    const rest = size === 8192 ? 4096 - 15 * 267 - 12 : size - 27 - 15 * 267 - 12;
    const more =
      count === 2 ? [...full.map((name) => name.toUpperCase()), 'z'.repeat(rest)] : ['z'.repeat(rest)];
    return [dir(`d${size}`), ...[...full, ...more].map((name) => file(`d${size}/${name}`))];
  });
  const links = [4031, 4032, 4033, 4095].map((length) => symlink(`l${length}`, 't'.repeat(length)));
  const image = await convert([layer(...items, ...links)]);
  for (const length of [4031, 4032, 4033, 4095]) {
    const link = image.inodes.get(`l${length}`);
    assert.ok(link?.kind === 'symlink');
    assert.equal(link.target.length, length);
  }
  for (const size of [4095, 4096, 4097]) assert.ok(image.inodes.has(`d${size}/${'a'.repeat(255)}`));
  assert.ok(image.inodes.has(`d8192/${'O'.repeat(255)}`));
});

test('fifos, and devices with numbers above 255, keep their type and numbers', async () => {
  const image = await convert([layer(fifo('p'), char('c', 4095, 0xfffff), block('b', 259, 300))]);
  const of = (path: string): unknown => {
    const inode = image.inodes.get(path);
    return inode?.kind === 'char' || inode?.kind === 'block'
      ? [inode.kind, inode.major, inode.minor]
      : inode?.kind;
  };
  assert.deepEqual([of('p'), of('c'), of('b')], ['fifo', ['char', 4095, 0xfffff], ['block', 259, 300]]);
});

test('a layer gives the same bytes at every run, in whatever order its xattrs come', async () => {
  const attributes: readonly (readonly [string, string])[] = [
    ['user.a', '1'],
    ['user.b', '2'],
    ['security.c', '3'],
  ];
  const tar = (xattrs: typeof attributes): Buffer => layer(file('f', 'x'.repeat(5000), { xattrs }));
  const once = await packImage([tar(attributes)]);
  const again = await packImage([tar(attributes)]);
  const reversed = await packImage([tar(attributes.toReversed())]);
  assert.deepEqual(once.layers[0]?.bytes, again.layers[0]?.bytes);
  assert.deepEqual(once.bootstrap, again.bootstrap);
  assert.deepEqual(once.layers[0]?.bytes, reversed.layers[0]?.bytes);
});

test('super block and blob table name the same chunk size, also when it is not the default', async () => {
  for (const chunkSize of [0x1000, 0x4_0000, 0x20_0000, 0x100_0000]) {
    const image = await convert([layer(file('f', Buffer.alloc(3 * 1024 * 1024 + 5, 7)))], { chunkSize });
    const { tables } = readV6(image.bootstrap);
    assert.deepEqual(
      [tables.extended.chunkSize, ...tables.blobs.map((blob) => blob.chunkSize)],
      [chunkSize, chunkSize],
    );
  }
});

test('padding and junk after the end of an archive are read through, and zero blocks inside it do not end it', async () => {
  const plain = await convert([layer(file('a', '1'), file('b', '2'))]);
  const archives = {
    'records of 10 KiB': Buffer.concat([tarBytes([file('a', '1'), file('b', '2')]), Buffer.alloc(20 * 512)]),
    'no end marker': tarBytes([file('a', '1'), file('b', '2')]),
    'an end marker in the middle': tarBytes([file('a', '1'), endMarker(), file('b', '2'), endMarker()]),
    'junk at the end': tarBytes([file('a', '1'), file('b', '2'), endMarker(), raw(Buffer.alloc(700, 0xa5))]),
  };
  for (const [what, tar] of Object.entries(archives)) {
    const image = await convert([tar]);
    assert.deepEqual(image.bootstrap.length, plain.bootstrap.length, what);
    assert.deepEqual([...image.inodes.keys()], ['', 'a', 'b'], what);
  }
});

test('an image sets only flags that nydusd 2.2 knows', async () => {
  const image = await convert([layer(file('f', 'x'.repeat(5000), { xattrs: { 'user.a': '1' } }))]);
  const { tables } = readV6(image.bootstrap);
  // zstd, BLAKE3, owners, xattrs, digests in the blob, no encryption; ALIGNED and the three of a tar-like blob with a ToC.
  assert.equal(tables.extended.flags, 0x0100_01b4);
  assert.deepEqual(
    tables.blobs.map((blob) => blob.features),
    [0x7000_0021],
  );
});
