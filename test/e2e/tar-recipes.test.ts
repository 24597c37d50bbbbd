/** Images that keep recipes of their tars come back with the same tars. */
import assert from 'node:assert/strict';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { checkImage } from '../../src/check/check.js';
import { convertImage } from '../../src/convert/convert.js';
import type { ConvertOptions } from '../../src/convert/options.js';
import { FormatError, UsageError } from '../../src/errors.js';
import type { RawName } from '../../src/oci/raw-name.js';
import type { Inode, TreeNode } from '../../src/rafs-builder/model/tree.js';
import { recipePlaces, unframeRecipe } from '../../src/recipe/collection.js';
import { decodeRecipe } from '../../src/recipe/decode.js';
import { unpackRecipe } from '../../src/recipe/recipe.js';
import { copyImage } from '../../src/copy/copy.js';
import { compress } from '../../src/native/codec.js';
import { MEDIA } from '../../src/oci/media-types.js';
import { anonymous } from '../../src/registry/auth/credentials.js';
import type { Location } from '../../src/registry/location.js';
import { openTarget } from '../../src/registry/open.js';
import type { ImageSource } from '../../src/registry/stores/store.js';
import { reverseProspects } from '../../src/reverse/prospects.js';
import { nydusify } from '../support/command.js';
import { sha256 } from '../../src/oci/digest.js';
import type { ReverseOptions } from '../../src/reverse/options.js';
import { reverseImage, type ReverseResult } from '../../src/reverse/reverse.js';
import { referenceCases, referenceLayers } from '../support/images/fixtures.js';
import { manifestOf, sourceImage, storedImage, withBytes } from '../support/images/memory-conversion.js';
import { noise } from '../support/images/opaque-image.js';
import { randomImage } from '../support/images/random-layers.js';
import {
  char,
  dir,
  endMarker,
  entry,
  fifo,
  file,
  hardlink,
  layer,
  opaque,
  raw,
  symlink,
  tarBytes,
  whiteout,
} from '../support/images/tar.js';
import { findCommand, needs } from '../support/needs.js';
import { TAR_WRITERS, writeTree } from '../support/references/tar-writers.js';
import { MemoryStore } from '../support/registries/memory-store.js';
import { runTool } from '../support/run-tool.js';
import { tempFolder } from '../support/temp-folder.js';

const FORMATS: Readonly<Record<string, Partial<ConvertOptions>>> = {
  'v6 zstd': {},
  'v6 lz4, chunks of lower layers referred to': { compressor: 'lz4_block', dedup: 'image' },
  'v6 batches': { batchSize: 0x10_0000 },
  'v6 none, small chunks': { compressor: 'none', chunkSize: 0x1000 },
  'v5 zstd': { fsVersion: 5 },
};

interface RoundTrip {
  readonly nydus: MemoryStore;
  readonly back: MemoryStore;
  readonly result: ReverseResult;
  readonly warnings: readonly string[];
}

const AS_TARS: Partial<ReverseOptions> = { mode: 'rebuild', compression: { compressor: 'none' }, threads: 2 };

/** Converts with recipes and back to layers that are bare tars. */
async function roundTrip(
  source: MemoryStore,
  options: Partial<ConvertOptions> = {},
  change = (nydus: MemoryStore): MemoryStore => nydus,
): Promise<RoundTrip> {
  const made = new MemoryStore('memory.test/nydus:1');
  const warnings: string[] = [];
  const reporter = {
    emit: (event: { readonly type: string; readonly code?: string }): void => {
      if (event.type === 'warning') warnings.push(event.code ?? '');
    },
  };
  await convertImage({ source, target: made }, { threads: 2, keepTarRecipe: true, ...options }, { reporter });
  const nydus = change(made);
  const back = new MemoryStore('memory.test/back:1');
  const result = await reverseImage({ source: nydus, target: back }, AS_TARS, { reporter });
  return { nydus, back, result, warnings };
}

function layersOf(store: MemoryStore): readonly Buffer[] {
  return manifestOf(store).layers.map(({ digest }) => Buffer.from(store.content.get(digest) ?? []));
}

function assertTars({ back, result }: RoundTrip, tars: readonly Buffer[], what: string): void {
  const made = result.images.flatMap(({ layers }) => layers);
  assert.deepEqual(
    made.map(({ exact, diffId }) => [exact, diffId]),
    tars.map((tar) => ['tar', sha256(tar)]),
    what,
  );
  for (const [i, bytes] of layersOf(back).entries())
    assert.ok(bytes.equals(tars[i] ?? Buffer.alloc(0)), what);
}

