/** The build cache through the command, in the embedded registry and in Debian's docker-registry. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ConversionPlan } from '../../src/convert/plan.js';
import { collect } from '../../src/io/streams.js';
import { type Manifest, parseDocument } from '../../src/oci/manifest.js';
import { ANNOTATION, MEDIA } from '../../src/oci/media-types.js';
import { anonymous } from '../../src/registry/auth/credentials.js';
import { openSource, openTarget } from '../../src/registry/open.js';
import { nydusify, registry } from '../support/command.js';
import { buildImage, putImage } from '../support/images/image-builder.js';
import { dir, file, layer } from '../support/images/tar.js';
import { needs } from '../support/needs.js';
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
