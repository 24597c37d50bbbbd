/**
 * Single-field damages of a stored bootstrap, each with the verdict that a strict check should give. The reference accepts
 * many that no reader should, and crashes on some. (fixtures/reference/damage.json. The base is written from its dump and
 * byte for byte the reference's; that of the eight xattr damages has its attributes in an order that no writer repeats.)
 */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { inspectBootstrap } from '../../../src/check/opened.js';
import { rafsFormats } from '../../../src/rafs-builder/index.js';
import { parseDump } from '../../support/bootstrap-dump.js';
import { referenceDigests, referenceJson, referenceText } from '../../support/fixtures.js';

interface Damage {
  readonly name: string;
  /** Bytes in hex at an offset, or a new size: cut, or made longer with zeros. */
  readonly edits: readonly (readonly [offset: number, hex: string] | readonly ['size', bytes: number])[];
  readonly reference: 'accepted' | 'refused' | 'crash';
  readonly should: 'accept' | 'refuse';
}

/** A verdict must not take longer, whatever the bytes are. */
const LIMIT_MS = 1000;

function damaged(base: Uint8Array, { edits }: Damage): Buffer {
  let bytes = Buffer.from(base);
  for (const edit of edits) {
    if (edit[0] === 'size') {
      const resized = Buffer.alloc(edit[1]);
      bytes.copy(resized, 0, 0, Math.min(bytes.length, resized.length));
      bytes = resized;
    } else {
      bytes.write(edit[1], edit[0], 'hex');
    }
  }
  return bytes;
}

test('every damage of a v6 bootstrap gets the right verdict', (t) => {
  const { 'basic/v6-zstd': damages } = referenceJson('damage.json') as Record<string, readonly Damage[]>; // our own file
  assert.ok(damages);
  const bootstrap = rafsFormats[6].write(parseDump(referenceText('basic', 'v6-zstd', 'merged.dump')));
  const digest = createHash('sha256').update(bootstrap).digest('hex');
  assert.equal(digest, referenceDigests()['basic']?.['v6-zstd']?.bootstrap);
  const wrong: string[] = [];
  for (const damage of damages) {
    const start = performance.now();
    const { findings: found } = inspectBootstrap(damaged(bootstrap, damage), {});
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
