/** Layers whose compression is recorded come back with their digests, and others as their tars. */
import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { constants, gunzipSync, gzipSync } from 'node:zlib';
import { convertImage } from '../../src/convert/convert.js';
import type { ConvertOptions } from '../../src/convert/options.js';
import { compress } from '../../src/native/codec.js';
import { MEDIA } from '../../src/oci/media-types.js';
import { sha256 } from '../../src/oci/digest.js';
import { reverseProspects } from '../../src/reverse/prospects.js';
import { reverseImage } from '../../src/reverse/reverse.js';
import type { ReverseOptions } from '../../src/reverse/options.js';
import { encoderTar } from '../support/images/encoder-tar.js';
import { manifestOf, storedImage, withBytes } from '../support/images/memory-conversion.js';
import { noise } from '../support/images/opaque-image.js';
import { randomImage } from '../support/images/random-layers.js';
import { file, layer } from '../support/images/tar.js';
import { findCommand } from '../support/needs.js';
import { projectRoot } from '../support/project.js';
import { MemoryStore } from '../support/registries/memory-store.js';
import { runTool } from '../support/run-tool.js';
import { tempFolder } from '../support/temp-folder.js';

interface Stream {
  readonly encoder: string;
  readonly base64: string;
}

const STREAMS = JSON.parse(
  await readFile(join(projectRoot, 'fixtures', 'gzip', 'streams.json'), 'utf8'),
) as readonly Stream[]; // our own file

interface Trip {
  /** What each layer came back as, and its digest. */
  readonly layers: readonly (readonly [string, string])[];
  readonly warnings: readonly string[];
  readonly ways: readonly string[];
  readonly whys: readonly string[];
  readonly nydus: MemoryStore;
}

async function keep(source: MemoryStore, options: Partial<ConvertOptions> = {}): Promise<MemoryStore> {
  const nydus = new MemoryStore('memory.test/nydus:1');
  await convertImage({ source, target: nydus }, { threads: 2, keepTarRecipe: true, ...options });
  return nydus;
}

async function comeBack(nydus: MemoryStore, options: Partial<ReverseOptions> = {}): Promise<Trip> {
  const warnings: string[] = [];
  const reporter = {
    emit: (event: { readonly type: string; readonly code?: string }): void => {
      if (event.type === 'warning') warnings.push(event.code ?? '');
    },
  };
  const back = new MemoryStore('memory.test/back:1');
  const { images } = await reverseImage(
    { source: nydus, target: back },
    { mode: 'rebuild', threads: 2, ...options },
    { reporter },
  );
  const made = images.flatMap(({ layers }) => layers);
  for (const {
    layer: { digest, size },
  } of made) {
    const bytes = back.content.get(digest) ?? assert.fail(digest);
    assert.deepEqual([sha256(bytes), bytes.length], [digest, size]);
  }
  const prospects = (await reverseProspects(nydus)).flatMap(({ layers }) => layers);
  return {
    layers: made.map(({ exact, layer: { digest } }) => [exact, digest]),
    warnings: warnings.filter((code) => code !== 'ORIGINAL_NOT_FOUND'),
    ways: prospects.map(({ way }) => way),
    whys: prospects.map(({ why }) => why),
    nydus,
  };
}

/** Fixed streams whose encoders search by rules that are known. */
const KNOWN: ReadonlySet<string> = new Set([
  'compress/gzip, Huffman codes alone',
  'compress/gzip, level 6',
  'gzip --rsyncable',
  'pigz -b128',
  'pigz -i -b128',
]);

test('layers of every encoder come back with their digest, or as their tar, as inspect says', async () => {
  const tar = encoderTar();
  const came: string[] = [];
  for (const { encoder, base64 } of STREAMS) {
    const bytes = Buffer.from(base64, 'base64');
    const { layers, warnings, ways, whys } = await comeBack(await keep(storedImage([bytes], [tar])));
    const isSame = layers[0]?.[1] === sha256(bytes);
    assert.deepEqual(
      layers.map(([exact]) => exact),
      [isSame ? 'layer' : 'tar'],
      encoder,
    );
    assert.deepEqual(ways, [isSame ? 'exact-layer' : 'exact-tar'], encoder);
    assert.match(whys[0] ?? '', isSame ? /and how it was compressed$/ : /no encoder that is known made it$/);
    assert.deepEqual(warnings, [], encoder);
    if (isSame) came.push(encoder);
  }
  assert.deepEqual(new Set(came), KNOWN);
});

/** A tar of more than one segment. */
const LARGE = layer(
  file(
    'text',
    Buffer.from(Array.from({ length: 120_000 }, (_, i) => `line ${(i * 7919) % 5000}\n`).join('')),
  ),
  file('noise', noise(300_000, 1)),
  file('zeros', Buffer.alloc(1_500_000)),
);

test('layers that programs of this machine compress come back with their digests', async (t) => {
  const folder = await tempFolder(t);
  const path = join(folder, 'layer.tar');
  await writeFile(path, LARGE);
  const commands = [
    ...['-1', '-3', '-6', '-9'].map((level) => ['gzip', level]),
    ['gzip', '--rsyncable'],
    ['pigz', '-6'],
    ['pigz', '-1', '-b', '512'],
    ['python3', '-c', PYTHON],
    ['perl', '-MIO::Compress::Gzip=gzip', '-e', 'gzip $ARGV[-1] => \\*STDOUT'],
  ];
  for (const [program = '', ...args] of commands) {
    if (findCommand(program) === undefined) continue;
    const flags = ['gzip', 'pigz'].includes(program) ? ['-c', ...args] : args;
    const stdout = await runTool(program, [...flags, path]);
    const what = [program, ...args].join(' ');
    const { layers } = await comeBack(await keep(storedImage([stdout], [LARGE])));
    assert.deepEqual(layers, [['layer', sha256(stdout)]], what);
  }
});

