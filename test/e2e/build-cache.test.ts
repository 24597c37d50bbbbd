/** The build cache through the command, in the embedded registry and in Debian's docker-registry. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkImage } from '../../src/check/check.js';
import { convertImage } from '../../src/convert/convert.js';
import type { ConversionPlan } from '../../src/convert/plan.js';
import { AuthError } from '../../src/errors.js';
import { collect } from '../../src/io/streams.js';
import { type Manifest, parseDocument } from '../../src/oci/manifest.js';
import { ANNOTATION, MEDIA } from '../../src/oci/media-types.js';
import { anonymous } from '../../src/registry/auth/credentials.js';
import { openSource, openTarget } from '../../src/registry/open.js';
import { nydusify, registry } from '../support/command.js';
import { buildImage, putImage } from '../support/images/image-builder.js';
import { dir, file, layer } from '../support/images/tar.js';
import { needs } from '../support/needs.js';
import { openOptionsFor, type OpenRegistry, REGISTRIES } from '../support/references/interop.js';
import { pathOrSkip } from '../support/references/tools.js';
import { MemoryStore } from '../support/registries/memory-store.js';
import { startDockerRegistry } from '../support/registries/real-registries.js';

const TARS = [
  layer(dir('etc'), file('etc/motd', 'hello '.repeat(4000))),
  layer(file('etc/issue', 'words and words '.repeat(2000))),
];
const image = buildImage({ layers: TARS });

interface Report {
  readonly digest: string;
  readonly cache?: { readonly hits: number; readonly misses: number; readonly written: boolean };
}

async function convert(...args: readonly string[]): Promise<Report> {
  const { status, stdout, stderr } = await nydusify(['convert', '--json', ...args]);
  assert.equal(status, 0, stderr);
  return JSON.parse(stdout) as Report; // the command's own schema
}

async function cacheAt(reference: string): Promise<Manifest> {
  await using source = openSource(reference, { credentials: anonymous });
  const root = await source.resolve();
  const document = parseDocument(await collect(source.fetch(root), 1e6, 'cache'), root.mediaType);
  assert.ok(document.kind === 'manifest');
  return document;
}

test('a second conversion reads no source layer: a HEAD and one range for each blob', async (t) => {
  const lab = await registry(t);
  const source = await lab.put('library/app:1.0', image);
  const repository = `${lab.host}/library/app`;
  const flags = ['--build-cache-tag', 'cache'];
  const first = await convert(...flags, source, `${repository}:n1`);
  assert.deepEqual(first.cache, { hits: 0, misses: 2, savedBytes: 0, written: true });
  const before = lab.requests.length;
  const second = await convert(...flags, source, `${repository}:n2`);
  assert.equal(second.digest, first.digest);
  assert.deepEqual([second.cache?.hits, second.cache?.misses, second.cache?.written], [2, 0, false]);
  const made = lab.requests.slice(before);
  const layers = image.parts.slice(0, TARS.length).map(({ descriptor }) => descriptor.digest);
  assert.ok(made.every(({ path }) => !layers.some((digest) => path.includes(digest))));
  for (const { digest } of (await cacheAt(`${repository}:cache`)).layers) {
    const blob = made.filter(({ path }) => path.includes(digest)).map(({ method }) => method);
    assert.deepEqual(blob.sort(), ['GET', 'HEAD']);
  }
  const { stdout } = await nydusify(['plan', '--json', ...flags, source, `${repository}:n3`]);
  const plan = JSON.parse(stdout) as ConversionPlan; // the command's own schema
  assert.deepEqual([plan.totals.pull, plan.totals.push], [0, 0]);
  const { stderr } = await nydusify(['convert', ...flags, source, `${repository}:n4`]);
  assert.match(stderr, /^build cache: 2 of 2 layers found, .* of the source not read$/m);
});

test('flags of the cache that contradict each other or ask too much are refused', async () => {
  const refusals: readonly (readonly [args: readonly string[], sentence: RegExp])[] = [
    [['--build-cache', 'x', '--build-cache-tag', 'y'], /--build-cache conflicts with --build-cache-tag/],
    [['--build-cache', 'x', '--build-cache-max-records', '0'], /should be greater than 0/],
    [['--build-cache', 'x', '--build-cache-max-records', '201'], /should not be greater than 200/],
    [['--build-cache', 'x', '--build-cache-mode', 'no'], /--build-cache-mode should be one of/],
  ];
  for (const [args, sentence] of refusals) {
    const { status, stderr } = await nydusify(['convert', ...args, 'h:1/a:1', 'h:1/a:2']);
    assert.equal(status, 2);
    assert.match(stderr, sentence);
  }
});

test('a cache is not kept under the tag of the image, which would replace it', async (t) => {
  const lab = await registry(t);
  const source = await lab.put('library/app:1.0', image);
  const target = `${lab.host}/library/app:n`;
  await convert('--build-cache', target, source, `${lab.host}/library/app:first`);
  const before = (await lab.get(target)).digest;
  for (const command of ['convert', 'plan'])
    for (const flags of [
      ['--build-cache', target],
      ['--build-cache-tag', 'n'],
      ['--build-cache', `docker://${target}`, '--build-cache-mode', 'ro'],
    ]) {
      const { status, stderr } = await nydusify([command, ...flags, source, target]);
      assert.equal(status, 2, stderr);
      assert.match(
        stderr,
        /the build cache and the image would both be .*app:n\nhint: name a tag of its own/,
      );
    }
  assert.equal((await lab.get(target)).digest, before);
});

test('docker-registry takes a cache in the repository of the target or another one, and mounts from it', async (t) => {
  if (!needs(t, 'docker-registry')) return;
  await using real = await startDockerRegistry();
  const { host } = real;
  await using source = openTarget(`${host}/app:1`, { credentials: anonymous });
  await putImage(source, image);
  const flags = ['--build-cache', `${host}/caches:app`];
  const first = await convert(...flags, `${host}/app:1`, `${host}/one:n`);
  assert.equal(first.cache?.written, true);
  const second = await convert(...flags, '--build-cache-strict', `${host}/app:1`, `${host}/two:n`);
  assert.deepEqual([second.digest, second.cache?.hits], [first.digest, 2]);
  const root = await cacheAt(`${host}/caches:app`);
  assert.equal(root.mediaType, MEDIA.ociManifest);
  assert.equal(root.annotations?.[ANNOTATION.nydusCacheVersion], '');
});

/** The numbers of layers that a conversion found, and its root, with a cache in a repository of its own. */
async function cachedRun(registry: OpenRegistry, name: string, strict: boolean): Promise<readonly unknown[]> {
  const { host } = registry;
  const options = openOptionsFor(registry);
  await using source = openSource(`${host}/app:1`, options);
  await using target = openTarget(`${host}/${name}:n`, options);
  await using store = openTarget(`${host}/caches:app`, options);
  const { root, cache } = await convertImage({ source, target, cache: { store, strict } });
  await using read = openSource(`${host}/${name}:n`, options);
  assert.deepEqual((await checkImage({ source, target: read })).findings, []);
  return [root.digest, cache?.hits, cache?.misses, cache?.written];
}