for (const name of referenceCases()) {
  test(`${name}: every tar comes back from every format as it was`, async () => {
    const tars = referenceLayers(name);
    for (const [format, options] of Object.entries(FORMATS))
      assertTars(await roundTrip(sourceImage(tars), options), tars, format);
  });
}

/** Tars that no canonical writer makes. */
const ODD: Readonly<Record<string, Buffer>> = {
  'a file that the layer itself replaces': layer(
    file('a', noise(5000, 1)),
    file('b', 'between'),
    file('a', noise(7000, 1)),
    file('a', 'last'),
  ),
  'a file that becomes a directory': layer(file('x', noise(600, 1)), dir('x'), file('x/y', 'z')),
  'a directory that becomes a file': layer(dir('x'), file('x/y', noise(600, 1)), file('x', 'z')),
  'a hard link to a file that is replaced': layer(
    file('a', noise(900, 1)),
    hardlink('b', 'a'),
    file('a', 'new'),
  ),
  'whiteouts with content, and of what the layer has': layer(
    file('gone', noise(3000, 1)),
    whiteout('gone'),
    entry('0', 'd/.wh.x', { data: noise(1000, 1) }),
    opaque('d'),
  ),
  'names in no order, with and without dots and slashes': layer(
    file('./z/y', '1'),
    dir('./z/', { mode: 0o700 }),
    file('/a', '2'),
    dir('b'),
    file('b//c', '3'),
    dir('./'),
  ),
  'owners, times and devices': layer(
    file('f', 'x', { uname: 'root', gname: 'wheel', uid: 0, gid: 4_000_000_000, mtime: -1.5 }),
    file('g', 'x', { uname: 'someone', mtime: 1_600_000_000.123 }),
    char('c', 4095, 1_048_575),
    fifo('p', { major: 7 }),
    symlink('s', 'x'.repeat(300)),
    file(`${'n'.repeat(90)}/${'m'.repeat(120)}`, 'x', { format: 'gnu' }),
    file('k', 'x', {
      pax: [
        ['comment', 'hello'],
        ['atime', '1.5'],
        ['SCHILY.xattr.user.a', '\0\n'],
      ],
    }),
  ),
  'padding that is not zero': tarBytes([
    raw(tarBytes([file('a', 'x')]).fill(7, 513, 1024)),
    file('b', 'y'),
    endMarker(),
    endMarker(),
    raw(Buffer.alloc(10_240)),
  ]),
  'no end, not even of the last block': tarBytes([file('a', 'x'), file('b', noise(700, 1))]).subarray(
    0,
    -300,
  ),
  'something behind the end': tarBytes([file('a', 'x'), endMarker(), raw(noise(2000, 1))]),
  'nothing at all': Buffer.alloc(0),
  'an end alone': Buffer.alloc(1024),
  'a link with data behind it': layer(file('a', 'x'), hardlink('b', 'a', { data: noise(512, 1), size: 512 })),
  'the table of eStargz': layer(file('a', 'x'), file('stargz.index.json', noise(4000, 1)), file('b', 'y')),
};

test('tars that no canonical writer makes come back as they were', async () => {
  for (const [what, tar] of Object.entries(ODD))
    for (const [format, options] of Object.entries(FORMATS)) {
      const trip = await roundTrip(sourceImage([tar]), options);
      assertTars(trip, [tar], `${what}, ${format}`);
      assert.deepEqual(
        trip.warnings.filter((code) => code.includes('RECIPE')),
        [],
        what,
      );
    }
});

test('random chains of layers come back as they were', async () => {
  for (let seed = 0; seed < 12; seed++) {
    const { layers: tars } = randomImage(seed);
    assertTars(
      await roundTrip(sourceImage(tars), { dedup: seed % 2 === 0 ? 'image' : 'layer' }),
      tars,
      `seed ${seed}`,
    );
  }
});

