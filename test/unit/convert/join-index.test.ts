/** Nydus images that are added to what the target's tag holds: everything else stays, and no other writer's work is lost. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { convertImage, type ConvertResult } from '../../../src/convert/convert.js';
import type { ConvertOptions } from '../../../src/convert/options.js';
import { RegistryError, UnsupportedError } from '../../../src/errors.js';
import { collect } from '../../../src/io/streams.js';
import type { Descriptor } from '../../../src/oci/descriptor.js';
import { type Index, parseIndex } from '../../../src/oci/manifest.js';
import { ANNOTATION, MEDIA } from '../../../src/oci/media-types.js';
import { parsePlatforms } from '../../../src/oci/platform.js';
import { anonymous } from '../../../src/registry/auth/credentials.js';
import { openSource, openTarget } from '../../../src/registry/open.js';
import type { ImageSource, ImageTarget } from '../../../src/registry/stores/store.js';
import { OCI, putImage } from '../../support/images/memory-conversion.js';
import { file, layer } from '../../support/images/tar.js';
import { type Json, MemoryStore } from '../../support/registries/memory-store.js';
import { QUICK_DISK, tempFolder } from '../../support/temp-folder.js';

const tar = (text: string): Uint8Array => layer(file(text, text.repeat(500)));
const AMD = parsePlatforms('linux/amd64');
const ARM = parsePlatforms('linux/arm64');

/** A store whose tag holds an index of two images, an attestation and an artifact, in an order of its own. */
function multi(): MemoryStore {
  const store = new MemoryStore('memory.test/app:1');
  const amd = putImage(store, [tar('amd')], { family: OCI, architecture: 'amd64' });
  const arm = putImage(store, [tar('arm')], { family: OCI, architecture: 'arm64' });
  const other = store.putJson(MEDIA.ociManifest, {
    schemaVersion: 2,
    mediaType: MEDIA.ociManifest,
    artifactType: 'application/x-kept',
    config: store.put(MEDIA.ociEmpty, Buffer.from('{}')),
    layers: [],
  });
  store.root = store.putJson(MEDIA.ociIndex, {
    schemaVersion: 2,
    mediaType: MEDIA.ociIndex,
    manifests: [
      { ...other, platform: { os: 'unknown', architecture: 'unknown' }, 'x-kept': 1 },
      { ...arm, platform: { os: 'linux', architecture: 'arm64' }, annotations: { who: 'arm' } },
      { ...amd, platform: { os: 'linux', architecture: 'amd64' } },
      { ...other, artifactType: 'application/x-kept' },
    ],
    'x-index': [null],
  });
  return store;
}

/** A target whose tag is not there yet. */
function absent(): MemoryStore & ImageTarget {
  const store = new MemoryStore('memory.test/new:1');
  store.resolve = () => Promise.resolve(store.root as Descriptor); // a target may resolve to undefined
  return store;
}

const joined = (
  source: ImageSource,
  target: ImageTarget,
  options: Partial<ConvertOptions> = {},
): Promise<ConvertResult> =>
  convertImage({ source, target }, { mergeIntoTarget: true, threads: 1, ...options });

async function indexOf(store: Pick<ImageSource, 'fetch'>, root: Descriptor | undefined): Promise<Index> {
  assert.ok(root !== undefined);
  return parseIndex(await collect(store.fetch(root), 1e6, 'index'));
}

const kinds = ({ manifests }: Index): string[] =>
  manifests.map(({ platform, artifactType }) =>
    [platform?.architecture ?? '-', artifactType === MEDIA.nydusArtifact ? 'nydus' : 'other'].join(' '),
  );

test('Nydus entries stand behind the images; all other entries and members stay as they were', async () => {
  const store = multi();
  const before = await indexOf(store, store.root);
  const result = await joined(store, store, { platforms: AMD });
  const after = await indexOf(store, store.root);
  assert.deepEqual(kinds(after), ['unknown other', 'arm64 other', 'amd64 other', 'amd64 nydus', '- other']);
  assert.deepEqual(
    after.manifests.filter(({ artifactType }) => artifactType !== MEDIA.nydusArtifact).map(({ raw }) => raw),
    before.manifests.map(({ raw }) => raw),
  );
  assert.deepEqual(after.raw['x-index'], [null]);
  assert.equal(result.root.digest, store.root?.digest);
  assert.equal(result.kept.length, 3);
  const both = await joined(store, store, { platforms: ARM });
  assert.deepEqual(kinds(await indexOf(store, both.root)).slice(3), [
    'amd64 nydus',
    'arm64 nydus',
    '- other',
  ]);
  for (const platforms of [AMD, ARM]) {
    const again = await joined(store, store, { platforms });
    assert.deepEqual([again.unchanged, again.root.digest], [true, both.root.digest]);
  }
  const other = await joined(store, store, { platforms: AMD, compressor: 'none' });
  const replaced = await indexOf(store, other.root);
  assert.deepEqual(kinds(replaced), kinds(await indexOf(store, both.root)));
  assert.notEqual(replaced.manifests[3]?.digest, (await indexOf(store, both.root)).manifests[3]?.digest);
});

