/** Any tree through the reader and the rules; the bytes are those of the writer in TypeScript (test/second-opinion). */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fc } from '../support/properties.js';
import { judgeBootstrap } from '../../src/native/judge.js';
import { readV6 } from '../../src/rafs-builder/index.js';
import { writeV6 } from '../second-opinion/write.js';
import type { Inode, TreeNode } from '../../src/rafs-builder/model/tree.js';
import { walk } from '../../src/rafs-builder/model/walk.js';
import { bootstrapArbitrary } from '../support/images/tree-arbitrary.js';

/** Every name with its inode's facts, and the number of its inode: equal exactly when trees and hard links are. */
function facts(root: TreeNode): unknown[] {
  const numbers = new Map<Inode, number>();
  return Array.from(walk(root), ({ path, node }) => {
    const number = numbers.get(node.inode) ?? numbers.size;
    numbers.set(node.inode, number);
    return [path, number, node.inode];
  });
}

test('a tree that is written reads back the same: names, attributes, links, chunks', () => {
  fc.assert(
    fc.property(bootstrapArbitrary, (bootstrap) => {
      const image = readV6(writeV6(bootstrap));
      assert.deepEqual(facts(image.bootstrap.root), facts(bootstrap.root));
      image.bootstrap.blobs.forEach(({ record, chunks }, i) => {
        assert.deepEqual(record, bootstrap.blobs[i]?.record);
        for (const index of chunks.indexes())
          assert.deepEqual(chunks.at(index), bootstrap.blobs[i]?.chunks.at(index));
      });
    }),
  );
});

test('a changed byte gives an error of ours or another image, never a crash', () => {
  fc.assert(
    fc.property(bootstrapArbitrary, fc.nat(), fc.integer({ min: 1, max: 255 }), (bootstrap, place, mask) => {
      const bytes = Buffer.from(writeV6(bootstrap));
      // Most bytes of the first blocks are zero; half of the hits go to the metadata.
      const at = place % 2 === 0 ? (1024 + (place % 512)) % bytes.length : place % bytes.length;
      bytes[at] = (bytes[at] ?? 0) ^ mask;
      for (const finding of judgeBootstrap(bytes)) assert.ok(finding.message !== '');
    }),
    { numRuns: 300 },
  );
});
