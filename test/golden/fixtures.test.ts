/**
 * Our bytes against the reference builder's: RAFS blobs of all layers and the merged bootstrap, for every case and option.
 * Where the reference strays from the image spec, the layer is first rewritten as the reference reads it
 * (support/references/reference-reading.ts): then the bytes must be the same again, but for DEVIATIONS.
 */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { dump } from '../../src/rafs-builder/show/dump.js';
import { readBootstrap } from '../../src/rafs-builder/versions.js';
import {
  PACKING,
  REFERENCE_OPTIONS,
  type ReferenceDigests,
  type ReferenceOption,
  hasReference,
  referenceDigests,
  referenceJson,
  referenceLayers,
  referenceText,
} from '../support/images/fixtures.js';
import { type PackedImage, type PackedLayer, packImage } from '../support/images/image.js';
import { needs } from '../support/needs.js';
import {
  asTheReferenceReads,
  CASE_READINGS,
  type Reading,
  READINGS,
} from '../support/references/reference-reading.js';

/** Where bytes differ that no rewriting of layers makes equal, and why. */
interface Deviation {
  /** Numbers of the layers whose own bootstrap differs, from 1; the merged one always does. */
  readonly layers: readonly number[];
  readonly why: string;
  /** Replaces what dumps may differ in; without it, the bootstraps hold different trees. */
  readonly alike?: (line: string) => string;
  /** The only version in which the bytes differ. */
  readonly only?: 'v5';
}

/** Cases in which the reference's output is not the image spec's. `expected-tree.test.ts` holds what is right. */
const DEVIATIONS: Readonly<Record<string, Deviation>> = {
  xattrs: {
    layers: [1, 2],
    why: 'xattrs of one inode are stored in a random order, ours by name',
    alike: (line) => line, // dumps have them by name
  },
  devices: {
    layers: [1],
    why: 'a fifo keeps the device numbers of its header, which no client shows',
    alike: (line) => line.replace(/^(I \S+ p(?: \S+){9}) \d+/, '$1 0'),
  },
  hardlinks: {
    layers: [1],
    why: 'each name of a file has mode, owner and time of its own entry',
    alike: (line) =>
      line.replace(
        /^(I \S+ f) \S+ \S+ \S+ (\S+) \S+ \S+ (\S+ \S+ \S+ \S+ 2)$/,
        '$1 mode uid gid $2 mtime $3',
      ),
    only: 'v5',
  },
  'base-whiteouts': { layers: [], why: 'whiteouts of the lowest layer stay as empty files' },
  'missing-parents': {
    layers: [1],
    why: 'what lies in a parent without an entry ends up in another directory',
  },
  'opaque-misplaced': {
    layers: [2],
    why: 'whiteouts in a parent without an entry end up in another directory',
  },
};

/** One result of the reference builder. */
interface Result {
  readonly name: string;
  readonly option: ReferenceOption;
  readonly digests: ReferenceDigests;
}

const sha256Hex = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
const same = (line: string): string => line;
/** The ids of blobs that hold bootstraps with other bytes. */
const withoutId = (line: string): string =>
  line.startsWith('B ') ? line.replace(/ id=[0-9a-f]+/, ' id=?') : line;

function deviationOf(name: string, option: ReferenceOption): Deviation | undefined {
  const deviation = DEVIATIONS[name];
  return deviation?.only === undefined || option.startsWith(deviation.only) ? deviation : undefined;
}

/** The rewriting of a case's layers. Names of a file have one inode in RAFS v6 alone. */
function readingsOf(name: string, option: ReferenceOption): readonly Reading[] {
  const readings = CASE_READINGS[name] ?? [];
  return option.startsWith('v5') ? readings.filter((reading) => reading !== 'links') : readings;
}

/** Compares line by line: a difference is shown as the two lines that it is in. */
function assertSameDump(bootstrap: Uint8Array, stored: string, alike: (line: string) => string): void {
  const ours = Array.from(dump(readBootstrap(bootstrap)), alike);
  const theirs = stored.trimEnd().split('\n').map(alike);
  for (const [i, line] of ours.entries()) assert.equal(line, theirs[i]);
  assert.equal(ours.length, theirs.length);
}

