import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { formatFinding } from '../../src/check/finding.js';
import { allPlatforms } from '../../src/oci/platform.js';
import { sha256 } from '../../src/oci/digest.js';
import { MEDIA } from '../../src/oci/media-types.js';
import { SECTIONS, TAR_HEADER_SIZE, tocEntry } from '../../src/rafs-builder/layout/blob.js';
import { tocOf } from '../support/images/blob-toc.js';
import { char, dir, fifo, file, hardlink, layer, symlink, whiteout } from '../support/images/tar.js';
import { MemoryStore, type Json } from '../support/registries/memory-store.js';
import {
  check,
  converted,
  DOCKER,
  flip,
  idsOf,
  manifestOf,
  OCI,
  putImage,
  respelled,
  sourceImage,
  withBootstrapTar,
  withBytes,
} from '../support/images/memory-conversion.js';

const BIG = Buffer.alloc(3 * 1024 * 1024 + 17, 'content of more than one chunk ');
const NOISE = Buffer.from(Array.from({ length: 9000 }, (_, i) => (i * i * 31 + (i >> 3)) & 0xff));

interface Changes {
  readonly mode?: number;
  readonly mtime?: number;
  readonly uid?: number;
  readonly xattr?: string;
  readonly content?: string;
  readonly link?: 'hardlink' | 'copy';
  readonly target?: string;
  readonly minor?: number;
  readonly extra?: boolean;
}

/** Two layers with one of everything; `changes` make a source that differs in one thing. */
function layers(changes: Changes = {}): Buffer[] {
  const hosts = file('etc/hosts', changes.content ?? 'localhost', {
    mode: changes.mode ?? 0o644,
    mtime: changes.mtime ?? 1_700_000_000.5,
    uid: changes.uid ?? 7,
  });
  return [
    layer(
      dir('etc'),
      hosts,
      file('etc/gone', 'x'),
      file('big', BIG),
      file('noise', NOISE, { xattrs: { 'user.mime': changes.xattr ?? 'text/plain' } }),
      ...(changes.link === 'copy'
        ? [file('noise2', NOISE, { xattrs: { 'user.mime': 'text/plain' } })]
        : [hardlink('noise2', 'noise')]),
      symlink('link', changes.target ?? 'etc/hosts'),
      char('null', 1, changes.minor ?? 3),
      fifo('pipe'),
    ),
    layer(
      whiteout('etc/gone'),
      dir('opt/deep'),
      file('opt/deep/copy', NOISE),
      ...(changes.extra === true ? [file('opt/more', '')] : []),
    ),
  ];
}

test('a converted image has no finding, with and without its source', async () => {
  const source = sourceImage(layers());
  const target = await converted(source);
  const result = await check(target, source);
  assert.deepEqual(result.findings.map(formatFinding), []);
  assert.equal(result.verdict, 'good');
  assert.deepEqual(
    result.platforms.map(({ platform, layers: count, compared }) => ({ platform, count, compared })),
    [{ platform: 'linux/amd64', count: 2, compared: true }],
  );
  assert.deepEqual(await idsOf(target), []);
});

for (const options of [
  { dedup: 'layer' },
  { dedup: 'image' },
  { compressor: 'none' },
  { chunkSize: 0x1000 },
] as const) {
  test(`a converted image has no finding with ${JSON.stringify(options)}`, async () => {
    const source = sourceImage(layers());
    assert.deepEqual(await idsOf(await converted(source, options), source), []);
  });
}