const PYTHON = 'import sys,gzip; sys.stdout.buffer.write(gzip.compress(open(sys.argv[-1],"rb").read(), 9))';

test('members, empty blocks, stored blocks and zeros behind the end come back', async () => {
  const half = LARGE.length >> 1;
  const [first, second] = [LARGE.subarray(0, half), LARGE.subarray(half)];
  const stored = { level: 0 } as const;
  const fixed = { strategy: constants.Z_FIXED, level: 0 } as const;
  const layers: Readonly<Record<string, readonly Buffer[]>> = {
    'two members': [gzipSync(first, stored), gzipSync(second, stored)],
    'an empty member between': [gzipSync(first, stored), gzipSync(''), gzipSync(second, fixed)],
    'zeros behind the end': [gzipSync(LARGE, stored), Buffer.alloc(1000)],
    'many small members': Array.from({ length: 400 }, (_, i) =>
      gzipSync(LARGE.subarray((LARGE.length / 400) * i, (LARGE.length / 400) * (i + 1)), stored),
    ),
  };
  for (const [what, members] of Object.entries(layers)) {
    const bytes = Buffer.concat(members);
    const whole = gunzipSync(what.startsWith('zeros') ? (members[0] ?? bytes) : bytes);
    const { layers: came } = await comeBack(await keep(storedImage([bytes], [whole])));
    assert.deepEqual(came, [['layer', sha256(bytes)]], what);
  }
});

test('a layer of zstd, and one that is to be compressed otherwise, come back as their tars', async () => {
  const [bytes, packed] = [gzipSync(LARGE, { level: 0 }), (await compress(LARGE, 3)) ?? assert.fail()];
  const nydus = await keep(storedImage([packed, bytes], [LARGE, LARGE], MEDIA.ociLayerZstd));
  const { layers, whys } = await comeBack(nydus);
  assert.deepEqual(
    layers.map(([exact]) => exact),
    ['tar', 'layer'],
  );
  assert.match(whys[0] ?? '', /the compression of zstd layers is not kept$/);
  const asked = await comeBack(nydus, { compression: { compressor: 'gzip' } });
  assert.deepEqual(
    asked.layers.map(([exact]) => exact),
    ['tar', 'tar'],
  );
});

test('random chains of layers keep their digests at any number of threads', async () => {
  for (let seed = 0; seed < 6; seed++) {
    const { layers: tars } = randomImage(seed);
    const packed = tars.map((tar, i) => gzipSync(tar, { level: i % 2 === 0 ? 0 : 6 }));
    const source = storedImage(packed, tars);
    const one = await keep(source, { threads: 1 });
    const many = await keep(source, { threads: 4, concurrency: 4 });
    assert.equal(one.root?.digest, many.root?.digest, `seed ${seed}`);
    for (const threads of [1, 4]) {
      const { layers, warnings } = await comeBack(one, { threads });
      assert.deepEqual(warnings, []);
      for (const [i, [exact, digest]] of layers.entries())
        assert.ok(exact === 'tar' || digest === sha256(packed[i] ?? Buffer.alloc(0)), `seed ${seed}, ${i}`);
    }
  }
});

test('a damaged record gives the exact tar and a warning, never other bytes', async () => {
  const bytes = gzipSync(LARGE, { level: 0 });
  const nydus = await keep(storedImage([bytes], [LARGE]));
  const position = manifestOf(nydus).layers.length - 2;
  const listed = manifestOf(nydus).layers[position] ?? assert.fail();
  const recipes = Buffer.from(nydus.content.get(listed.digest) ?? []);
  const index = recipes.lastIndexOf('{"version"');
  const { layers: places } = JSON.parse(recipes.toString('utf8', index)) as {
    readonly layers: readonly (readonly [number, number, string, number, number])[];
  };
  const [, , form, start, end] = places[0] ?? assert.fail();
  assert.equal(form, 'gzip');
  const changes: Readonly<Record<string, (bytes: Buffer) => void>> = {
    'a frame that does not decompress': (all) => all.fill(0, start + 4, end),
    'another size': (all) => void all.writeUInt32LE(7, start),
    'one bit': (all) => void all.writeUInt8(all.readUInt8((start + end) >> 1) ^ 4, (start + end) >> 1),
    'the recipe of the tar': (all) => void all.copy(all, start, 0, 40),
  };
  for (const [what, change] of Object.entries(changes)) {
    const damaged = withBytes(nydus, position, (all) => {
      const copy = Buffer.from(all);
      change(copy);
      return copy;
    });
    const { layers, warnings } = await comeBack(damaged);
    assert.deepEqual(
      layers.map(([exact]) => exact),
      ['tar'],
      what,
    );
    assert.deepEqual(warnings, ['LAYER_COMPRESSED_ANEW'], what);
  }
  const older = withBytes(nydus, position, (all) =>
    Buffer.concat([
      all.subarray(0, index),
      Buffer.from(all.toString('utf8', index).replace('"gzip"', '"late"')),
    ]),
  );
  assert.deepEqual(
    (await comeBack(older)).layers.map(([exact]) => exact),
    ['tar'],
    'a form that is not known',
  );
});
