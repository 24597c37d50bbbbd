import assert from 'node:assert/strict';
import { test } from 'node:test';
import { treeFindings } from '../../../src/rafs-builder/audit-tree.js';
import { readV6 } from '../../../src/rafs-builder/v6-read.js';
import { isTreeSound } from '../../../src/rafs-builder/v6-sound.js';
import { flippedImages } from '../../support/flipped-images.js';
import { referenceBootstrap } from '../../support/reference-bootstraps.js';

for (const name of ['basic', 'xattrs-hardlinks', 'devices', 'chunks']) {
  test(`the quick look at the tree of ${name} agrees with the rules, whichever byte is changed`, () => {
    const sound = referenceBootstrap(name, 'v6-zstd');
    assert.equal(isTreeSound(readV6(sound)), true);
    let read = 0;
    let bad = 0;
    for (const { at, image } of flippedImages(sound, 7)) {
      read += 1;
      const found = treeFindings(image).length > 0;
      if (found) bad += 1;
      assert.equal(isTreeSound(image), !found, `byte ${at}`);
    }
    assert.ok(bad > 0 && bad < read, `${bad} of ${read}`);
  });
}