test('sparse files of every form come back as they were', async (t) => {
  if (!needs(t, 'tar', 'truncate')) return;
  const folder = await tempFolder(t);
  const tree = join(folder, 'tree');
  await mkdir(tree);
  const holes = Buffer.alloc(3_000_000);
  holes.set(noise(5000, 1), 4096);
  holes.set(noise(1_100_000, 1), 1_048_576);
  await writeFile(join(tree, 'holes'), holes);
  await runTool('truncate', ['-s', '5M', join(tree, 'holes')]);
  await runTool('truncate', ['-s', '70000', join(tree, 'empty')]);
  await writeFile(join(tree, 'plain'), 'plain');
  for (const form of [
    ['--format=gnu'],
    ['--format=oldgnu'],
    ...['0.0', '0.1', '1.0'].map((v) => ['--format=posix', `--sparse-version=${v}`]),
  ]) {
    const path = join(folder, 'made.tar');
    await runTool('tar', ['-cf', path, ...form, '--sparse', '--hole-detection=raw', '-C', tree, '.']);
    const tar = await readFile(path);
    assert.ok(tar.length < 2_000_000, 'the tar has no holes');
    for (const chunkSize of [0x1000, 0x10_0000])
      assertTars(await roundTrip(sourceImage([tar]), { chunkSize }), [tar], `${form.join(' ')} ${chunkSize}`);
  }
});

test('tars of other programs, in each of their formats, come back as they were', async (t) => {
  const folder = await tempFolder(t);
  const there = TAR_WRITERS.filter(({ needs: commands }) =>
    commands.every((command) => findCommand(command) !== undefined && !SLOW.has(command)),
  );
  const programs = new Set(there.map(({ program }) => program));
  // Every machine that runs the tests has these; `npm run recipes` has more.
  for (const program of ['GNU tar', 'Python tarfile', 'git archive'])
    assert.ok(programs.has(program), program);
  for (const [i, { program, format, isShort = false, write }] of there.entries()) {
    const [tree, made] = [join(folder, `tree${i}`), join(folder, `made${i}`)];
    await mkdir(tree);
    await mkdir(made);
    await writeTree(tree, isShort);
    await write(tree, join(made, 'made.tar'));
    const tar = await readFile(join(made, 'made.tar'));
    assertTars(await roundTrip(sourceImage([tar])), [tar], `${program}, ${format}`);
  }
});

/** They start for seconds. */
const SLOW: ReadonlySet<string> = new Set(['go', 'npm']);

test('the image with recipes is good for check, and only the recipes are new in it', async () => {
  const tars = referenceLayers(referenceCases()[0] ?? assert.fail());
  const source = sourceImage(tars);
  const { nydus } = await roundTrip(source);
  const plain = new MemoryStore('memory.test/nydus:2');
  await convertImage({ source, target: plain }, { threads: 2 });
  const { verdict, findings } = await checkImage({ target: nydus, source });
  assert.deepEqual([verdict, findings], ['good', []]);
  const digests = (store: MemoryStore): readonly string[] =>
    manifestOf(store).layers.map(({ digest }) => digest);
  const added = digests(nydus).filter((digest) => !digests(plain).includes(digest));
  assert.equal(added.length, 1);
  assert.equal(digests(nydus).at(-2), added[0], 'before the bootstrap');
  assert.ok(digests(plain).every((digest) => digests(nydus).includes(digest)));
});

test('a recipe that is damaged, or of another layer, gives a canonical tar and a warning', async () => {
  const tars = [layer(file('a', noise(3000, 1)), dir('d'), file('d/e', 'x')), layer(file('b', 'y'))];
  const source = sourceImage(tars);
  const { nydus, back } = await roundTrip(source);
  const position = manifestOf(nydus).layers.length - 2;
  const changes: Readonly<Record<string, (bytes: Buffer) => Buffer>> = {
    'other bytes': (bytes) => Buffer.from(bytes).fill(0, 5, 20),
    'no index': (bytes) => Buffer.from(bytes).fill(0x20, bytes.length - 10),
  };
  for (const [what, change] of Object.entries(changes)) {
    const trip = await roundTrip(source, {}, (made) => withBytes(made, position, change));
    const layers = trip.result.images.flatMap((image) => image.layers);
    assert.ok(
      layers.some(({ exact }) => exact === 'files'),
      what,
    );
    assert.ok(trip.warnings.includes('TAR_RECIPE_USELESS'), what);
  }
  assert.equal(layersOf(back).length, 2);
});

