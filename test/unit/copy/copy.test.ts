/** Copies between all kinds of stores keep every byte, and nothing is tagged before it is whole. */
import assert from 'node:assert/strict';
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { checkImage } from '../../../src/check/check.js';
import { convertImage } from '../../../src/convert/convert.js';
import { compareCopy } from '../../../src/copy/compare.js';
import { type CopyOptions, copyImage, type CopyResult } from '../../../src/copy/copy.js';
import { RegistryError, UsageError } from '../../../src/errors.js';
import { collect } from '../../../src/io/streams.js';
import type { Descriptor } from '../../../src/oci/descriptor.js';
import { digestHex } from '../../../src/oci/digest.js';
import { parseIndex, parseManifest } from '../../../src/oci/manifest.js';
import { MEDIA } from '../../../src/oci/media-types.js';
import { parsePlatforms } from '../../../src/oci/platform.js';
import { anonymous } from '../../../src/registry/auth/credentials.js';
import { openSource, openTarget } from '../../../src/registry/open.js';
import { listReferrers } from '../../../src/registry/stores/store.js';
import { type BuiltImage, buildIndex, putImage } from '../../support/images/image-builder.js';
import { AMD64, ARM64, artifact, NYDUS, ODD_INDEX, referrerOf } from '../../support/images/odd-index.js';
import { MemoryStore } from '../../support/registries/memory-store.js';
import { answer, observedRegistry, options } from '../../support/registries/observed-registry.js';
import { QUICK_DISK, tempFolder } from '../../support/temp-folder.js';

async function copy(from: string, to: string, given: Partial<CopyOptions> = {}): Promise<CopyResult> {
  await using source = openSource(from, options);
  await using target = openTarget(to, options);
  return await copyImage({ source, target }, given);
}

async function differences(from: string, to: string, given: Partial<CopyOptions> = {}): Promise<string[]> {
  await using source = openSource(from, options);
  await using target = openSource(to, options);
  const { differences: found } = await compareCopy({ source, target }, given);
  return found.map(({ kind, digest }) => `${kind} ${digest}`);
}

async function put(to: string, image: BuiltImage): Promise<string> {
  await using target = openTarget(to, { credentials: anonymous });
  await putImage(target, image);
  return to;
}

async function places(t: TestContext): Promise<(name: string) => readonly string[]> {
  const { host } = await observedRegistry(t);
  const folder = await tempFolder(t, QUICK_DISK);
  return (name) => [
    `${host}/${name}:v`,
    `oci:${join(folder, name)}:v`,
    `oci-archive:${join(folder, `${name}.tar`)}:v`,
  ];
}

test('an index with all that an index may list keeps every byte, from each kind of store into each', async (t) => {
  const at = await places(t);
  const sources = await Promise.all(at('from').map((location) => put(location, ODD_INDEX)));
  for (const [i, from] of sources.entries()) {
    for (const to of at(`to-${i}`)) {
      const { root, contents, unchanged } = await copy(from, to);
      assert.equal(root.digest, ODD_INDEX.root.descriptor.digest);
      assert.equal(unchanged, false);
      assert.deepEqual(await differences(from, to), []);
      const outcomes = new Map(contents.map(({ digest, outcome }) => [digest, outcome]));
      for (const { descriptor } of ODD_INDEX.parts)
        assert.ok(outcomes.has(descriptor.digest), `${from} ${to}`);
      assert.equal([...outcomes.values()].filter((outcome) => outcome === 'elsewhere').length, 1);
    }
  }
});

