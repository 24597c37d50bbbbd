/**
 * Bootstraps and blobs of a hostile image. What `ls` and `cat` give is what the image's own clients would see, byte for byte, or one
 * sentence; and `check` calls the image bad.
 */
import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { checkImage } from '../../../src/check/check.js';
import { InternalError, NydusError } from '../../../src/errors.js';
import { readBootstrapLayer } from '../../../src/image/bootstrap-layer.js';
import { collect, contentOf } from '../../../src/io/streams.js';
import { lookup, pathFromText } from '../../../src/look/lookup.js';
import { openFilesystem } from '../../../src/look/open.js';
import * as v6 from '../../../src/rafs-builder/layout/v6.js';
import { readV6 } from '../../../src/rafs-builder/read/v6/read.js';
import { noise } from '../../support/images/opaque-image.js';
import {
  converted,
  manifestOf,
  respelled,
  sourceImage,
  withBootstrapTar,
  withBytes,
} from '../../support/images/memory-conversion.js';
import { dir, entry, file, hardlink, layer, symlink, type TarItem } from '../../support/images/tar.js';
import type { MemoryStore } from '../../support/registries/memory-store.js';

const CONTENT = Buffer.from(noise(100_000, 5));

/** Patches a bootstrap in place. */
type Patch = (bytes: Buffer, at: Places) => void;

interface Places {
  readonly extended: number;
  readonly blob: number;
  readonly chunk: number;
  /** A directory entry of the root, and the first name of the root's block. */
  readonly row: number;
  readonly inode: number;
}

const EXT = v6.extendedSuperBlock.offset;
const BLOB = v6.blobEntry.offset;
const CHUNK = v6.chunkInfo.offset;

const PATCHES: Readonly<Record<string, Patch>> = {
  'a blob whose id is a path': (bytes, { blob }) => {
    bytes
      .fill(0, blob + BLOB.blobId, blob + BLOB.blobId + 64)
      .write('../../../../../../etc/passwd', blob + BLOB.blobId);
  },
  'a blob that the manifest does not list': (bytes, { blob }) => {
    bytes.write('f'.repeat(64), blob + BLOB.blobId);
  },
  'a blob of 4 billion chunks': (bytes, { blob }) => {
    bytes.writeUInt32LE(0xffff_ffff, blob + BLOB.chunkCount);
  },
  'a chunk of a blob that is not in the table': (bytes, { chunk }) => {
    bytes.writeUInt32LE(77, chunk + CHUNK.blobIndex);
  },
  'a chunk behind the end of its blob': (bytes, { chunk }) => {
    bytes.writeBigUInt64LE(1n << 40n, chunk + CHUNK.compressedOffset);
  },
  'a chunk whose place no number holds': (bytes, { chunk }) => {
    bytes.writeBigUInt64LE(0xffff_ffff_ffff_ff00n, chunk + CHUNK.compressedOffset);
  },
  'a chunk of 4 GiB': (bytes, { chunk }) => {
    bytes.writeUInt32LE(0xffff_ffff, chunk + CHUNK.uncompressedSize);
  },
  'a chunk that is longer than the file': (bytes, { chunk }) => {
    bytes.writeUInt32LE(CONTENT.length + 1, chunk + CHUNK.uncompressedSize);
  },
  'a chunk with the digest of other content': (bytes, { chunk }) => {
    bytes.fill(0xee, chunk + CHUNK.digest, chunk + CHUNK.digest + 32);
  },
  'a blob table over the super block': (bytes, { extended }) => {
    bytes.writeBigUInt64LE(1024n, extended + EXT.blobTableOffset);
  },
  'a blob table behind the end': (bytes, { extended }) => {
    bytes.writeBigUInt64LE(1n << 50n, extended + EXT.blobTableOffset);
  },
  'a chunk table over the inodes': (bytes, { extended }) => {
    bytes.writeBigUInt64LE(4096n, extended + EXT.chunkTableOffset);
  },
  'a chunk table of 2^60 bytes': (bytes, { extended }) => {
    bytes.writeBigUInt64LE(1n << 60n, extended + EXT.chunkTableSize);
  },
  'a name with a slash': (bytes) => {
    rename(bytes, 'plain', 'p/ain');
  },
  'a name with a NUL': (bytes) => {
    rename(bytes, 'plain', 'p\0ain');
  },
  'two entries with one name': (bytes) => {
    rename(bytes, 'plain', 'other');
  },
  'an entry called ".." that is a file': (bytes) => {
    rename(bytes, '..pad', '..\0\0\0');
  },
  'an entry that leads behind the end of the file': (bytes, { row }) => {
    bytes.writeBigUInt64LE(1n << 44n, row);
  },
  'a folder inside itself': (bytes, { row }) => {
    bytes.writeBigUInt64LE(BigInt(v6.ROOT_NID), row);
  },
  'a file of 2^62 bytes': (bytes, { inode }) => {
    bytes.writeBigUInt64LE(1n << 62n, inode + 8);
  },
};

function rename(bytes: Buffer, from: string, to: string): void {
  const at = bytes.indexOf(from);
  assert.ok(at > 0, `${from} is in the bootstrap`);
  bytes.write(to, at, 'latin1');
}

