import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FormatError, UnsupportedError } from '../../../src/errors.js';
import { auditRegions } from '../../../src/rafs-builder/audit-regions.js';
import { BLOCK_SIZE } from '../../../src/rafs-builder/v6.js';
import { isCovered } from '../../../src/rafs-builder/v6-cover.js';
import { locateV6 } from '../../../src/rafs-builder/v6-locate.js';
import { readV6, type V6Image } from '../../../src/rafs-builder/v6-read.js';
import { referenceBootstrap } from '../../support/reference-bootstraps.js';

/** Undefined when the bytes cannot be read. */
function imageOf(bytes: Buffer): V6Image | undefined {
  try {
    return readV6(bytes);
  } catch (cause) {
    if (cause instanceof FormatError || cause instanceof UnsupportedError) return undefined;
    throw cause;
  }
}

function hasRegionFinding(image: V6Image): boolean {
  const { bytes, tables } = image;
  const reach = tables.extended.chunkTableOffset;
  const regions = auditRegions({ bytes, regions: locateV6(image), reach, unit: BLOCK_SIZE });
  return regions.next().done !== true;
}

for (const name of ['basic', 'xattrs-hardlinks', 'devices']) {
  test(`the quick look at regions of ${name} agrees with the rules, whichever byte is changed`, () => {
    const sound = referenceBootstrap(name, 'v6-zstd');
    assert.equal(isCovered(readV6(sound)), true);
    let read = 0;
    let bad = 0;
    // Some hundred bytes; a prime step comes to every field in one inode or another.
    for (let at = 0; at < sound.length; at += sound[at] === 0 ? 67 : 13) {
      const bytes = Buffer.from(sound);
      bytes[at] = (bytes[at] ?? 0) ^ (1 << (at % 8));
      const image = imageOf(bytes);
      if (image === undefined) continue;
      read += 1;
      if (hasRegionFinding(image)) bad += 1;
      assert.equal(isCovered(image), !hasRegionFinding(image), `byte ${at}`);
    }
    assert.ok(bad > 0 && bad < read, `${bad} of ${read}`);
  });
}

test('bytes behind the last structure are seen', () => {
  const longer = Buffer.concat([referenceBootstrap('basic', 'v6-zstd'), Buffer.alloc(BLOCK_SIZE)]);
  const image = imageOf(longer) ?? assert.fail();
  assert.equal(isCovered(image), false);
  assert.equal(hasRegionFinding(image), true);
});