test('what refers to an image comes along if that is asked for, with what refers to that', async (t) => {
  const at = await places(t);
  const signature = referrerOf(AMD64.root, 'application/x-signature');
  const ofSignature = referrerOf(signature.root, 'application/x-time-stamp');
  const ofIndex = referrerOf(ODD_INDEX.root, 'application/x-sbom');
  const [from = ''] = at('from');
  await put(from, ODD_INDEX);
  for (const [i, { root, parts }] of [signature, ofSignature, ofIndex].entries())
    await put(from.replace(/:v$/, `:r${i}`), { root, parts });
  let previous = from;
  for (const to of [...at('to'), at('back')[0] ?? '']) {
    assert.equal(
      (await copy(previous, to, { referrers: true })).contents.filter(({ isReferrer }) => isReferrer).length,
      3,
    );
    assert.deepEqual(await differences(from, to, { referrers: true }), []);
    await using target = openSource(to, options);
    assert.equal((await target.resolve()).digest, ODD_INDEX.root.descriptor.digest);
    const { referrers } = await listReferrers(target, AMD64.root.descriptor.digest);
    assert.deepEqual(
      referrers.map(({ digest, artifactType }) => [digest, artifactType]),
      [[signature.root.descriptor.digest, 'application/x-signature']],
    );
    previous = to;
  }
  const plain = at('plain')[1] ?? '';
  await copy(from, plain);
  assert.equal(
    (await differences(from, plain, { referrers: true })).filter((line) => line.startsWith('referrer'))
      .length,
    3,
  );
});

test('a layout without a tag means the image, and not what refers to it', async (t) => {
  const at = await places(t);
  const [from = ''] = at('from');
  await put(from, AMD64);
  await put(from.replace(/:v$/, ':r'), referrerOf(AMD64.root, 'application/x-signature'));
  const untagged = (at('to')[1] ?? '').replace(/:v$/, '');
  for (let run = 0; run < 2; run++) {
    await copy(from, untagged, { referrers: true });
    await using layout = openSource(untagged, options);
    assert.equal((await layout.resolve()).digest, AMD64.root.descriptor.digest);
    const index = parseIndex(await readFile(join(untagged.replace('oci:', ''), 'index.json')));
    assert.deepEqual(
      index.manifests.map(({ artifactType }) => artifactType),
      [undefined, 'application/x-signature'],
    );
  }
});

test('one platform that is one entry becomes its manifest; several entries become an index of just these', async (t) => {
  const at = await places(t);
  const [from = '', to = ''] = at('app');
  const linux = { os: 'linux' };
  const two = [AMD64, ARM64].map((image, i) => ({
    image,
    fields: { platform: { ...linux, architecture: i === 0 ? 'amd64' : 'arm64' } },
  }));
  await put(from, buildIndex(two));
  const one = await copy(from, to, { platforms: parsePlatforms('linux/arm64') });
  assert.equal(one.root.digest, ARM64.root.descriptor.digest);
  await using source = openSource(to, options);
  assert.equal(parseManifest(await collect(source.fetch(one.root), 1e6, 'manifest')).layers.length, 2);
  await put(from, ODD_INDEX);
  // The entries without a platform count for each, as in containerd.
  const merged = await copy(from, to, { platforms: parsePlatforms('linux/amd64') });
  const index = parseIndex(await collect(source.fetch(merged.root), 1e6, 'index'), MEDIA.ociIndex);
  const [first, nydus, ...others] = index.manifests;
  assert.deepEqual(
    [first?.digest, first?.raw['x-entry'], nydus?.digest, nydus?.artifactType],
    [AMD64.root.descriptor.digest, [1, null], NYDUS.root.descriptor.digest, MEDIA.nydusArtifact],
  );
  assert.deepEqual(
    others.map(({ platform }) => platform),
    [undefined, undefined],
  );
  assert.deepEqual(index.raw['x-index'], { deep: [true, 'inf'] });
  assert.deepEqual(await differences(from, to, { platforms: parsePlatforms('linux/amd64') }), []);
  await assert.rejects(
    copy(from, to, { platforms: parsePlatforms('linux/amd64,linux/s390x') }),
    (error: unknown) =>
      error instanceof UsageError &&
      /holds no image for linux\/s390x/.test(error.message) &&
      error.remedy?.kind === 'choose-platform',
  );
});

test('an index whose every entry is for the platform stays as it is, and an image alone is copied for any', async (t) => {
  const at = await places(t);
  const [from = '', to = ''] = at('app');
  const index = buildIndex([
    { image: AMD64 },
    {
      image: NYDUS,
      fields: { artifactType: MEDIA.nydusArtifact, platform: { os: 'linux', architecture: 'amd64' } },
    },
  ]);
  await put(from, index);
  const amd64 = { platforms: parsePlatforms('linux/amd64') };
  assert.equal((await copy(from, to, amd64)).root.digest, index.root.descriptor.digest);
  await put(from, AMD64);
  assert.equal(
    (await copy(from, to, { platforms: parsePlatforms('linux/arm64') })).root.digest,
    AMD64.root.descriptor.digest,
  );
});

