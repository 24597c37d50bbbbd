/**
 * `check` of an image whose files refer to chunks of a dictionary: a blob of the dictionary that is gone, damaged, replaced or not listed is
 * found, in a registry and in a folder, with the words that say which blob it is.
 */
import assert from 'node:assert/strict';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { checkImage } from '../../src/check/check.js';
import type { CheckOptions } from '../../src/check/options.js';
import { type Finding, formatFinding } from '../../src/check/finding.js';
import { convertImage } from '../../src/convert/convert.js';
import type { FormatOptions } from '../../src/native/addon-types.js';
import type { Descriptor } from '../../src/oci/descriptor.js';
import { digestHex } from '../../src/oci/digest.js';
import { openSource, openTarget } from '../../src/registry/open.js';
import {
  converted,
  flip,
  manifestOf,
  respelled,
  sourceImage,
  withBytes,
} from '../support/images/memory-conversion.js';
import { dir, file, layer } from '../support/images/tar.js';
import type { MemoryStore } from '../support/registries/memory-store.js';
import { tempFolder } from '../support/temp-folder.js';

const noise = (seed: number, size: number): Buffer => {
  const bytes = Buffer.alloc(size);
  for (let i = 0, state = seed; i < size; i++)
    bytes[i] = (state = (Math.imul(state, 1103515245) + 12345) >>> 0) >>> 16;
  return bytes;
};
const A = file('a', noise(1, 50_000));
/** The image uses both blobs of the dictionary, and of the first one not the second chunk. */
const OLD = [layer(dir('./'), A, file('unused', noise(5, 6000))), layer(file('b', noise(2, 70_000)))];
const SOURCE = sourceImage([
  layer(dir('./'), A, file('new', noise(4, 8000))),
  layer(file('b2', noise(2, 70_000))),
]);
/** The place of the dictionary's first blob among the layers. */
const BORROWED = 2;

const FORMATS: Readonly<Record<string, Partial<FormatOptions>>> = {
  v6: {},
  v5: { fsVersion: 5 },
  'v6, uncompressed, duplicates found in the image': { compressor: 'none', dedup: 'image' },
  'v6, lz4, small files together': { compressor: 'lz4_block', batchSize: 0x2000 },
};

type Json = Record<string, unknown>;

/** The image without its blob of this place, in the manifest and in the lists of the config. */
function withoutBlob(image: MemoryStore, place: number): MemoryStore {
  return respelled(image, (manifest, config) => {
    manifest.layers.splice(place, 1);
    (config['rootfs'] as { diff_ids: string[] }).diff_ids.splice(place, 1); // written by convert
    (config['history'] as Json[]).splice(place, 1);
  });
}

/** The image with this blob in the place of the dictionary's first one. */
function withOtherBlob(image: MemoryStore, other: MemoryStore): MemoryStore {
  const blob = manifestOf(other).layers[0] ?? assert.fail();
  return respelled(image, (manifest, config, copy) => {
    copy.content.set(blob.digest, other.content.get(blob.digest) ?? assert.fail());
    manifest.layers[BORROWED] = blob;
    (config['rootfs'] as { diff_ids: string[] }).diff_ids[BORROWED] = blob.digest; // written by convert
  });
}

async function findingsOf(target: MemoryStore, options?: CheckOptions): Promise<readonly Finding[]> {
  const alone = await checkImage({ target }, options);
  const beside = await checkImage({ source: SOURCE, target }, options);
  assert.deepEqual(alone.findings, beside.findings, 'a source is not needed to see it');
  assert.equal(alone.verdict, alone.findings.length === 0 ? 'good' : 'bad');
  return alone.findings;
}

const said = (findings: readonly Finding[]): readonly (readonly [string, string | undefined])[] =>
  findings.map(({ id, where }) => [id, where.part]);

