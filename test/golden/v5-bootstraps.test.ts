/** RAFS v5 as the reference writes it: what we read is what its dump says, and nothing is wrong with it. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { judgeBootstrap } from '../../src/native/judge.js';
import { dump } from '../../src/rafs-builder/show/dump.js';
import { readV5 } from '../../src/rafs-builder/index.js';
import { referenceJson, referenceText } from '../support/images/fixtures.js';
import { referenceBootstrap } from '../support/references/reference-bootstraps.js';

const digests = referenceJson('v5-digests.json') as Record<string, Record<string, string>>; // our own file
/** The reference gives each name of a file its own attributes. */
const WARNINGS: Readonly<Record<string, readonly string[]>> = { hardlinks: ['RAFS-LINK-ATTRIBUTES'] };

for (const [name, options] of Object.entries(digests)) {
  for (const [option, digest] of Object.entries(options)) {
    test(`${name} with ${option} is read as the reference wrote it, and is sound`, () => {
      const bytes = referenceBootstrap(name, option);
      // Several xattrs of one inode: the reference's order is random, and the dump does not show it.
      if (name !== 'xattrs') assert.equal(createHash('sha256').update(bytes).digest('hex'), digest);
      const lines = Array.from(dump(readV5(bytes)));
      assert.deepEqual(lines, referenceText(name, option, 'merged.dump').trimEnd().split('\n'));
      const found = judgeBootstrap(bytes).map(({ id }) => id);
      assert.deepEqual(found, WARNINGS[name] ?? []);
    });
  }
}