test('both halves of a merged index over two platforms and two families have no finding but a note', async () => {
  for (const family of [OCI, DOCKER]) {
    const source = new MemoryStore('memory.test/source:1');
    const manifests = ['amd64', 'arm64'].map((architecture, i) => ({
      ...putImage(source, i === 0 ? layers() : layers({ content: 'for arm64' }), { family, architecture }),
      platform: { os: 'linux', architecture },
    }));
    const mediaType = family === OCI ? MEDIA.ociIndex : MEDIA.dockerIndex;
    source.root = source.putJson(mediaType, { schemaVersion: 2, mediaType, manifests });
    for (const mergeIsolation of ['empty-layer', 'none'] as const) {
      const target = await converted(source, {
        mergePlatform: true,
        mergeIsolation,
        platforms: allPlatforms,
      });
      const result = await check(target, source);
      assert.deepEqual(result.findings, []);
      const reported = await check(target, source, { details: true });
      assert.deepEqual(reported.findings, [], 'a report does not change what is found');
      assert.equal(reported.clients?.length, 2);
      const { findings } = await check(target, source, { clients: true });
      assert.deepEqual(
        findings.map(({ id, where }) => `${id} ${where.platform ?? ''}`),
        ['DETECT-INDEX-NEXT linux/amd64', 'DETECT-INDEX-NEXT linux/arm64'],
      );
      assert.deepEqual(
        result.platforms.map(({ platform, oci }) => [platform, oci !== undefined]),
        [
          ['linux/amd64', true],
          ['linux/arm64', true],
        ],
      );
    }
  }
});

test('an image of one layer, of 127 layers, of an empty layer and of no file at all has no finding', async () => {
  const many = Array.from({ length: 127 }, (_, i) => layer(file(`f${i}`, `content ${i}`)));
  for (const tars of [[layer(file('a', 'a'))], many, [layer(dir('a')), layer()], [layer()]]) {
    const source = sourceImage(tars);
    const target = await converted(source);
    assert.deepEqual(await idsOf(target, source), []);
    assert.deepEqual(await idsOf(target), []);
  }
});

const DIFFERENCES: readonly [what: string, changes: Changes, ids: readonly string[]][] = [
  ['a mode', { mode: 0o4644 }, ['FS-MODE']],
  ['a time by half a second', { mtime: 1_700_000_000 }, ['FS-MTIME']],
  ['an owner', { uid: 8 }, ['FS-OWNER']],
  ['the value of an attribute', { xattr: 'text/html' }, ['FS-XATTR']],
  ['content of the same size', { content: 'localhosT' }, ['FS-CONTENT']],
  ['content of another size', { content: 'localhost ' }, ['FS-SIZE']],
  ['a hard link that is a copy', { link: 'copy' }, ['FS-LINKS']],
  ['the target of a link', { target: 'etc/other' }, ['FS-SYMLINK']],
  ['a device number', { minor: 5 }, ['FS-RDEV']],
  ['a file more', { extra: true }, ['FS-MISSING', 'FS-MTIME']],
];

for (const [what, changes, ids] of DIFFERENCES) {
  test(`a source that differs in ${what} is found as ${ids.join(', ')}`, async () => {
    const target = await converted(sourceImage(layers()));
    const found = (await idsOf(target, sourceImage(layers(changes)))).filter((id) => id.startsWith('FS-'));
    for (const id of found) assert.ok(ids.includes(id), id);
    assert.ok(found.includes(ids[0] ?? ''), found.join());
  });
}

test('a flipped byte of chunk data is found, with the chunk', async () => {
  const target = withBytes(await converted(sourceImage(layers())), 0, flip(3));
  const { findings } = await check(target);
  assert.deepEqual([...new Set(findings.map(({ id }) => id))].sort(), ['CHUNK-DATA', 'CONTENT-DIGEST']);
  const damaged = findings.find(({ id }) => id === 'CHUNK-DATA') ?? assert.fail();
  assert.match(damaged.message, /; in \/\S+ at 0x0$/);
  const { message, expected, found } = findings.find(({ id }) => id === 'CONTENT-DIGEST') ?? assert.fail();
  assert.match(message, /: has another digest$/);
  assert.equal(expected, manifestOf(target).layers[0]?.digest);
  assert.match(found ?? '', /^sha256:[0-9a-f]{64}$/);
  assert.deepEqual(findings.find(({ id }) => id === 'CHUNK-DATA')?.where, {
    platform: 'linux/amd64',
    half: undefined,
    part: 'layer 1',
    offset: 0,
  });
});

