/** The reference's bootstraps, byte by byte: from their dumps to bytes, and from bytes to their dumps. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { readV6 } from '../../src/rafs-builder/index.js';
import { writeV6 } from './write.js';
import { judgeBootstrap } from '../../src/native/judge.js';
import { dumpV6 } from '../../src/rafs-builder/show/dump-v6.js';
import { parseDump } from '../support/images/dump-parser.js';
import {
  hasReference,
  PACKING,
  REFERENCE_OPTIONS,
  referenceCases,
  referenceDigests,
  referenceText,
} from '../support/images/fixtures.js';

/** Two or more xattrs on an inode are stored in an order that is new at every run of the reference. */
const RANDOM_ORDER = new Set(['xattrs']);
/** The reference keeps the device numbers that a tar header of a fifo may hold; ours are 0. */
const FIFO_NUMBERS = new Set(['devices']);

/** Any image that clients load as a whole: chunks of every codec and digest, and those in batches, have the same records. */
const WRITTEN = REFERENCE_OPTIONS.filter(
  (option) => option.startsWith('v6') && !('prefetch' in PACKING[option]),
);

const digests = referenceDigests();

for (const name of referenceCases()) {
  for (const option of WRITTEN) {
    if (!hasReference(name, option, 'merged.dump')) continue;
    test(`${name}/${option}: what the dump of the merged bootstrap says is written as the reference's bytes`, () => {
      const dump = referenceText(name, option, 'merged.dump');
      const bytes = writeV6(parseDump(dump));
      const again = Array.from(dumpV6(readV6(bytes))).join('\n') + '\n';
      assert.equal(again, FIFO_NUMBERS.has(name) ? withoutFifoNumbers(dump) : dump);
      assert.deepEqual(judgeBootstrap(bytes), []);
      if (RANDOM_ORDER.has(name) || FIFO_NUMBERS.has(name)) return;
      assert.equal(createHash('sha256').update(bytes).digest('hex'), digests[name]?.[option]?.bootstrap);
    });

    for (let layer = 1; hasReference(name, option, `layer-${layer}.dump`); layer++) {
      test(`${name}/${option}: the bootstrap inside the blob of layer ${layer} comes back from its dump`, () => {
        const dump = referenceText(name, option, `layer-${layer}.dump`);
        const bytes = writeV6(parseDump(dump));
        const again = Array.from(dumpV6(readV6(bytes))).join('\n') + '\n';
        assert.equal(again, FIFO_NUMBERS.has(name) ? withoutFifoNumbers(dump) : dump);
        assert.deepEqual(judgeBootstrap(bytes), []);
      });
    }
  }
}

function withoutFifoNumbers(dump: string): string {
  return dump.replace(/^(I \S+ p .*) \d+ (\d)$/gm, '$1 0 $2');
}
