/**
 * `node dist/scripts/mutations.js [COUNT [SEED [BASE…]]]`: COUNT mutations (100,000 by default) of bootstraps of both formats.
 * Each is a finding or a sound bootstrap to us, within a second; and whatever the upstream reader refuses, we refuse.
 * Without that reader (`npm run build:reference`) only the first is looked at. Exit status 1 when anything is otherwise.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { disagreements, MUTATED, runMutations } from '../test/support/mutation-run.js';
import { referenceVerdicts } from '../test/support/reference-batch.js';
import { referenceTool } from '../test/support/reference.js';

const [, , wanted = '100000', first = '1', ...names] = process.argv;
const bases = MUTATED.filter((base) => names.length === 0 || names.includes(base.join('/')));
const count = Math.ceil(Number(wanted) / bases.length);
const seed = Number(first);
const tool = referenceTool();
const folder = await mkdtemp(join(tmpdir(), 'nydusify-mutations-'));
let total = 0;
let wrong = 0;
try {
  process.stdout.write('base                       count   we refuse  reference  crashes  differ  slowest\n');
  for (const [i, base] of bases.entries()) {
    const { run, bytes } = runMutations(base, count, seed + i);
    const path = tool.path;
    const verdicts =
      path === undefined
        ? []
        : await referenceVerdicts(
            { path },
            bytes,
            { variants: run.variants, accepted: (index) => run.refused[index] === false },
            join(folder, 'base.boot'),
          );
    const differ = path === undefined ? [] : disagreements(run, verdicts);
    const of = (...which: readonly string[]): number =>
      verdicts.filter((verdict) => which.includes(verdict)).length;
    const cells = [
      String(run.variants.length).padStart(8),
      String(run.refused.filter(Boolean).length).padStart(12),
      (path === undefined ? '-' : String(of('refused'))).padStart(11),
      (path === undefined ? '-' : String(of('crash', 'hang'))).padStart(9),
      String(differ.length).padStart(8),
      `${run.slowestMs.toFixed(0)} ms`.padStart(9),
    ];
    process.stdout.write(`${run.base.padEnd(24)}${cells.join('')}\n`);
    for (const line of differ) process.stdout.write(`  the reference refuses, we accept: ${line}\n`);
    total += run.variants.length;
    wrong += differ.length;
  }
} finally {
  await rm(folder, { recursive: true });
}
const memory = Math.round(process.resourceUsage().maxRSS / 1024);
process.stdout.write(`${total} mutations, ${wrong} differ; at most ${memory} MiB of memory\n`);
process.exitCode = wrong === 0 ? 0 : 1;