test('a second copy sends nothing, and one that was interrupted only what is missing', async (t) => {
  const at = await places(t);
  const [from = ''] = at('from');
  await put(from, ODD_INDEX);
  for (const to of at('to').slice(0, 2)) {
    await copy(from, to);
    const again = await copy(from, to);
    assert.deepEqual([again.sentBytes, again.unchanged], [0, true]);
    assert.ok(again.contents.every(({ outcome }) => outcome === 'present' || outcome === 'elsewhere'));
  }
  const layout = (at('to')[1] ?? '').replace(/^oci:(.*):v$/, '$1');
  const lost = AMD64.parts[1]?.descriptor;
  assert.ok(lost !== undefined);
  await rm(join(layout, 'blobs/sha256', digestHex(lost.digest)));
  assert.deepEqual(await differences(from, `oci:${layout}:v`), [`missing ${lost.digest}`]);
  assert.equal((await copy(from, `oci:${layout}:v`)).sentBytes, lost.size);
});

test('content that was changed or lost, another tag and a referrer that is not listed are differences', async (t) => {
  const at = await places(t);
  const [from = '', ,] = at('from');
  const layout = (at('to')[1] ?? '').replace(/^oci:(.*):v$/, '$1');
  await put(from, AMD64);
  await copy(from, `oci:${layout}:v`);
  const [one, two] = AMD64.parts.map(({ descriptor }) => descriptor);
  assert.ok(one !== undefined && two !== undefined);
  await writeFile(join(layout, 'blobs/sha256', digestHex(one.digest)), Buffer.alloc(one.size));
  await writeFile(join(layout, 'blobs/sha256', digestHex(two.digest)), 'short');
  assert.deepEqual(
    (await differences(from, `oci:${layout}:v`)).sort(),
    [`content ${one.digest}`, `content ${two.digest}`].sort(),
  );
  await put(`oci:${layout}:v`, ARM64);
  assert.equal((await differences(from, `oci:${layout}:v`))[0], `tag ${AMD64.root.descriptor.digest}`);
  assert.equal((await differences(from, `oci:${layout}:other`))[0], `tag ${AMD64.root.descriptor.digest}`);
  // There is no such folder, nor such a file: the tag and all content is missing.
  for (const nowhere of [`oci:${layout}-none:v`, `oci-archive:${layout}.none:v`])
    assert.equal((await differences(from, nowhere)).length, 1 + AMD64.parts.length, nowhere);
});

test('the original of an image whose chunks stay in its layers comes along, and so do its layers where it is gone', async (t) => {
  const at = await places(t);
  for (const [number, isAlone] of [false, true].entries()) {
    for (const [kind, from] of at(`original-${number}`).entries()) {
      await put(from, AMD64);
      const [zran, ...targets] = [at(`zran-${number}`)[kind] ?? '', ...at(`to-${number}-${kind}`)];
      await using source = openSource(from, options);
      await using made = openTarget(isAlone ? from : zran, options);
      await convertImage({ source, target: made }, { ociRef: 'zran', threads: 1 });
      for (const to of targets) {
        const { contents } = await copy(isAlone ? from : zran, to);
        const digests = new Set(contents.map(({ digest }) => digest));
        for (const { mediaType, digest } of AMD64.parts.map(({ descriptor }) => descriptor))
          if (/layer/.test(mediaType)) assert.ok(digests.has(digest), `${from} ${to}`);
        assert.equal(digests.has(AMD64.root.descriptor.digest), !isAlone || kind > 0, `${from} ${to}`);
        assert.deepEqual(await differences(isAlone ? from : zran, to), []);
        await using target = openSource(to, options);
        assert.equal((await checkImage({ target })).verdict, 'good');
      }
    }
  }
});