test('a flipped byte anywhere behind the data of a blob is found', async () => {
  const good = await converted(sourceImage([layer(file('a', NOISE))]));
  const size = manifestOf(good).layers[0]?.size ?? 0;
  for (let offset = size - 1; offset > 0; offset -= 97) {
    const ids = await idsOf(withBytes(good, 0, flip(offset)));
    assert.ok(ids.includes('CONTENT-DIGEST'), `offset ${offset}: ${ids.join()}`);
  }
});

test('another digest of the chunk data in the table of contents is a warning, where the blob is as promised', async () => {
  const good = await converted(sourceImage(layers()));
  const first = manifestOf(good).layers[0] ?? assert.fail();
  const bytes = Buffer.from(good.content.get(first.digest) ?? assert.fail());
  const toc = tocOf(bytes);
  const entry = toc.findIndex(({ name }) => name === SECTIONS.data);
  const start = bytes.length - TAR_HEADER_SIZE - toc.length * tocEntry.size;
  const changed = flip(start + entry * tocEntry.size + tocEntry.offset.digest)(bytes);
  const target = respelled(good, (manifest, config, copy) => {
    manifest.layers[0] = { ...first, ...copy.put(first.mediaType, changed) };
    (config['rootfs'] as { diff_ids: string[] }).diff_ids[0] = sha256(changed);
  });
  const { findings } = await check(target);
  const warning = findings.find(({ id }) => id === 'BLOB-DATA-DIGEST') ?? assert.fail();
  assert.equal(warning.severity, 'warning');
  assert.equal(warning.where.part, 'layer 1');
  assert.match(warning.found ?? '', /^sha256:[0-9a-f]{64}$/);
  // Under the digest of the sound blob this is the only finding.
  assert.ok(!(await idsOf(withBytes(good, 0, () => changed))).includes('BLOB-DATA-DIGEST'));
});

test('a manifest that lists another blob, or lacks one, is found', async () => {
  const good = await converted(sourceImage(layers()));
  const second = good.content.get(manifestOf(good).layers[1]?.digest ?? ('' as never)) ?? Buffer.alloc(0);
  assert.deepEqual(await idsOf(withBytes(good, 0, () => Buffer.from(second))), ['CONTENT-MISSING']);
  const zeros = await idsOf(withBytes(good, 0, (bytes) => Buffer.alloc(bytes.length)));
  assert.ok(zeros.includes('BLOB-FRAME') && zeros.includes('CONTENT-DIGEST'), zeros.join());
  const missing = MemoryStore.copyOf(good);
  missing.content.delete(manifestOf(good).layers[0]?.digest ?? ('' as never));
  assert.deepEqual(await idsOf(missing), ['CONTENT-MISSING']);
});

test('swapped layers, a lost layer and a changed config are found', async () => {
  const source = sourceImage(layers());
  const good = await converted(source);
  const swapped = respelled(good, ({ layers: list }) => list.splice(0, 2, ...list.slice(0, 2).reverse()));
  assert.deepEqual(await idsOf(swapped), ['CONFIG-DIFF-ID']);
  const lost = respelled(good, (manifest, config) => {
    manifest.layers.shift();
    (config['rootfs'] as { diff_ids: string[] }).diff_ids.shift();
    (config['history'] as Json[]).shift();
  });
  assert.deepEqual(await idsOf(lost), ['BOOTSTRAP-BLOB-TABLE']);
  const changed = respelled(good, (_, config) => {
    config['x-number'] = 2;
  });
  assert.deepEqual(await idsOf(changed, source), ['CONFIG-METADATA']);
});