for (const { name, program, start } of REGISTRIES)
  test(`a cache in a repository of its own serves others: ${name}`, async (t) => {
    const path = pathOrSkip(t, await program());
    if (path === undefined) return;
    await using registry = await start(path);
    const options = openOptionsFor(registry);
    await using pushing = openTarget(`${registry.host}/app:1`, options);
    await putImage(pushing, image);
    const [digest, ...first] = await cachedRun(registry, 'one', false);
    assert.deepEqual(first, [0, 2, true]);
    assert.deepEqual(await cachedRun(registry, 'two', true), [digest, 2, 0, false]);
    if (!registry.login) return;
    // A run that may not read or write the cache makes the image all the same.
    const warnings: string[] = [];
    await using source = openSource(`${registry.host}/app:1`, options);
    await using target = new MemoryStore('memory.test/target:1');
    await using store = openTarget(`${registry.host}/caches:app`, {
      ...options,
      credentials: anonymous,
    });
    const run = (strict: boolean): ReturnType<typeof convertImage> =>
      convertImage(
        { source, target, cache: { store, strict } },
        {},
        {
          reporter: {
            emit: (event) => {
              if (event.type === 'warning') warnings.push(event.code);
            },
          },
        },
      );
    assert.equal((await run(false)).root.digest, digest);
    assert.deepEqual(warnings, ['CACHE_PROBLEM']);
    await assert.rejects(run(true), AuthError);
  });
