import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FormatError, UnsupportedError } from '../../../src/errors.js';
import { treeFindings } from '../../../src/rafs-builder/audit-tree.js';
import { readV6, type V6Image } from '../../../src/rafs-builder/v6-read.js';
import { isTreeSound } from '../../../src/rafs-builder/v6-sound.js';
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

for (const name of ['basic', 'xattrs-hardlinks', 'devices', 'chunks']) {
  test(`the quick look at the tree of ${name} agrees with the rules, whichever byte is changed`, () => {
    const sound = referenceBootstrap(name, 'v6-zstd');
    assert.equal(isTreeSound(readV6(sound)), true);
    let read = 0;
    let bad = 0;
    // Some hundred bytes; a prime step comes to every field in one inode or another.
    for (let at = 0; at < sound.length; at += sound[at] === 0 ? 67 : 7) {
      const bytes = Buffer.from(sound);
      bytes[at] = (bytes[at] ?? 0) ^ (1 << (at % 8));
      const image = imageOf(bytes);
      if (image === undefined) continue;
      read += 1;
      const found = treeFindings(image).length > 0;
      if (found) bad += 1;
      assert.equal(isTreeSound(image), !found, `byte ${at}`);
    }
    assert.ok(bad > 0 && bad < read, `${bad} of ${read}`);
  });
}
