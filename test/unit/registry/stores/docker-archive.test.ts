import assert from 'node:assert/strict';
import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import * as tar from 'tar-stream';
import {
  ContentMismatchError,
  FormatError,
  InvalidReferenceError,
  RegistryError,
} from '../../../../src/errors.js';
import { collect } from '../../../../src/io/streams.js';
import { digestHex, sha256 } from '../../../../src/oci/digest.js';
import { parseManifest } from '../../../../src/oci/manifest.js';
import { MEDIA } from '../../../../src/oci/media-types.js';
import { anonymous } from '../../../../src/registry/auth/credentials.js';
import { openSource } from '../../../../src/registry/open.js';
import { noise, readAll, readImage, sampleImage } from '../../../support/images/opaque-image.js';
import { tempFolder } from '../../../support/temp-folder.js';

const options = { credentials: anonymous };

type Member = readonly [name: string, content: string | Uint8Array | { readonly link: string }];

async function tarOf(members: readonly Member[]): Promise<Buffer> {
  const pack = tar.pack();
  for (const [name, content] of members) {
    if (typeof content === 'object' && 'link' in content)
      pack.entry({ name, type: 'symlink', linkname: content.link });
    else pack.entry({ name }, Buffer.from(content));
  }
  pack.finalize();
  return collect(pack as AsyncIterable<Buffer>, 1 << 26, 'tar'); // a Readable of Buffers
}

const base = noise(5000, 1);
const top = noise(70_000, 2);

function config(...layers: readonly Uint8Array[]): string {
  return JSON.stringify({
    os: 'linux',
    architecture: 'amd64',
    rootfs: { type: 'layers', diff_ids: layers.map((layer) => sha256(layer)) },
  });
}

/** The shape of Docker's archives before 25: a folder for each layer, and a link where a layer occurs again. */
const legacy: readonly Member[] = [
  ['c1.json', config(base, top, base)],
  ['c2.json', config(base)],
  ['aaa/layer.tar', base],
  ['bbb/layer.tar', top],
  ['ccc/layer.tar', { link: '../aaa/layer.tar' }],
  [
    'manifest.json',
    JSON.stringify([
      {
        Config: 'c1.json',
        RepoTags: ['app:1', 'example.com:5000/team/app:1'],
        Layers: ['aaa/layer.tar', 'bbb/layer.tar', 'ccc/layer.tar'],
      },
      { Config: 'c2.json', RepoTags: null, Layers: ['aaa/layer.tar'] },
    ]),
  ],
];

test('an archive of docker save gives a Docker manifest with uncompressed layers, the same each time', async (t) => {
  const path = join(await tempFolder(t), 'x.tar');
  await writeFile(path, await tarOf(legacy));
  const digests = new Set<string>();
  for (const name of ['app:1', 'docker.io/library/app:1', 'example.com:5000/team/app:1']) {
    await using source = openSource(`docker-archive:${path}:${name}`, options);
    const descriptor = await source.resolve();
    digests.add(descriptor.digest);
    assert.equal(descriptor.mediaType, MEDIA.dockerManifest);
    const manifest = parseManifest(await readAll(source, descriptor));
    assert.equal(manifest.config.mediaType, MEDIA.dockerConfig);
    assert.deepEqual(
      manifest.layers.map(({ mediaType, digest, size }) => ({ mediaType, digest, size })),
      [base, top, base].map((layer) => ({
        mediaType: MEDIA.dockerLayerTar,
        digest: sha256(layer),
        size: layer.length,
      })),
    );
    assert.ok(await source.exists(manifest.config));
    assert.ok((await readImage(source)) > 80_000);
    const [, second] = manifest.layers;
    assert.ok(second);
    const piece = await collect(
      source.fetch(second, { range: { start: 60_000, end: 60_010 } }),
      100,
      'range',
    );
    assert.ok(piece.equals(top.subarray(60_000, 60_010)));
  }
  assert.equal(digests.size, 1);
});

test('an archive with an OCI layout inside gives the manifest that is in it, under any of its names', async (t) => {
  const folder = await tempFolder(t);
  const image = sampleImage([base, top]);
  const blobs = image.parts.map(({ descriptor, bytes }): Member => [
    `blobs/sha256/${digestHex(descriptor.digest)}`,
    bytes,
  ]);
  const annotations = {
    'io.containerd.image.name': 'docker.io/library/app:1',
    'org.opencontainers.image.ref.name': '1',
  };
  const path = join(folder, 'x.tar');
  await writeFile(
    path,
    await tarOf([
      ...blobs,
      ['oci-layout', '{"imageLayoutVersion":"1.0.0"}'],
      ['index.json', JSON.stringify({ schemaVersion: 2, manifests: [{ ...image.manifest, annotations }] })],
      [
        'manifest.json',
        JSON.stringify([
          { Config: blobs[2]?.[0], RepoTags: ['app:1'], Layers: [blobs[0]?.[0], blobs[1]?.[0]] },
        ]),
      ],
    ]),
  );
  for (const name of ['', ':app:1', ':1', ':docker.io/library/app:1', `@${image.manifest.digest}`]) {
    await using source = openSource(`docker-archive:${path}${name}`, options);
    assert.deepEqual(await source.resolve(), image.manifest, name);
    assert.ok((await readImage(source)) > 75_000);
  }
  await assert.rejects(
    openSource(`docker-archive:${path}:other:2`, options).resolve(),
    /holds no such image/,
  );
});

