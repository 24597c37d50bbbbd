import assert from 'node:assert/strict';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { ContentMismatchError, RegistryError } from '../../../../src/errors.js';
import { contentOf } from '../../../../src/io/streams.js';
import { digestHex } from '../../../../src/oci/digest.js';
import { parseIndex } from '../../../../src/oci/manifest.js';
import { MEDIA } from '../../../../src/oci/media-types.js';
import { anonymous } from '../../../../src/registry/auth/credentials.js';
import { openSource, openTarget } from '../../../../src/registry/open.js';
import {
  describe,
  noise,
  pushImage,
  readAll,
  readImage,
  sampleImage,
} from '../../../support/images/opaque-image.js';
import { tempFolder } from '../../../support/temp-folder.js';

const options = { credentials: anonymous };
const one = sampleImage([noise(300_000, 1), noise(10, 2)]);
const two = sampleImage([noise(500, 3)]);

test('an image pushed into a layout comes back, byte for byte', async (t) => {
  const folder = await tempFolder(t);
  await using target = openTarget(`oci:${folder}/x:1.0`, options);
  assert.equal(await target.resolve(), undefined);
  await pushImage(target, one);
  assert.deepEqual(await target.resolve(), one.manifest);
  await using source = openSource(`oci:${folder}/x:1.0`, options);
  assert.deepEqual(await source.resolve(), one.manifest);
  for (const { descriptor, bytes } of one.parts) {
    assert.ok(await source.exists(descriptor));
    assert.ok((await readAll(source, descriptor)).equals(bytes));
  }
  assert.deepEqual((await readdir(join(folder, 'x'))).sort(), ['blobs', 'index.json', 'oci-layout']);
  assert.deepEqual(JSON.parse(await readFile(join(folder, 'x', 'oci-layout'), 'utf8')), {
    imageLayoutVersion: '1.0.0',
  });
});

test('a tag replaces its own entry and keeps all others, unknown fields too', async (t) => {
  const folder = await tempFolder(t);
  const index = {
    schemaVersion: 2,
    x: 1,
    manifests: [{ ...one.manifest, y: 2, annotations: { 'org.opencontainers.image.ref.name': 'old' } }],
  };
  await writeFile(join(folder, 'index.json'), JSON.stringify(index));
  for (const image of [one, two]) {
    await using target = openTarget(`oci:${folder}:new`, options);
    await pushImage(target, image);
  }
  const after = parseIndex(await readFile(join(folder, 'index.json')));
  assert.equal(after.raw['x'], 1);
  assert.deepEqual(
    after.manifests.map((entry) => [
      entry.annotations?.['org.opencontainers.image.ref.name'],
      entry.digest,
      entry.raw['y'],
    ]),
    [
      ['old', one.manifest.digest, 2],
      ['new', two.manifest.digest, undefined],
    ],
  );
});

test('one image needs no name, several do, and the error lists them', async (t) => {
  const folder = await tempFolder(t);
  for (const [name, image] of [
    ['a', one],
    ['b', two],
  ] as const) {
    await using target = openTarget(`oci:${folder}:${name}`, options);
    await pushImage(target, image);
    if (name === 'a') assert.deepEqual(await openSource(`oci:${folder}`, options).resolve(), one.manifest);
  }
  await assert.rejects(
    openSource(`oci:${folder}`, options).resolve(),
    (error) => error instanceof RegistryError && /a, b$/.test(error.hint ?? ''),
  );
  await assert.rejects(openSource(`oci:${folder}:c`, options).resolve(), /holds no such image/);
  assert.deepEqual(await openSource(`oci:${folder}@${two.manifest.digest}`, options).resolve(), two.manifest);
  await assert.rejects(openSource(`oci:${folder}/none`, options).resolve(), /no index\.json/);
});

test('existing content is not written again, and wrong content never appears', async (t) => {
  const folder = await tempFolder(t);
  await using target = openTarget(`oci:${folder}`, options);
  const bytes = noise(1000, 5);
  const descriptor = describe(MEDIA.ociLayerTar, bytes);
  await assert.rejects(target.push(descriptor, contentOf(noise(1000, 6))), ContentMismatchError);
  await assert.rejects(target.push(descriptor, contentOf(bytes.subarray(1))), ContentMismatchError);
  assert.equal(await target.exists(descriptor), false);
  assert.deepEqual(await readdir(folder), ['blobs']);
  assert.equal(await target.push(descriptor, contentOf(bytes)), 'pushed');
  const never = { size: 1000, open: () => assert.fail('opened') };
  assert.equal(await target.push(descriptor, never), 'present');
});