test('a layer that was a bare tar comes back as that layer, and one of zstd as its tar', async () => {
  const [first = Buffer.alloc(0), second = Buffer.alloc(0)] = TWO;
  const source = storedImage([(await compress(first, 3)) ?? assert.fail(), second], TWO);
  const nydus = new MemoryStore('memory.test/nydus:1');
  await convertImage({ source, target: nydus }, { threads: 2, keepTarRecipe: true });
  const back = new MemoryStore('memory.test/back:1');
  const { images } = await reverseImage({ source: nydus, target: back }, { mode: 'rebuild' });
  assert.deepEqual(
    images.flatMap(({ layers }) => layers.map(({ exact, diffId }) => [exact, diffId])),
    [
      ['tar', sha256(first)],
      ['layer', sha256(second)],
    ],
  );
  const last = manifestOf(back).layers.at(-1);
  assert.deepEqual([last?.digest, last?.mediaType], [sha256(second), MEDIA.ociLayerTar]);
  const ways = (await reverseProspects(nydus)).flatMap(({ layers }) => layers.map(({ way }) => way));
  assert.deepEqual(ways, ['exact-tar', 'exact-layer']);
});

test('damaged recipes are refused, and never followed without end', async () => {
  const { nydus } = await roundTrip(
    sourceImage([layer(file('a', noise(3000, 1)), dir('d'), file('a', 'x'))]),
  );
  const listed = manifestOf(nydus).layers.at(-2) ?? assert.fail('there is a layer of recipes');
  const bytes = Buffer.from(nydus.content.get(listed.digest) ?? []);
  const [place] = recipePlaces(bytes.subarray(bytes.lastIndexOf('{"version"')), bytes.length);
  const recipe = await unframeRecipe(bytes.subarray(place?.start, place?.end));
  const root: TreeNode = { name: '' as RawName, inode: ROOT, children: new Map() }; // a root has no name
  for (let at = 0; at < recipe.length; at += 1) {
    const damaged = Buffer.from(recipe);
    damaged[at] = (damaged[at] ?? 0) ^ (1 << (at % 8));
    let parts = 0;
    try {
      for (const part of decodeRecipe(unpackRecipe(damaged), root)) parts += part === undefined ? 0 : 1;
    } catch (error) {
      assert.ok(error instanceof FormatError, `byte ${at}: ${String(error)}`);
    }
    assert.ok(parts < 1000, `byte ${at}`);
  }
});

const ROOT: Inode = {
  kind: 'directory',
  implied: false,
  mode: 0,
  uid: 0,
  gid: 0,
  mtime: 0,
  mtimeNsec: 0,
  xattrs: [],
  layer: 0,
};

test('recipes are refused beside what leaves no tar to make again', async () => {
  const source = sourceImage([layer(file('a', 'x'))]);
  const target = new MemoryStore('memory.test/nydus:1');
  const refused = [{ flatten: 'one' }, { ociRef: 'zran' }] as const;
  for (const options of refused)
    await assert.rejects(convertImage({ source, target }, { keepTarRecipe: true, ...options }), UsageError);
});

test('beside a build cache the layers are read for their recipes, and their blobs are there for other runs', async (t) => {
  const source = storedImage(
    TWO.map((tar) => gzipSync(tar)),
    TWO,
  );
  const folder = { path: await tempFolder(t), blobBytes: 2 ** 24 };
  for (const where of ['folder', 'tag'] as const) {
    const cache = where === 'folder' ? { folder } : { store: new MemoryStore('memory.test/nydus:cache') };
    const run = async (
      keepTarRecipe: boolean,
    ): Promise<{ readonly digest: string; readonly hits: number }> => {
      const target = new MemoryStore('memory.test/nydus:1');
      const { root, images } = await convertImage({ source, target, cache }, { keepTarRecipe, threads: 2 });
      const layers = images.flatMap((made) => made.layers);
      return { digest: root.digest, hits: layers.filter(({ cache: found }) => found === 'hit').length };
    };
    const { nydus } = await roundTrip(source);
    const cold = await run(true);
    assert.deepEqual(cold, { digest: nydus.root?.digest, hits: 0 });
    const plain = await run(false);
    assert.equal(plain.hits, 2, 'the run with recipes has recorded its blobs');
    assert.deepEqual(await run(true), cold, 'with a warm cache');
  }
});

const TWO = [layer(file('a', noise(3000, 1)), dir('d'), file('d/e', 'x')), layer(file('b', 'y'))];