test('a tag that holds the image alone becomes an index of both; a tag that is not there, a merged index', async () => {
  const source = multi();
  const index = await indexOf(source, source.root);
  const alone = new MemoryStore('memory.test/alone:1');
  for (const [digest, bytes] of source.content) alone.content.set(digest, bytes);
  alone.root = index.manifests[2];
  await joined(source, alone, { platforms: AMD });
  const made = await indexOf(alone, alone.root);
  assert.deepEqual(kinds(made), ['amd64 other', 'amd64 nydus']);
  assert.equal(made.manifests[0]?.digest, index.manifests[2]?.digest);
  const [fresh, merged] = [absent(), absent()];
  await joined(source, fresh, { platforms: AMD });
  await convertImage({ source, target: merged }, { mergePlatform: true, platforms: AMD, threads: 1 });
  assert.equal(fresh.root?.digest, merged.root?.digest);
  // What `--merge-platform` has made is its own fixed point, with its original that has a layer of its own.
  const again = await joined(source, fresh, { platforms: AMD });
  assert.ok(again.unchanged);
  await joined(source, fresh, { platforms: ARM });
  assert.deepEqual(kinds(await indexOf(fresh, fresh.root)), [
    'amd64 other',
    'arm64 other',
    'amd64 nydus',
    'arm64 nydus',
  ]);
});

test('another image in the place of the original is refused before anything is pushed', async () => {
  const source = multi();
  const target = new MemoryStore('memory.test/other:1');
  target.root = putImage(target, [tar('another')], { family: OCI, architecture: 'amd64' });
  const [before, held] = [target.root, target.content.size];
  await assert.rejects(
    joined(source, target, { platforms: AMD }),
    (error: unknown) =>
      error instanceof UnsupportedError &&
      /holds another image for linux\/amd64, sha256:/.test(error.message),
  );
  assert.deepEqual([target.root, target.content.size], [before, held]);
  // For a platform that the target lacks both halves are added.
  await joined(source, target, { platforms: ARM });
  assert.deepEqual(kinds(await indexOf(target, target.root)), ['amd64 other', 'arm64 other', 'arm64 nydus']);
});

test('of several images of one platform each keeps its own Nydus image', async () => {
  const store = new MemoryStore('memory.test/app:1');
  const entries: Json[] = ['one', 'two'].map((text) => ({
    ...putImage(store, [tar(text)], { family: OCI, architecture: 'amd64' }),
    platform: { os: 'linux', architecture: 'amd64' },
  }));
  store.root = store.putJson(MEDIA.ociIndex, {
    schemaVersion: 2,
    mediaType: MEDIA.ociIndex,
    manifests: entries,
  });
  const only = (entry: Json | undefined): MemoryStore => {
    const single = MemoryStore.copyOf(store);
    single.root = entry as unknown as Descriptor;
    return single;
  };
  for (const entry of entries) await joined(only(entry), store);
  const nydus = (await indexOf(store, store.root)).manifests.slice(2);
  const sources = await Promise.all(
    nydus.map(async (descriptor) => {
      const json = JSON.parse(String(await collect(store.fetch(descriptor), 1e6, 'manifest'))) as Json;
      return (json['annotations'] as Json)[ANNOTATION.nydusSourceDigest];
    }),
  );
  assert.deepEqual(
    sources,
    entries.map(({ digest }) => digest),
  );
});

test('a writer that comes before or after the tag is set loses nothing, and one that never ends is an error', async () => {
  const store = multi();
  await joined(store, store, { platforms: AMD });
  const withAmd = store.root;
  const late = multi();
  for (const [digest, bytes] of store.content) late.content.set(digest, bytes);
  // Between reading and setting the tag another client adds its image.
  late.onTag = () => {
    late.onTag = () => undefined;
    late.root = withAmd;
  };
  await joined(late, late, { platforms: ARM });
  assert.ok(kinds(await indexOf(late, late.root)).includes('amd64 nydus'));
  // Another client that has read before sets the tag afterwards.
  const lost = MemoryStore.copyOf(late);
  lost.root = multi().root;
  const tag = lost.tag.bind(lost);
  let isFirst = true;
  lost.tag = async (manifest, bytes, options) => {
    await tag(manifest, bytes, options);
    if (isFirst) lost.root = withAmd;
    isFirst = false;
  };
  await joined(lost, lost, { platforms: ARM });
  assert.deepEqual(kinds(await indexOf(lost, lost.root)), kinds(await indexOf(late, late.root)));
  const restless = MemoryStore.copyOf(late);
  restless.root = multi().root;
  let count = 0;
  restless.onTag = () => {
    restless.root = restless.putJson(MEDIA.ociIndex, { ...multiJson(restless), 'x-count': count++ });
  };
  await assert.rejects(
    joined(restless, restless, { platforms: ARM }),
    (error: unknown) => error instanceof RegistryError && /by other clients 20 times/.test(error.message),
  );
});

function multiJson(store: MemoryStore): Json {
  const { root } = multi();
  return JSON.parse(String(Buffer.from(store.content.get(root?.digest ?? ('' as never)) ?? []))) as Json;
}

test('layouts and archives keep what they hold, too', async (t) => {
  const folder = await tempFolder(t, QUICK_DISK);
  const open = { credentials: anonymous };
  const source = multi();
  for (const place of [`oci:${join(folder, 'layout')}:v`, `oci-archive:${join(folder, 'a.tar')}:v`]) {
    for (const platforms of [AMD, ARM, AMD]) {
      await using target = openTarget(place, open);
      await joined(source, target, { platforms });
    }
    await using written = openSource(place, open);
    const index = await indexOf(written, await written.resolve());
    assert.deepEqual(kinds(index), ['amd64 other', 'arm64 other', 'amd64 nydus', 'arm64 nydus']);
    for (const entry of index.manifests) assert.ok(await written.exists(entry), place);
  }
});
