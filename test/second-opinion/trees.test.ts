/** Any tree by the writer in TypeScript: what it writes reads back the same, and other readers accept it. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fc } from '../support/properties.js';
import { readV6 } from '../../src/rafs-builder/index.js';
import { judgeBootstrap } from '../../src/native/judge.js';
import { diffImages } from '../../src/rafs-builder/show/diff.js';
import { dumpV6 } from '../../src/rafs-builder/show/dump-v6.js';
import { bootstrapArbitrary } from '../support/images/tree-arbitrary.js';
import { needs } from '../support/needs.js';
import { writeV6 } from './write.js';

test('what is written passes every rule of the audit', () => {
  fc.assert(
    fc.property(bootstrapArbitrary, (bootstrap) => {
      assert.deepEqual(judgeBootstrap(writeV6(bootstrap)), []);
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