test('within a registry blobs are mounted, at two requests each', async (t) => {
  const registry = await observedRegistry(t);
  const from = await put(`${registry.host}/a/app:1`, AMD64);
  registry.seen.length = 0;
  const { contents, sentBytes } = await copy(from, `${registry.host}/b/app:1`);
  assert.equal(sentBytes, 0);
  assert.equal(contents.filter(({ outcome }) => outcome === 'mounted').length, 3);
  assert.deepEqual(registry.lines().sort(), [
    'GET /v2/a/app/manifests/D',
    // A registry that says by HEAD that there is no tag is asked by GET, before and after.
    'GET /v2/b/app/manifests/1',
    'GET /v2/b/app/manifests/1',
    'HEAD /v2/a/app/manifests/1',
    ...Array<string>(3).fill('HEAD /v2/b/app/blobs/D'),
    'HEAD /v2/b/app/manifests/1',
    'HEAD /v2/b/app/manifests/1',
    ...Array<string>(3).fill('POST /v2/b/app/blobs/uploads/'),
    'PUT /v2/b/app/manifests/1',
  ]);
});

test('the failure that ended a copy is the one that is thrown, and nothing is tagged', async (t) => {
  const registry = await observedRegistry(t);
  const from = await put(`${registry.host}/a/app:1`, ODD_INDEX);
  const bad = ARM64.parts[1]?.descriptor.digest ?? '';
  registry.intercept = (request, response) =>
    request.method === 'GET' && request.url?.endsWith(bad) === true ? answer(response, 403) : false;
  const folder = await tempFolder(t, QUICK_DISK);
  await assert.rejects(copy(from, `oci:${folder}/x:v`), (error: unknown) => {
    assert.ok(error instanceof Error);
    return error.message.includes(bad);
  });
  assert.deepEqual((await readdir(join(folder, 'x'))).sort(), ['blobs']);
});

test('a tag that another client has moved meanwhile stays', async (t) => {
  const registry = await observedRegistry(t);
  const from = await put(`${registry.host}/a/app:1`, AMD64);
  const other = `${registry.host}/b/app:1`;
  registry.intercept = async (request) => {
    if (request.method === 'POST' && request.url?.startsWith('/v2/b/') === true) {
      registry.intercept = () => false;
      await put(other, ARM64);
    }
    return false;
  };
  await assert.rejects(
    copy(from, other),
    (error: unknown) =>
      error instanceof RegistryError && /by another client during this run/.test(error.message),
  );
  await using target = openSource(other, options);
  assert.equal((await target.resolve()).digest, ARM64.root.descriptor.digest);
});

test('a caller that gives up gets its reason, and a number of blobs in flight must make sense', async (t) => {
  const at = await places(t);
  const [from = '', to = ''] = at('app');
  await put(from, AMD64);
  await using source = openSource(from, options);
  await using target = openTarget(to, options);
  const reason = new Error('enough');
  await assert.rejects(copyImage({ source, target }, {}, { signal: AbortSignal.abort(reason) }), reason);
  await assert.rejects(copyImage({ source, target }, { concurrency: 0 }), UsageError);
});

test('an artifact that is the root is copied like an image', async (t) => {
  const at = await places(t);
  const chart = artifact([], { artifactType: 'application/x-chart' });
  const [from = '', ...others] = at('chart');
  await put(from, chart);
  for (const to of others) {
    assert.equal((await copy(from, to)).root.digest, chart.root.descriptor.digest);
    assert.deepEqual(await differences(from, to), []);
  }
});

test('indexes inside one another are copied to a depth that no real image has', async () => {
  const deep = (levels: number): MemoryStore => {
    const store = new MemoryStore('memory.test/deep:1');
    let below = store.putJson(MEDIA.ociIndex, { schemaVersion: 2, mediaType: MEDIA.ociIndex, manifests: [] });
    for (let level = 0; level < levels; level++)
      below = store.putJson(MEDIA.ociIndex, {
        schemaVersion: 2,
        mediaType: MEDIA.ociIndex,
        manifests: [below],
      });
    store.root = below;
    return store;
  };
  const into = (): MemoryStore => {
    const store = new MemoryStore('memory.test/copy:1');
    store.resolve = () => Promise.resolve(store.root as Descriptor); // a target may resolve to undefined
    return store;
  };
  assert.equal((await copyImage({ source: deep(8), target: into() })).contents.length, 9);
  await assert.rejects(copyImage({ source: deep(9), target: into() }), /nested more than 8 deep/);
});