/** Data, chunk records and digests: all that comes before the layer's bootstrap. In v5 that is data, of which dumps have the digests. */
function assertSameSections(layer: PackedLayer, { name, option }: Result, number: number): void {
  if (option.startsWith('v5')) {
    const { sections } = referenceJson(name, option, `layer-${number}.json`) as {
      readonly sections: readonly { readonly name: string; readonly offset: number }[];
    };
    const start = sections.find((section) => section.name === 'image.boot')?.offset;
    assert.equal(layer.record?.compressedSize ?? 0, start, `where the bootstrap of layer ${number} starts`);
    return;
  }
  const { toc } = referenceJson(name, option, `layer-${number}.json`) as {
    readonly toc: readonly {
      readonly name: string;
      readonly sha256: string;
      readonly offset: number;
      readonly csize: number;
    }[];
  };
  for (const section of toc) {
    if (section.name === 'image.boot') {
      assert.equal(
        layer.record?.compressedSize ?? 0,
        section.offset,
        `where the bootstrap of layer ${number} starts`,
      );
    } else if (section.name === 'blob.meta') {
      assert.equal(layer.record?.metaCompressedSize, section.csize);
    } else {
      // The digest of the data covers its tar header as well.
      const size = section.name === 'image.blob' ? section.csize + 512 : section.csize;
      const ours = layer.bytes.subarray(section.offset, section.offset + size);
      assert.equal(sha256Hex(ours), section.sha256, `${section.name} of layer ${number}`);
    }
  }
}

function assertLayer(layer: PackedLayer, number: number, result: Result): void {
  const { name, option, digests } = result;
  const except = deviationOf(name, option);
  const differs = except?.layers.includes(number) === true;
  const stored = `layer-${number}.dump`;
  if (hasReference(name, option, stored) && !(differs && except.alike === undefined)) {
    assertSameDump(
      layer.bootstrap,
      referenceText(name, option, stored),
      differs ? (except.alike ?? same) : same,
    );
  }
  if (differs) assertSameSections(layer, result, number);
  else assert.equal(sha256Hex(layer.bytes), digests.layers[number - 1], `blob of layer ${number}`);
}

function assertMerged(image: PackedImage, { name, option, digests }: Result): void {
  const except = deviationOf(name, option);
  if (except === undefined) {
    const { blobs } = referenceJson(name, option, 'merge.json') as { readonly blobs: readonly string[] }; // as merge wrote it
    assert.deepEqual(
      image.merged.blobs.map(({ record }) => record.id),
      blobs,
    );
    if (hasReference(name, option, 'merged.dump'))
      assertSameDump(image.bootstrap, referenceText(name, option, 'merged.dump'), same);
    assert.equal(sha256Hex(image.bootstrap), digests.bootstrap);
    return;
  }
  const { alike } = except;
  if (alike !== undefined) {
    const stored = referenceText(name, option, 'merged.dump');
    assertSameDump(image.bootstrap, stored, (line) => alike(withoutId(line)));
    assert.equal(image.bootstrap.length, digests.bootstrapSize);
  }
  assert.notEqual(
    sha256Hex(image.bootstrap),
    digests.bootstrap,
    'the reference is said to differ, and does not',
  );
}

const allDigests = referenceDigests();
for (const [name, byOption] of Object.entries(allDigests)) {
  for (const option of REFERENCE_OPTIONS) {
    const digests = byOption[option];
    if (digests === undefined) continue;
    const readings = readingsOf(name, option);
    const except = deviationOf(name, option);
    const like =
      readings.length === 0
        ? ''
        : `, read as the reference reads it (${readings.map((key) => READINGS[key]).join('; ')})`;
    const but = except === undefined ? '' : `, but for this: ${except.why}`;
    test(`${name} ${option} makes the reference's bytes${like}${but}`, async (t) => {
      if (!needs(t, 'python3')) return;
      const sources = referenceLayers(name);
      const layers =
        readings.length === 0 ? sources : sources.map((tar) => asTheReferenceReads(tar, readings));
      const image = await packImage(layers, PACKING[option]);
      const result = { name, option, digests };
      assert.equal(image.layers.length, digests.layers.length);
      for (const [i, layer] of image.layers.entries()) assertLayer(layer, i + 1, result);
      assertMerged(image, result);
    });
  }

  const readings = CASE_READINGS[name] ?? [];
  for (const reading of readings) {
    test(`${name} shows that in the reference ${READINGS[reading]}`, async (t) => {
      if (!needs(t, 'python3')) return;
      const others = readings.filter((one) => one !== reading);
      const layers = referenceLayers(name).map((tar) => asTheReferenceReads(tar, others));
      const image = await packImage(layers, PACKING['v6-zstd']);
      const theirs = referenceText(name, 'v6-zstd', 'merged.dump');
      assert.throws(() => {
        assertSameDump(image.bootstrap, theirs, withoutId);
      }, assert.AssertionError);
    });
  }
}

test('every deviation is one of a case that exists', () => {
  for (const name of [...Object.keys(DEVIATIONS), ...Object.keys(CASE_READINGS)])
    assert.ok(allDigests[name] !== undefined, name);
});
