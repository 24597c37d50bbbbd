import assert from 'node:assert/strict';
import { test } from 'node:test';
import { auditRegions } from '../../../src/rafs-builder/audit-regions.js';
import { BLOCK_SIZE } from '../../../src/rafs-builder/v6.js';
import { isCovered } from '../../../src/rafs-builder/v6-cover.js';
import { locateV6 } from '../../../src/rafs-builder/v6-locate.js';
import { readV6, type V6Image } from '../../../src/rafs-builder/v6-read.js';
import { flippedImages, imageOf } from '../../support/flipped-images.js';
import { referenceBootstrap } from '../../support/reference-bootstraps.js';

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
    for (const { at, image } of flippedImages(sound, 13)) {
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