test('an archive with several images needs a name, and a wrong name is an error', async (t) => {
  const path = join(await tempFolder(t), 'x.tar');
  await writeFile(path, await tarOf(legacy));
  await assert.rejects(
    openSource(`docker-archive:${path}`, options).resolve(),
    (error) => error instanceof RegistryError && /app:1/.test(error.hint ?? ''),
  );
  await assert.rejects(openSource(`docker-archive:${path}:app:2`, options).resolve(), /holds no such image/);
  await assert.rejects(
    openSource(`docker-archive:${path}@${sha256('x')}`, options).resolve(),
    InvalidReferenceError,
  );
});

test('a compressed archive is unpacked into the work dir, which is empty afterwards', async (t) => {
  const folder = await tempFolder(t);
  const path = join(folder, 'x.tar.gz');
  await writeFile(path, gzipSync(await tarOf(legacy)));
  {
    await using source = openSource(`docker-archive:${path}:app:1`, {
      ...options,
      workDir: join(folder, 'work'),
    });
    assert.ok((await readImage(source)) > 80_000);
    assert.deepEqual(await readdir(folder), ['work', 'x.tar.gz']);
  }
  assert.deepEqual(await readdir(folder), ['x.tar.gz']);
});

test('compressed layers are recognised by their bytes, and keep them', async (t) => {
  const path = join(await tempFolder(t), 'x.tar');
  const packed = gzipSync(base);
  await writeFile(
    path,
    await tarOf([
      ['c', config(base)],
      ['l', packed],
      ['manifest.json', JSON.stringify([{ Config: 'c', Layers: ['l'] }])],
    ]),
  );
  await using source = openSource(`docker-archive:${path}`, options);
  const { layers } = parseManifest(await readAll(source, await source.resolve()));
  assert.deepEqual([layers[0]?.mediaType, layers[0]?.digest], [MEDIA.dockerLayerGzip, sha256(packed)]);
});

test('a layer that differs from the diffID of its config is an error when it is read', async (t) => {
  const path = join(await tempFolder(t), 'x.tar');
  await writeFile(
    path,
    await tarOf([
      ['c', config(base)],
      ['l', noise(5000, 9)],
      ['manifest.json', JSON.stringify([{ Config: 'c', Layers: ['l'] }])],
    ]),
  );
  await using source = openSource(`docker-archive:${path}`, options);
  await assert.rejects(readImage(source), ContentMismatchError);
});

test('malformed archives are refused with the reason', async (t) => {
  const path = join(await tempFolder(t), 'x.tar');
  const entry = (fields: object): string => JSON.stringify([{ Config: 'c', Layers: ['l'], ...fields }]);
  for (const [members, message, type] of [
    [[['x', 'y']], /no manifest\.json/, RegistryError],
    [[['manifest.json', '{']], /not JSON/, FormatError],
    [[['manifest.json', '[{}]']], /docker save/, FormatError],
    [[['manifest.json', '[]']], /no such image/, RegistryError],
    [[['manifest.json', entry({})]], /config c is missing/, FormatError],
    [
      [
        ['c', config(base)],
        ['manifest.json', entry({})],
      ],
      /layer l is missing/,
      FormatError,
    ],
    [
      [
        ['c', config(base, top)],
        ['l', base],
        ['manifest.json', entry({})],
      ],
      /unmatched layers between manifest and config: 1 != 2/,
      FormatError,
    ],
  ] as const) {
    await writeFile(path, await tarOf(members));
    await assert.rejects(openSource(`docker-archive:${path}`, options).resolve(), (error) => {
      assert.ok(error instanceof type, String(error));
      assert.match(error.message, message);
      return true;
    });
  }
  await writeFile(path, Buffer.concat([gzipSync('x'.repeat(1000)).subarray(0, 20), noise(100, 1)]));
  await assert.rejects(
    openSource(`docker-archive:${path}`, options).resolve(),
    /x\.tar: gzip archive at compressed offset [0-9]+: /,
  );
});