const TARS: Readonly<Record<string, (boot: Buffer) => readonly TarItem[]>> = {
  'a bootstrap layer with a file out of its folder': (boot) => [
    file('image/image.boot', boot),
    file('../../etc/cron.d/x', 'x'),
  ],
  'a bootstrap layer with a file that leads out in the middle': (boot) => [
    file('image/image.boot', boot),
    file('image/../../x', 'x'),
  ],
  'a bootstrap that is a link to a file of the machine': () => [
    dir('image'),
    symlink('image/image.boot', '/etc/passwd'),
  ],
  'a bootstrap that is a hard link, a device or a pipe': () => [
    dir('image'),
    hardlink('image/image.boot', 'etc/passwd'),
    entry('3', 'image.boot', { major: 1, minor: 5 }),
    entry('6', 'image/image.boot'),
  ],
  'a bootstrap layer that gives its bootstrap twice': (boot) => [
    file('image/image.boot', boot),
    file('image/image.boot', 'evil'),
  ],
  'a bootstrap layer with records named like the members of every object': () => [
    dir('image'),
    file('image/image.boot', 'x', {
      pax: [
        ['__proto__', 'x'],
        ['constructor', 'y'],
        ['toString', 'z'],
      ],
    }),
  ],
};

const BLOBS: Readonly<Record<string, (store: MemoryStore) => MemoryStore>> = {
  'a blob with other bytes at the place of a chunk': (store) =>
    withBytes(store, 0, (bytes) => {
      bytes.fill(0x41, 100, 5000);
      return bytes;
    }),
  'a blob that is shorter than the manifest says': (store) =>
    withBytes(store, 0, (bytes) => bytes.subarray(0, 50)),
  'a manifest that lists another blob in the place of the one that is used': (store) =>
    respelled(store, (manifest, _config, copy) => {
      const other = copy.put(manifest.layers[0]?.mediaType ?? '', noise(2_000, 9));
      manifest.layers[0] = { ...manifest.layers[0], ...other };
    }),
};

/** Everything that the looking commands read; throws what they throw. */
async function look(store: MemoryStore): Promise<Buffer> {
  const filesystem = await openFilesystem(store, {});
  const { node, path } = lookup(filesystem.root, pathFromText('/d/content'), { follow: true });
  assert.equal(node.inode.kind, 'file');
  return collect(filesystem.open(node.inode, path, {}), 2 ** 30, 'content');
}

describe('a hostile bootstrap or blob', { concurrency: true }, () => {
  let image: MemoryStore;
  let boot: Buffer;
  let places: Places;
  before(async () => {
    const tar = layer(
      dir('d'),
      file('d/content', CONTENT),
      file('plain', 'p'),
      file('other', 'o'),
      file('..pad', 'x'),
      dir('z'),
    );
    image = await converted(sourceImage([tar]), { compressor: 'zstd' });
    const last = manifestOf(image).layers.at(-1);
    const bytes = image.content.get(last?.digest ?? assert.fail()) ?? assert.fail();
    const read = await readBootstrapLayer(contentOf(bytes).open());
    boot = read.files.get('image/image.boot') ?? assert.fail();
    assert.ok(gunzipSync(bytes).length > boot.length);
    const { inodes } = readV6(boot);
    const all = [...inodes.values()];
    const root = all.find(({ path }) => path === '') ?? assert.fail();
    const extended = v6.EXTENDED_SUPER_OFFSET;
    const offsets = v6.extendedSuperBlock.read(boot, extended);
    places = {
      extended,
      blob: offsets.blobTableOffset,
      chunk: offsets.chunkTableOffset,
      row: (root.rows.find(({ name }) => name === 'z') ?? assert.fail()).offset,
      inode: (all.find(({ path }) => path === 'd/content') ?? assert.fail()).offset,
    };
    assert.ok((await look(image)).equals(CONTENT));
  });

  /** The content is right or there is one sentence, and a check finds a fault. */
  const judged = async (store: MemoryStore): Promise<void> => {
    const outcome = await look(store).catch((error: unknown) => error);
    if (outcome instanceof Error)
      assert.ok(outcome instanceof NydusError && !(outcome instanceof InternalError), String(outcome));
    else assert.ok(Buffer.isBuffer(outcome) && outcome.equals(CONTENT), 'the content is right');
    const { verdict } = await checkImage({ target: store });
    assert.equal(verdict, 'bad');
  };

  for (const [attack, patch] of Object.entries(PATCHES)) {
    test(attack, { timeout: 20_000 }, async () => {
      const bytes = Buffer.from(boot);
      patch(bytes, places);
      assert.ok(!bytes.equals(boot));
      await judged(withBootstrapTar(image, layer(dir('image'), file('image/image.boot', bytes))));
    });
  }
  for (const [attack, items] of Object.entries(TARS)) {
    test(attack, { timeout: 20_000 }, async () => {
      await judged(withBootstrapTar(image, layer(...items(boot))));
      assert.equal(({} as Record<string, unknown>)['x'], undefined);
    });
  }
  for (const [attack, spoil] of Object.entries(BLOBS)) {
    test(attack, { timeout: 20_000 }, async () => {
      await judged(spoil(image));
    });
  }
  test('links of the image that lead out of it, or in a circle', async () => {
    const store = await converted(
      sourceImage([
        layer(
          dir('etc'),
          file('etc/passwd', 'of the image'),
          symlink('up', '../../../../etc/passwd'),
          symlink('abs', '/etc/passwd'),
          symlink('a', 'b'),
          symlink('b', 'a'),
        ),
      ]),
    );
    const { root } = await openFilesystem(store, {});
    for (const name of ['up', 'abs'])
      assert.equal(lookup(root, pathFromText(`/${name}`), { follow: true }).path, 'etc/passwd');
    assert.throws(() => lookup(root, pathFromText('/a'), { follow: true }), NydusError);
  });
});
