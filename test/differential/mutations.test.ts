/**
 * Bootstraps of both formats, made wrong at random: every outcome is a finding, none takes long, and what the upstream
 * project's reader refuses (or falls over) we refuse. The whole run is `npm run mutations`.
 */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { fsckRun } from '../support/references/fsck-verdicts.js';
import { BASES } from '../support/damage/mutated-bases.js';
import { disagreements, runMutations } from '../support/damage/mutation-run.js';
import { needs } from '../support/needs.js';
import { referenceVerdicts } from '../support/references/reference-verdicts.js';
import { referenceTool } from '../support/references/reference-builder.js';
import { tempFolder } from '../support/temp-folder.js';
import { pathOrSkip } from '../support/references/tools.js';

/** Mutations of each base. */
const COUNT = 200;
const SEED = 20_240_101;

test('what fsck.erofs refuses of damaged v6 bootstraps, we refuse', async (t) => {
  if (!needs(t, 'fsck.erofs')) return;
  for (const [i, base] of BASES.entries()) {
    if (!base.isV6) continue;
    const { run, bytes } = await runMutations(base, COUNT, SEED + i);
    const { asked, disagreements: differ } = await fsckRun('fsck.erofs', bytes, run, await tempFolder(t));
    t.diagnostic(`${run.base}: asked about ${asked}`);
    assert.deepEqual(differ, []);
  }
});

for (const [i, base] of BASES.entries()) {
  test(`${COUNT} mutations of ${base.name}: what the reference refuses, we refuse`, async (t) => {
    const { run, bytes } = await runMutations(base, COUNT, SEED + i);
    const path = pathOrSkip(t, referenceTool());
    if (path === undefined) return;
    const file = join(await tempFolder(t), 'base.boot');
    const verdicts = await referenceVerdicts(
      { path },
      bytes,
      { variants: run.variants, accepted: (index) => run.refused[index] === false },
      file,
    );
    const refused = run.refused.filter(Boolean).length;
    const theirs = verdicts.filter((verdict) => verdict !== 'accepted').length;
    t.diagnostic(`we refuse ${refused}, the reference ${theirs}; slowest ${run.slowestMs.toFixed(0)} ms`);
    assert.deepEqual(disagreements(run, verdicts), []);
  });
}