for (const [name, format] of Object.entries(FORMATS))
  test(`faults of a dictionary's blob are found (${name})`, async () => {
    const plain = { ...format, batchSize: 0, dedup: 'layer' } as const;
    const dictionary = await converted(sourceImage(OLD), plain);
    const image = await converted(SOURCE, { ...format, dictionary });
    const { layers } = manifestOf(image);
    const borrowed = layers[BORROWED] ?? assert.fail();
    const digests = manifestOf(dictionary).layers.map(({ digest }) => digest);
    assert.deepEqual(
      layers.slice(BORROWED, -1).map(({ digest }) => digest),
      digests.slice(0, 2),
    );
    assert.deepEqual(await findingsOf(image), []);

    for (const options of [{}, { bootstrapOnly: true }, { sample: 10 }]) {
      const gone = withBytes(image, BORROWED, (bytes) => bytes);
      gone.content.delete(borrowed.digest);
      const missing = await findingsOf(gone, options);
      assert.deepEqual(said(missing), [['CONTENT-MISSING', 'layer 3']]);
      assert.match(
        formatFinding(missing[0] ?? assert.fail()),
        new RegExp(`registry.*${borrowed.digest} of ${borrowed.size} bytes`),
      );
      const cut = withBytes(image, BORROWED, (bytes) => bytes.subarray(0, -1));
      assert.deepEqual(said(await findingsOf(cut, options)), [['CONTENT-MISSING', 'layer 3']]);
      for (const unlisted of [
        withoutBlob(image, BORROWED),
        withOtherBlob(
          image,
          await converted(sourceImage([layer(dir('./'), file('z', noise(9, 5000)))]), plain),
        ),
      ]) {
        const [finding = assert.fail(), ...rest] = await findingsOf(unlisted, options);
        assert.deepEqual(
          [finding.id, finding.found, rest],
          ['BOOTSTRAP-BLOB-TABLE', digestHex(borrowed.digest), []],
        );
        assert.match(finding.message, /blob \d is not among the layers of the manifest/);
      }
    }

    const used = await findingsOf(withBytes(image, BORROWED, flip(2000)));
    assert.deepEqual(said(used), [
      ['CONTENT-DIGEST', 'layer 3'],
      ['CHUNK-DATA', 'layer 3'],
    ]);
    assert.match(used[1]?.message ?? '', /in \/a at /);
    const sampled = await findingsOf(withBytes(image, BORROWED, flip(2000)), { sample: 100 });
    assert.deepEqual(said(sampled), [['CHUNK-DATA', 'layer 3']]);
    const unused = await findingsOf(withBytes(image, BORROWED, flip(51_000)));
    assert.ok(unused.some(({ id, where }) => id === 'CONTENT-DIGEST' && where.part === 'layer 3'));

    // A registry that has put a blob of another dictionary under the digest.
    const remade = await converted(
      sourceImage([layer(dir('./'), file('a', noise(8, 50_000)), file('unused', noise(5, 6000)))]),
      plain,
    );
    const bytes = remade.content.get((manifestOf(remade).layers[0] ?? assert.fail()).digest) ?? assert.fail();
    const id = bytes.length === borrowed.size ? 'CONTENT-DIGEST' : 'CONTENT-MISSING';
    const replaced = await findingsOf(withBytes(image, BORROWED, () => Buffer.from(bytes)));
    assert.ok(replaced.some((one) => one.id === id && one.where.part === 'layer 3'));
  });

/** An image with a dictionary in a folder on disk, and the file of the dictionary's first blob. */
async function inFolder(
  t: TestContext,
): Promise<{ readonly location: string; readonly blob: Descriptor; readonly path: string }> {
  const folder = join(await tempFolder(t), 'image');
  const location = `oci:${folder}:v`;
  const dictionary = await converted(sourceImage(OLD));
  await using target = openTarget(location);
  const { images } = await convertImage({ source: SOURCE, target }, { dictionary });
  const blob = images[0]?.dictionaryBlobs[0] ?? assert.fail();
  return { location, blob, path: join(folder, 'blobs', 'sha256', digestHex(blob.digest)) };
}

test('a folder on disk that has lost, cut or changed the blob of a dictionary is called what it is', async (t) => {
  const { location, blob, path } = await inFolder(t);
  const check = async (): Promise<readonly string[]> => {
    await using target = openSource(location);
    return (await checkImage({ source: SOURCE, target })).findings.map(formatFinding);
  };
  assert.deepEqual(await check(), []);
  const sound = await readFile(path);
  await writeFile(path, flip(2000)(Buffer.from(sound)));
  const changed = await check();
  assert.deepEqual(
    changed.map((line) => line.split(/ +/)[1]),
    ['CONTENT-DIGEST', 'CHUNK-DATA'],
  );
  await writeFile(path, sound.subarray(0, -1));
  const [cut = '', ...others] = await check();
  await rm(path);
  for (const line of [cut, ...(await check())])
    assert.match(line, /CONTENT-MISSING .* layer 3: blob is not in the folder, or has another size/);
  assert.deepEqual(others, []);
  assert.ok(cut.includes(blob.digest));
});
