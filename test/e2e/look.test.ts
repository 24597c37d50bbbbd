/** Looking inside: what is shown is what other people's readers see in the image, for both kinds of images. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { ContentMismatchError, UsageError } from '../../src/errors.js';
import { collect } from '../../src/io/streams.js';
import { contentsComparable, readContents } from '../../src/look/contents.js';
import { diffFiles, downloadCost } from '../../src/look/diff.js';
import type { Filesystem } from '../../src/look/filesystem.js';
import { lookup, pathFromText } from '../../src/look/lookup.js';
import { NydusFilesystem } from '../../src/look/nydus.js';
import { openFilesystem, type LookOptions } from '../../src/look/open.js';
import { countTraffic, type Traffic } from '../../src/look/traffic.js';
import { compress } from '../../src/native/codec.js';
import type { RawPath } from '../../src/oci/raw-name.js';
import { walk } from '../../src/rafs-builder/index.js';
import type { ChunkRef } from '../../src/rafs-builder/model/tree.js';
import { expectedTreeLines } from '../support/images/tree-lines.js';
import { referenceCases, referenceLayers, referenceText } from '../support/images/fixtures.js';
import { needs } from '../support/needs.js';
import { noise } from '../support/images/opaque-image.js';
import {
  dir,
  entry,
  file,
  hardlink,
  layer,
  symlink,
  whiteout,
  type TarEntry,
} from '../support/images/tar.js';
import { treeDifferences } from '../support/images/tree-differences.js';
import { MemoryStore } from '../support/registries/memory-store.js';
import { converted, flip, manifestOf, sourceImage, withBytes } from '../support/images/memory-conversion.js';

async function look(
  store: MemoryStore,
  options: LookOptions = {},
): Promise<{ readonly filesystem: Filesystem; readonly traffic: Traffic }> {
  const traffic: Traffic = { requests: 0, bytes: 0 };
  return { filesystem: await openFilesystem(countTraffic(store, traffic), options), traffic };
}

async function read(filesystem: Filesystem, text: string): Promise<Buffer> {
  const { node, path } = lookup(filesystem.root, pathFromText(text), { follow: true });
  assert.equal(node.inode.kind, 'file');
  return collect(filesystem.open(node.inode, path, {}), 1e9, text);
}

async function treeText(filesystem: Filesystem): Promise<string> {
  const lines = await expectedTreeLines(filesystem.root, async (inode) => {
    const hash = createHash('sha256');
    for await (const bytes of filesystem.open(inode, '' as RawPath, {})) hash.update(bytes); // only for messages
    return hash.digest('hex');
  });
  return `${lines.join('\n')}\n`;
}

/** Every Nydus builder leaves out these files of eStargz. */
const ESTARGZ = /^\/(?:stargz\.index\.json|\.prefetch\.landmark|\.no\.prefetch\.landmark) .*\n/gm;

for (const name of referenceCases()) {
  test(`the tree and every file of ${name} are those of an unpacked image, source and Nydus alike`, async (t) => {
    if (!needs(t, 'python3')) return;
    const source = sourceImage(referenceLayers(name));
    const expected = referenceText(name, 'expected.tree').replace(ESTARGZ, '');
    for (const store of [source, await converted(source), await converted(source, { mergePlatform: true })]) {
      const { filesystem } = await look(store);
      assert.deepEqual(treeDifferences(await treeText(filesystem), expected), []);
    }
  });
}

const LARGE = 24 * 1024 * 1024;
const base = layer(
  dir('etc'),
  file('etc/os-release', 'NAME=base\n'),
  file('etc/gone', 'x'),
  file('large', noise(LARGE, 1)),
);
const top = layer(
  dir('etc'),
  whiteout('etc/gone'),
  file('etc/motd', 'hello\n'),
  hardlink('etc/motd.link', 'etc/motd'),
  symlink('motd', '/etc/motd'),
);

test('a listing takes less than 3 % of the image, and a file its own chunks', async () => {
  const store = await converted(sourceImage([base, top]));
  const bytes = manifestOf(store).layers.reduce((sum, { size }) => sum + size, 0);
  const { filesystem, traffic } = await look(store);
  assert.equal(traffic.requests, 3, 'the name, the manifest, the bootstrap layer');
  assert.ok(traffic.bytes < bytes * 0.03, `${traffic.bytes} of ${bytes}`);

  const before = { ...traffic };
  assert.equal((await read(filesystem, '/motd')).toString(), 'hello\n');
  assert.deepEqual(
    { requests: traffic.requests - before.requests, bytes: traffic.bytes - before.bytes },
    { requests: 1, bytes: 6 },
  );
  assert.ok((await read(filesystem, '/large')).equals(noise(LARGE, 1)));
  assert.equal(traffic.requests - before.requests, 1 + 3, 'neighbouring chunks go together, 8 MiB at a time');
});

