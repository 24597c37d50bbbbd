/**
 * Single-field damages of stored bootstraps, each with the verdict that a strict check should give. The reference accepts
 * many that no reader should, and crashes on some. (fixtures/reference/damage.json. The bases are written from their dumps
 * and are byte for byte the reference's.)
 */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { inspectBootstrap } from '../../../src/check/opened.js';
import {
  referenceBootstrap,
  referenceBootstrapDigest,
} from '../../support/references/reference-bootstraps.js';
import { referenceJson } from '../../support/images/fixtures.js';
import { applyEdits, type Edit } from '../../support/damage/mutations.js';

interface Damage {
  readonly name: string;
  readonly edits: readonly Edit[];
  readonly reference: 'accepted' | 'refused' | 'crash';
  readonly should: 'accept' | 'refuse';
}

/** A verdict must not take longer, whatever the bytes are. */
const LIMIT_MS = 1000;

const all = referenceJson('damage.json') as Record<string, readonly Damage[]>; // our own file

test('there are 208 damages, of v6, of v6 with xattrs, and of v5', () => {
  const counts = Object.entries(all).map(([base, damages]) => [base, damages.length]);
  assert.deepEqual(Object.fromEntries(counts), {
    'basic/v6-zstd': 165,
    'xattrs/v6-zstd': 8,
    'basic/v5-zstd': 35,
  });
});

for (const [base, damages] of Object.entries(all)) {
  test(`every damage of ${base} gets the right verdict`, (t) => {
    const [name, option] = base.split('/') as [string, string]; // both are in every key
    const bootstrap = referenceBootstrap(name, option);
    const digest = createHash('sha256').update(bootstrap).digest('hex');
    assert.equal(digest, referenceBootstrapDigest(name, option));
    const wrong: string[] = [];
    for (const damage of damages) {
      const start = performance.now();
      const { findings: found } = inspectBootstrap(applyEdits(bootstrap, damage.edits), {});
      const verdict = found.some(({ severity }) => severity === 'error') ? 'refuse' : 'accept';
      assert.ok(performance.now() - start < LIMIT_MS, `${damage.name} takes too long`);
      if (verdict !== damage.should) wrong.push(`${damage.name}: should ${damage.should}`);
    }
    const missed = damages.filter(
      ({ reference, should }) => should === 'refuse' && reference !== 'refused',
    ).length;
    t.diagnostic(
      `${damages.length - wrong.length} of ${damages.length} verdicts are right; the reference misses ${missed}`,
    );
    assert.deepEqual(wrong, []);
  });
}
