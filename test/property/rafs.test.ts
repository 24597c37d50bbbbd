import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { audit } from '../../src/rafs-builder/rules/audit.js';
import { diffImages } from '../../src/rafs-builder/show/diff.js';
import { dumpV6 } from '../../src/rafs-builder/show/dump.js';
import { readV6 } from '../../src/rafs-builder/index.js';
import { writeV6 } from '../second-opinion/write.js';
import type { Inode, TreeNode } from '../../src/rafs-builder/model/tree.js';
import { walk } from '../../src/rafs-builder/model/walk.js';
import { needs } from '../support/needs.js';
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

test('what is written passes every rule of the audit', () => {
  fc.assert(
    fc.property(bootstrapArbitrary, (bootstrap) => {
      assert.deepEqual(Array.from(audit(writeV6(bootstrap))), []);
    }),
  );
});

test('writing what was read gives the same bytes, and the same image has no differences', () => {
  fc.assert(
    fc.property(bootstrapArbitrary, (bootstrap) => {
      const bytes = writeV6(bootstrap);
      const image = readV6(bytes);
      const again = writeV6(image.bootstrap);
      assert.deepEqual(Array.from(dumpV6(readV6(again))), Array.from(dumpV6(image)));
      assert.ok(Buffer.from(bytes).equals(again));
      assert.deepEqual(Array.from(diffImages(image, readV6(again))), []);
    }),
    { numRuns: 50 },
  );
});

test('a changed byte gives an error of ours or another image, never a crash', () => {
  fc.assert(
    fc.property(bootstrapArbitrary, fc.nat(), fc.integer({ min: 1, max: 255 }), (bootstrap, place, mask) => {
      const bytes = Buffer.from(writeV6(bootstrap));
      // Most bytes of the first blocks are zero; half of the hits go to the metadata.
      const at = place % 2 === 0 ? (1024 + (place % 512)) % bytes.length : place % bytes.length;
      bytes[at] = (bytes[at] ?? 0) ^ mask;
      for (const finding of audit(bytes)) assert.ok(finding.message !== '');
    }),
    { numRuns: 300 },
  );
});

test('fsck.erofs accepts what is written', (t) => {
  if (!needs(t, 'fsck.erofs')) return;
  const folder = mkdtempSync(join(tmpdir(), 'nydusify-ts-rafs-'));
  try {
    fc.assert(
      fc.property(bootstrapArbitrary, (bootstrap) => {
        const boot = join(folder, 'boot');
        writeFileSync(boot, writeV6(bootstrap));
        const devices = bootstrap.blobs.map(({ record }, i) => {
          const path = join(folder, `device${i}`);
          writeFileSync(path, '');
          truncateSync(path, record.uncompressedSize);
          return `--device=${path}`;
        });
        const { status, stdout, stderr } = spawnSync('fsck.erofs', [...devices, boot], { encoding: 'utf8' });
        assert.equal(status, 0, `${stdout}${stderr}`);
      }),
      { numRuns: 20 },
    );
  } finally {
    rmSync(folder, { recursive: true });
  }
});