test('inspect says how each layer would come back, and why', async () => {
  const source = storedImage(
    TWO.map((tar) => gzipSync(tar)),
    TWO,
  );
  const ways = async (
    options: Partial<ConvertOptions>,
    isHome = false,
  ): Promise<readonly (readonly [string, string])[]> => {
    const nydus = new MemoryStore('memory.test/nydus:1');
    await convertImage({ source, target: nydus }, { threads: 2, ...options });
    if (options.ociRef !== undefined && source.root !== undefined) nydus.content.delete(source.root.digest);
    if (isHome) for (const [digest, bytes] of source.content) nydus.content.set(digest, bytes);
    const openOriginal = (location: Location): ImageSource => {
      const digest = location.kind === 'registry' ? location.reference.digest : undefined;
      const bytes = digest === undefined ? undefined : nydus.content.get(digest);
      const store = MemoryStore.copyOf(nydus);
      if (bytes === undefined || digest === undefined) store.root = undefined;
      else store.root = { mediaType: MEDIA.ociManifest, digest, size: bytes.length };
      return store;
    };
    const images = await reverseProspects(nydus, { openOriginal });
    return images.flatMap(({ layers }) => layers.map(({ way, why }) => [way, why] as const));
  };
  const missing = `manifest ${source.root?.digest ?? ''} is not there`;
  assert.deepEqual(
    await ways({}),
    TWO.map(() => ['rebuild', `${missing}; the image keeps no recipes of its tars`]),
  );
  assert.deepEqual(
    await ways({ keepTarRecipe: true }),
    TWO.map(() => [
      'exact-layer',
      `${missing}; the image keeps a recipe of the tar, and how it was compressed`,
    ]),
  );
  assert.deepEqual(
    (await ways({ ociRef: 'zran' })).map(([way]) => way),
    ['exact-layer', 'exact-layer'],
  );
  assert.deepEqual(
    (await ways({ mergePlatform: true })).map(([way]) => way),
    ['relink', 'relink'],
  );
  assert.deepEqual(
    (await ways({}, true)).map(([way]) => way),
    ['relink', 'relink'],
  );
});

test('inspect --layers prints a table and the reasons, and a document for programs', async (t) => {
  const folder = await tempFolder(t);
  const [from, to] = [`oci:${join(folder, 'source')}:v`, `oci:${join(folder, 'nydus')}:v`];
  {
    await using target = openTarget(from, { credentials: anonymous });
    await copyImage({
      source: storedImage(
        TWO.map((tar) => gzipSync(tar)),
        TWO,
      ),
      target,
    });
  }
  const made = await nydusify(['convert', '--keep-tar-recipe', '-q', from, to]);
  assert.equal(made.status, 0, made.stderr);
  assert.match(
    (await nydusify(['inspect', '--layers', to])).stdout,
    /1, 2: the original manifest is in oci:/,
  );
  await rename(join(folder, 'source'), join(folder, 'moved'));
  const shown = await nydusify(['inspect', '--layers', to]);
  assert.equal(shown.status, 0, shown.stderr);
  assert.match(shown.stdout, /layer +digest +size +comes back as +recipe/);
  assert.match(shown.stdout, /1 +[0-9a-f]{12} .*exact-layer/);
  assert.match(shown.stdout, /1, 2: .*the image keeps a recipe of the tar/);
  const { stdout } = await nydusify(['inspect', '--layers', '--json', to]);
  const document = JSON.parse(stdout) as { readonly kind: string };
  assert.equal(document.kind, 'layers');
  assert.match((await nydusify(['inspect', to])).stdout, /recipes/);
  for (const other of [['--dump'], ['--at', '1']])
    assert.equal((await nydusify(['inspect', '--layers', ...other, to])).status, 2);
  const refused = await nydusify(['convert', '--keep-tar-recipe', '--flatten', from, `${to}2`]);
  assert.match(refused.stderr, /--keep-tar-recipe conflicts with --flatten: /);
  const cached = [
    'convert',
    '--keep-tar-recipe',
    '--cache-dir',
    join(folder, 'cache'),
    from.replace('source', 'moved'),
  ];
  const both = await nydusify([...cached, `${to}3`]);
  assert.equal(both.status, 0, both.stderr);
  assert.match(both.stderr, /note: the build cache is written and not read: --keep-tar-recipe /);
});