test('a damaged chunk is refused before a byte of it comes out', async () => {
  const store = await converted(sourceImage([base, top]));
  const damaged = withBytes(store, 0, flip(9_000_000));
  const { filesystem } = await look(damaged);
  const { node, path } = lookup(filesystem.root, pathFromText('/large'), { follow: true });
  assert.equal(node.inode.kind, 'file');
  let good = 0;
  await assert.rejects(async () => {
    for await (const bytes of filesystem.open(node.inode as typeof node.inode & { kind: 'file' }, path, {}))
      // asserted above
      good += bytes.length;
  }, ContentMismatchError);
  assert.equal(good, 8 * 1024 * 1024, 'what came before was sound');
  assert.equal((await read(filesystem, '/etc/motd')).toString(), 'hello\n');
});

test('of an ordinary image only the layers down to the one that decides are pulled', async () => {
  const source = sourceImage([base, top]);
  const sizes = manifestOf(source).layers.map(({ size }) => size);
  const path = pathFromText('/motd');
  const { filesystem, traffic } = await look(source, { path });
  assert.ok(traffic.bytes < (sizes[0] ?? 0), `${traffic.bytes} bytes, and the lower layer has ${sizes[0]}`);
  assert.equal((await read(filesystem, '/motd')).toString(), 'hello\n');
  // A name that the upper layer does not have takes all of them.
  const all = await look(source, { path: pathFromText('/etc/os-release') });
  assert.ok(all.traffic.bytes > (sizes[0] ?? 0));
  assert.equal((await read(all.filesystem, '/etc/os-release')).toString(), 'NAME=base\n');
});

test('files of ordinary images are read whatever their layers are compressed with', async () => {
  const zstd = await compress(base, 3);
  assert.ok(zstd !== undefined);
  for (const [type, bytes] of [
    ['application/vnd.oci.image.layer.v1.tar', base],
    ['application/vnd.oci.image.layer.v1.tar+zstd', zstd],
  ] as const) {
    const store = new MemoryStore();
    const config = store.putJson('application/vnd.oci.image.config.v1+json', {
      os: 'linux',
      architecture: 'amd64',
      rootfs: { type: 'layers', diff_ids: [] },
    });
    const mediaType = 'application/vnd.oci.image.manifest.v1+json';
    store.root = store.putJson(mediaType, {
      schemaVersion: 2,
      mediaType,
      config,
      layers: [store.put(type, bytes)],
    });
    const { filesystem } = await look(store);
    assert.ok((await read(filesystem, '/large')).equals(noise(LARGE, 1)), type);
    assert.equal((await read(filesystem, '/etc/os-release')).toString(), 'NAME=base\n');
  }
});

test('sparse files of GNU tar are read with their holes, whatever their headers look like', async () => {
  // Format 1.0 of GNU tar: a map of the data, padded to 512 bytes, and then the data.
  const sparse = (name: string, data: Uint8Array, realSize: number): TarEntry => {
    const map = Buffer.alloc(512);
    map.write(`1\n${realSize - data.length}\n${data.length}\n`);
    return entry('0', `GNUSparseFile.0/${name}`, {
      data: Buffer.concat([map, data]),
      pax: [
        ['GNU.sparse.major', '1'],
        ['GNU.sparse.minor', '0'],
        ['GNU.sparse.name', name],
        ['GNU.sparse.realsize', String(realSize)],
      ],
    });
  };
  const data = Buffer.from(noise(1024, 5));
  const holes = (realSize: number): Buffer => Buffer.concat([Buffer.alloc(realSize - data.length), data]);
  // The second takes as many bytes in the archive as in the file.
  const tar = layer(file('before', 'b'), sparse('long', data, 3_000_000), sparse('same', data, 512 + 1024));
  const source = sourceImage([tar]);
  for (const store of [source, await converted(source)]) {
    const { filesystem } = await look(store);
    assert.ok((await read(filesystem, '/long')).equals(holes(3_000_000)));
    assert.ok((await read(filesystem, '/same')).equals(holes(512 + 1024)));
    assert.equal((await read(filesystem, '/before')).toString(), 'b');
  }
});

