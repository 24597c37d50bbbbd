/** Files of images whose chunks stay in gzip layers are read by range from these layers. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { ContentMismatchError, FormatError, RegistryError } from '../../../src/errors.js';
import { NydusFilesystem } from '../../../src/look/nydus.js';
import { openFilesystem } from '../../../src/look/open.js';
import { sha256 } from '../../../src/oci/digest.js';
import { ANNOTATION, MEDIA } from '../../../src/oci/media-types.js';
import type { RawPath } from '../../../src/oci/raw-name.js';
import { rafsBlobOf, type TreeNode } from '../../../src/rafs-builder/model/tree.js';
import { converted, flip, manifestOf, sourceImage } from '../../support/images/memory-conversion.js';
import { file, layer } from '../../support/images/tar.js';
import { MemoryStore } from '../../support/registries/memory-store.js';

const words = (seed: number, count: number): string =>
  Array.from({ length: count }, (_, i) => `word${Math.imul(i + 1, seed) >>> 20}`).join(' ');
const CONTENTS = new Map(
  Array.from({ length: 40 }, (_, i) => [`file-${i}`, words(40_503 + i, 300 + 40 * i)] as const),
);
const TAR = layer(...Array.from(CONTENTS, ([name, text]) => file(name, text)));
const REFERRING = { ociRef: 'zran', zranSpan: 64 << 10, chunkSize: 0x4000 } as const;

async function opened(target: MemoryStore): Promise<NydusFilesystem> {
  const filesystem = await openFilesystem(target);
  assert.ok(filesystem instanceof NydusFilesystem);
  return filesystem;
}

async function read(filesystem: NydusFilesystem, names: Iterable<string>): Promise<string> {
  const files = Array.from(names, (name) => {
    const node: TreeNode | undefined = [...(filesystem.root.children ?? [])].find(
      ([own]) => own === name,
    )?.[1];
    if (node?.inode.kind !== 'file') assert.fail(name);
    return { file: node.inode, path: name as RawPath };
  });
  const pieces: Uint8Array[] = [];
  for await (const piece of filesystem.openAll(files, {})) pieces.push(piece);
  return Buffer.concat(pieces).toString();
}

test('files are read in any order, of members, blocks and plain tars', async () => {
  const names = [...CONTENTS.keys()];
  const scattered = names.toSorted((a, b) => sha256(Buffer.from(a)).localeCompare(sha256(Buffer.from(b))));
  const members = [0, 30_000, 99_999, TAR.length].map((end, i, ends) => TAR.subarray(ends[i - 1] ?? 0, end));
  const shapes = [
    gzipSync(TAR),
    gzipSync(TAR, { level: 0 }),
    TAR,
    Buffer.concat(members.map((one) => gzipSync(one))),
  ];
  for (const bytes of shapes) {
    for (const ociRef of ['zran', 'upstream'] as const) {
      const source = sourceImage([TAR]);
      const { config } = manifestOf(source);
      source.root = source.putJson(MEDIA.ociManifest, {
        schemaVersion: 2,
        mediaType: MEDIA.ociManifest,
        config,
        layers: [source.put(MEDIA.ociLayerGzip, bytes)],
      });
      const filesystem = await opened(await converted(source, { ...REFERRING, ociRef }));
      for (const order of [names, scattered]) {
        const wanted = order.map((name) => CONTENTS.get(name)).join('');
        assert.ok((await read(filesystem, order)) === wanted, `${bytes.length} bytes, ${ociRef}`);
      }
    }
  }
});

test('a small file costs the table of contexts, once, and one stretch of the layer', async () => {
  const target = await converted(sourceImage([TAR]), REFERRING);
  const [blob] = manifestOf(target).layers;
  const original = blob?.annotations?.[ANNOTATION.nydusRef];
  const fetched: [string, number][] = [];
  const counting = MemoryStore.copyOf(target);
  const fetch = counting.fetch.bind(counting);
  counting.fetch = (descriptor, call) => {
    fetched.push([descriptor.digest, (call?.range?.end ?? descriptor.size) - (call?.range?.start ?? 0)]);
    return fetch(descriptor, call);
  };
  const filesystem = await opened(counting);
  fetched.length = 0;
  assert.equal(await read(filesystem, ['file-20']), CONTENTS.get('file-20'));
  assert.deepEqual(
    fetched.map(([digest]) => digest),
    [blob?.digest, original],
  );
  fetched.length = 0;
  assert.equal(await read(filesystem, ['file-21']), CONTENTS.get('file-21'));
  assert.deepEqual(
    fetched.map(([digest]) => digest),
    [original],
  );
  assert.ok((fetched[0]?.[1] ?? 0) < gzipSync(TAR).length, 'a part of the layer');
});

test('a layer that is gone, damaged or shorter is an error that names it', async () => {
  const target = await converted(sourceImage([TAR]), REFERRING);
  const key = [...target.content.keys()].find(
    (digest) => digest === manifestOf(target).layers[0]?.annotations?.[ANNOTATION.nydusRef],
  );
  if (key === undefined) assert.fail();
  const whole = Buffer.from(target.content.get(key) ?? []);
  const damaged = Buffer.from(whole);
  for (let at = 100; at < damaged.length - 8; at += 50) flip(at)(damaged);
  for (const [bytes, error] of [
    [undefined, RegistryError],
    [damaged, ContentMismatchError],
    [whole.subarray(0, 50), Error],
  ] as const) {
    const copy = MemoryStore.copyOf(target);
    if (bytes === undefined) copy.content.delete(key);
    else copy.content.set(key, bytes);
    await assert.rejects(
      read(await opened(copy), CONTENTS.keys()),
      (cause) => cause instanceof error && cause.message.includes(key.slice(7, 20)),
    );
  }
});

test('an image without its RAFS blob shows its tree, and says what is missing when a file is read', async () => {
  const target = await converted(sourceImage([TAR]), REFERRING);
  const filesystem = await opened(target);
  const id = rafsBlobOf(filesystem.bootstrap.blobs[0]?.record ?? assert.fail());
  const copy = MemoryStore.copyOf(target);
  const manifest = manifestOf(copy);
  copy.root = copy.putJson(MEDIA.ociManifest, { ...manifest, layers: manifest.layers.slice(-1) });
  const bare = await opened(copy);
  assert.equal(bare.root.children?.size, CONTENTS.size);
  await assert.rejects(
    read(bare, ['file-1']),
    (cause) => cause instanceof FormatError && cause.message.includes(id),
  );
});
