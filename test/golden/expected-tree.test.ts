/** The files that containers see: the merged tree of every case and the content of its files, read back out of our bytes. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { judgeBootstrap } from '../../src/native/judge.js';
import { expectedTreeLines } from '../support/images/tree-lines.js';
import { referenceCases, referenceLayers, referenceText } from '../support/images/fixtures.js';
import { contentDigest, packImage, type PackingOptions } from '../support/images/image.js';
import { treeDifferences } from '../support/images/tree-differences.js';
import { needs } from '../support/needs.js';

/** Files that only eStargz reads, and that every Nydus builder leaves out. */
const ESTARGZ = ['/stargz.index.json ', '/.prefetch.landmark ', '/.no.prefetch.landmark '];

const FORMATS: Readonly<Record<string, PackingOptions>> = {
  'dedup layer': {},
  'dedup image': { dedup: 'image' },
  flattened: { flatten: 'layers' },
  'flattened, dedup image': { flatten: 'layers', dedup: 'image' },
  'flattened into one blob': { flatten: 'one' },
  'RAFS v5, flattened': { fsVersion: 5, flatten: 'layers' },
  'RAFS v5, dedup layer': { fsVersion: 5 },
  'RAFS v5, dedup image': { fsVersion: 5, dedup: 'image' },
};

for (const [format, options] of Object.entries(FORMATS)) {
  for (const name of referenceCases()) {
    test(`the tree of ${name} is the one that the image spec asks for (${format})`, async (t) => {
      if (!needs(t, 'python3')) return;
      const image = await packImage(referenceLayers(name), options);
      assert.deepEqual(judgeBootstrap(image.bootstrap), []);
      const lines = await expectedTreeLines(image.merged.root, (file) => contentDigest(image, file));
      const expected = referenceText(name, 'expected.tree')
        .split('\n')
        .filter((line) => !ESTARGZ.some((start) => line.startsWith(start)));
      assert.deepEqual(treeDifferences(lines.join('\n'), expected.join('\n')), []);
    });
  }
}