test('an image and the Nydus image made from it have the same files; another version tells what differs', async () => {
  const source = sourceImage([base, top]);
  const [old, plain] = [await look(await converted(source)), await look(source)];
  assert.deepEqual([...diffFiles(plain.filesystem, old.filesystem, { times: true })], []);

  const next = sourceImage([
    base,
    layer(dir('etc'), file('etc/motd', 'goodbye\n'), file('etc/new', 'n'), file('copy', noise(1_000_000, 2))),
  ]);
  const second = await look(await converted(next));
  const changes = [...diffFiles(old.filesystem, second.filesystem, { times: true })].map(
    ({ path, change, attributes }) => [change, path, ...attributes.map(({ what }) => what)],
  );
  assert.deepEqual(changes, [
    ['added', 'copy'],
    ['added', 'etc/gone'],
    ['changed', 'etc/motd', 'size'],
    ['removed', 'etc/motd.link'],
    ['added', 'etc/new'],
    ['removed', 'motd'],
  ]);
  const cost = downloadCost(old.filesystem, second.filesystem);
  assert.equal(cost.unit, 'chunk');
  // The base's blob is there already, but for the byte of a file that the first image had deleted.
  assert.equal(cost.download.count, 1 + 3);
  assert.equal(cost.download.bytes, 1 + 1_000_000 + 8 + 1);
  assert.ok(cost.total.bytes > LARGE);
  const layers = downloadCost(second.filesystem, plain.filesystem);
  assert.equal(layers.unit, 'layer');
  assert.equal(layers.download.bytes, layers.total.bytes);
});

test('images with other chunk sizes, or digested otherwise, are compared by reading their files', async () => {
  const odd = (seed: number): Buffer => Buffer.from(noise(200_001, seed));
  const changed = odd(4);
  changed[150_000] = (changed[150_000] ?? 0) ^ 1;
  const files = (last: Buffer): Buffer =>
    layer(
      file('same', odd(3)),
      file('empty', ''),
      file('odd', last),
      hardlink('other-name', 'odd'),
      ...Array.from({ length: 50 }, (_, i) => file(`small${i}`, noise(100 + i, i))),
    );
  const source = sourceImage([files(odd(4))]);
  const old = await look(await converted(source));
  for (const [image, expected] of [
    [source, []],
    [sourceImage([files(changed)]), ['odd', 'other-name']],
  ] as const) {
    const { filesystem, traffic } = await look(await converted(image, { chunkSize: 0x1_0000 }));
    const before = traffic.requests;
    assert.equal(contentsComparable(old.filesystem, filesystem), false);
    assert.throws(() => [...diffFiles(old.filesystem, filesystem, { times: true })], UsageError);
    for (const [first, second] of [
      [old.filesystem, filesystem],
      [filesystem, old.filesystem],
      [await digestedWithSha256(old.filesystem), filesystem],
    ] as const) {
      const contents = await readContents(first, second, {});
      const changes = [...diffFiles(first, second, { times: true, contents })];
      assert.deepEqual(
        changes.map(({ path, attributes }) => [path, ...attributes.map(({ what }) => what)]),
        expected.map((path) => [path, 'content']),
      );
    }
    assert.ok(
      traffic.requests - before <= 4,
      `${traffic.requests - before}: files that lie together go together`,
    );
  }
  assert.ok(old.filesystem instanceof NydusFilesystem);
  const alone = new NydusFilesystem(old.filesystem.bootstrap, undefined);
  const other = await digestedWithSha256(old.filesystem, alone);
  await assert.rejects(readContents(alone, other, {}), UsageError);
});

/** A copy of `filesystem`, whose contents it reads, that names the same chunks by other digests. */
async function digestedWithSha256(
  filesystem: Filesystem,
  base: Filesystem = filesystem,
): Promise<Filesystem> {
  const digests = new Map<ChunkRef, Buffer>();
  for (const { node } of walk(filesystem.root)) {
    if (node.inode.kind !== 'file') continue;
    const bytes = await collect(filesystem.open(node.inode, '' as RawPath, {}), 1e9, 'file'); // only for messages
    let at = 0;
    for (const ref of node.inode.chunks) {
      const end = at + filesystem.chunk(ref).record.uncompressedSize;
      digests.set(ref, createHash('sha256').update(bytes.subarray(at, end)).digest());
      at = end;
    }
  }
  return {
    kind: base.kind,
    image: undefined,
    root: base.root,
    chunkSize: base.chunkSize,
    digester: 'sha256',
    chunk: (ref) => {
      const { record } = base.chunk(ref);
      return {
        record: { ...record, crc32: undefined, digest: digests.get(ref) ?? record.digest },
        layer: undefined,
      };
    },
    chunkKey: (ref) => base.chunkKey(ref),
    open: (inode, path, call) => base.open(inode, path, call),
  };
}