test('a bootstrap layer without blob.meta files is found as a warning, one without a bootstrap as an error', async () => {
  const good = await converted(sourceImage(layers()));
  const tar = gunzipSync(
    good.content.get(manifestOf(good).layers.at(-1)?.digest ?? ('' as never)) ?? Buffer.alloc(0),
  );
  const size = Number.parseInt(tar.toString('latin1', 512 + 124, 512 + 135), 8);
  const image = tar.subarray(1024, 1024 + size);
  assert.equal(tar.toString('latin1', 512, 528), 'image/image.boot');
  const bare = withBootstrapTar(good, layer(dir('image'), file('image/image.boot', image)));
  const result = await check(bare);
  assert.deepEqual([...new Set(result.findings.map(({ id }) => id))], ['BOOTSTRAP-BLOB-META-MISSING']);
  assert.equal(result.verdict, 'good');
  const stray = file(`image/${'0'.repeat(64)}.blob.meta`, 'x');
  const more = withBootstrapTar(good, layer(dir('image'), file('image/image.boot', image), stray));
  assert.deepEqual(await idsOf(more), ['BOOTSTRAP-BLOB-META-EXTRA', 'BOOTSTRAP-BLOB-META-MISSING']);
  assert.deepEqual(await idsOf(withBootstrapTar(good, layer(dir('image')))), ['BOOTSTRAP-MISSING']);
  assert.deepEqual(await idsOf(withBootstrapTar(good, Buffer.from('no tar at all'))), ['BOOTSTRAP-LAYER']);
  const outside = layer(file('../../etc/passwd', 'x'), file('image/image.boot', image));
  assert.deepEqual(await idsOf(withBootstrapTar(good, outside)), ['BOOTSTRAP-LAYER']);
  const broken = Buffer.from(image);
  broken.writeUInt32LE(7, 1024);
  const damaged = await idsOf(withBootstrapTar(good, layer(dir('image'), file('image/image.boot', broken))));
  assert.deepEqual(damaged, ['RAFS-READ']);
});

test('a plain OCI image is not a Nydus image', async () => {
  const source = sourceImage(layers());
  assert.deepEqual(await idsOf(source), ['IMAGE-NOT-NYDUS']);
  const target = await converted(source);
  const swapped = (await check(source, target)).findings.find(({ id }) => id === 'IMAGE-NOT-NYDUS');
  assert.match(swapped?.hint ?? '', /they seem to be swapped/);
  const plain = (await check(source, source)).findings.find(({ id }) => id === 'IMAGE-NOT-NYDUS');
  assert.equal(plain?.hint, undefined);
});

test('a source layer that is no tar is reported as a fault of the source', async () => {
  const source = sourceImage(layers());
  const target = await converted(source);
  const broken = sourceImage([
    layers()[0] ?? Buffer.alloc(0),
    Buffer.from('this is no tar, and not even a whole block of one'),
  ]);
  const ids = await idsOf(target, broken);
  assert.ok(ids.includes('FS-SOURCE'), ids.join());
});

test('a source whose config promises other layers is reported, by layer', async () => {
  const target = await converted(sourceImage(layers()));
  const promised = layers().map((tar) => sha256(tar));
  const source = sourceImage(layers(), { diffIds: [sha256(Buffer.from('another')), ...promised.slice(1)] });
  const { findings } = await check(target, source);
  const found = findings.filter(({ id }) => id === 'CONFIG-DIFF-ID');
  assert.deepEqual(
    found.map(({ where }) => where.part),
    ['source layer 1'],
  );
});

test('two images of one platform are each held against the source that they were made from', async () => {
  const source = new MemoryStore('memory.test/two:1');
  const platform = { os: 'linux', architecture: 'amd64' };
  const manifests = ['one', 'two'].map((name) => ({
    ...putImage(source, [layer(file(name, name.repeat(2000)))], { family: OCI, architecture: 'amd64' }),
    platform,
  }));
  source.root = source.putJson(MEDIA.ociIndex, { schemaVersion: 2, mediaType: MEDIA.ociIndex, manifests });
  assert.deepEqual(await idsOf(await converted(source), source), []);
  // Clients that choose by platform take the first image, so detection is asked for that one alone.
  const merged = await check(await converted(source, { mergePlatform: true }), source);
  const ids = merged.findings.map(({ id }) => id).sort();
  assert.deepEqual(ids, ['INDEX-DUPLICATE', 'INDEX-DUPLICATE']);
  assert.equal(merged.verdict, 'good');
});