test('a blob that is damaged, long, short or missing is an error when it is read', async (t) => {
  const folder = await tempFolder(t);
  await using target = openTarget(`oci:${folder}:1`, options);
  await pushImage(target, two);
  const [part] = two.parts;
  assert.ok(part);
  const path = join(folder, 'blobs', 'sha256', digestHex(part.descriptor.digest));
  for (const bytes of [noise(500, 4), noise(501, 3), noise(499, 3)]) {
    await writeFile(path, bytes);
    await assert.rejects(readAll(target, part.descriptor), ContentMismatchError);
  }
  assert.equal(await target.exists(part.descriptor), false);
  await assert.rejects(
    readAll(target, { ...part.descriptor, digest: describe('', noise(1, 9)).digest }),
    (error) => error instanceof RegistryError && error.status === 404,
  );
});

test('a range of a blob is read alone', async (t) => {
  const folder = await tempFolder(t);
  await using target = openTarget(`oci:${folder}:1`, options);
  await pushImage(target, one);
  const [part] = one.parts;
  assert.ok(part);
  const pieces = [];
  for await (const piece of target.fetch(part.descriptor, { range: { start: 262_000, end: 263_000 } }))
    pieces.push(piece);
  assert.ok(Buffer.concat(pieces).equals(part.bytes.subarray(262_000, 263_000)));
});

test('an OCI archive is written whole, twice the same, and read in place', async (t) => {
  const folder = await tempFolder(t);
  const tars = [];
  for (const name of ['a.tar', 'b.tar']) {
    await using target = openTarget(`oci-archive:${folder}/${name}:v1`, options);
    assert.equal(await target.resolve(), undefined);
    await pushImage(target, one);
    assert.deepEqual(await target.resolve(), one.manifest);
    tars.push(await readFile(join(folder, name)));
  }
  assert.ok(tars[0]?.equals(tars[1] ?? Buffer.alloc(0)));
  assert.deepEqual((await readdir(folder)).sort(), ['a.tar', 'b.tar']);
  await using source = openSource(`oci-archive:${folder}/a.tar:v1`, options);
  assert.deepEqual(await source.resolve(), one.manifest);
  assert.ok((await readImage(source)) > 300_000);
  await assert.rejects(
    openSource(`oci-archive:${folder}/a.tar:v2`, options).resolve(),
    /holds no such image/,
  );
});

test('an unfinished archive leaves nothing behind and does not touch an existing one', async (t) => {
  const folder = await tempFolder(t);
  await writeFile(join(folder, 'a.tar'), 'old');
  const [part] = one.parts;
  assert.ok(part);
  {
    await using target = openTarget(`oci-archive:${folder}/a.tar`, {
      ...options,
      workDir: join(folder, 'work'),
    });
    await target.push(part.descriptor, contentOf(part.bytes));
    assert.ok(await target.exists(part.descriptor));
  }
  assert.deepEqual(await readdir(folder), ['a.tar']);
  assert.equal(await readFile(join(folder, 'a.tar'), 'utf8'), 'old');
});

test('a manifest that only an index lists is found by its digest', async (t) => {
  const folder = await tempFolder(t);
  const bytes = Buffer.from(
    JSON.stringify({ schemaVersion: 2, config: describe('', noise(2, 1)), layers: [] }),
  );
  const inner = { ...describe(MEDIA.ociManifest, bytes) };
  const index = Buffer.from(
    JSON.stringify({ schemaVersion: 2, mediaType: MEDIA.ociIndex, manifests: [inner] }),
  );
  for (const location of [`oci:${folder}`, `oci-archive:${folder}/images.tar`]) {
    await using target = openTarget(`${location}:1`, options);
    await target.push(inner, contentOf(bytes));
    await target.tag(describe(MEDIA.ociIndex, index), index);
    await using source = openSource(`${location}@${inner.digest}`, options);
    assert.deepEqual(await source.resolve(), inner);
    await using other = openSource(`${location}@${describe('', noise(3, 1)).digest}`, options);
    await assert.rejects(other.resolve(), /holds no such image/);
  }
});
