/**
 * `node dist/tools/damage/mutations.js [COUNT [SEED [BASE…]]] [--fsck] [--write]`: COUNT mutations (100,000 by default) of bootstraps of
 * both formats. Each is a finding or a sound bootstrap to us, within a second; and whatever the upstream reader refuses, we
 * refuse. Without that reader (`npm run build:reference`) only the first is looked at. `--fsck`: those of v6 that we accept,
 * `fsck.erofs` accepts. `--write` puts the table into docs/every-byte.md. Exit status 1 when anything is otherwise.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type FsckRun, fsckRun } from '../../test/support/references/fsck-verdicts.js';
import { BASES, type MutatedBase } from '../../test/support/damage/mutated-bases.js';
import { disagreements, type MutationRun, runMutations } from '../../test/support/damage/mutation-run.js';
import { findCommand, missing } from '../../test/support/needs.js';
import {
  type ReferenceVerdict,
  referenceVerdicts,
} from '../../test/support/references/reference-verdicts.js';
import { referenceTool } from '../../test/support/references/reference-builder.js';
import { writePageSection } from '../docs/page-section.js';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { fsck: { type: 'boolean', default: false }, write: { type: 'boolean', default: false } },
});
const [wanted = '100000', first = '1', ...names] = positionals;

interface Outcome {
  readonly run: MutationRun;
  /** Undefined without the upstream reader. */
  readonly verdicts: readonly ReferenceVerdict[] | undefined;
  /** Undefined when it is not asked, and for v5, which it does not read. */
  readonly fsck: FsckRun | undefined;
}

async function outcomeOf(
  base: MutatedBase,
  { count, seed, folder }: { readonly count: number; readonly seed: number; readonly folder: string },
): Promise<Outcome> {
  const { run, bytes } = await runMutations(base, count, seed);
  const { path } = referenceTool();
  const accepted = (index: number): boolean => run.refused[index] === false;
  const verdicts =
    path === undefined
      ? undefined
      : await referenceVerdicts(
          { path },
          bytes,
          { variants: run.variants, accepted },
          join(folder, 'base.boot'),
        );
  const fsck = values.fsck ? findCommand('fsck.erofs') : undefined;
  const asked = fsck !== undefined && base.isV6;
  return { run, verdicts, fsck: asked ? await fsckRun(fsck, bytes, run, folder) : undefined };
}

/** The mutations that other readers refuse and we accept, as sentences. */
function differences({ run, verdicts, fsck }: Outcome): string[] {
  return [
    ...(verdicts === undefined ? [] : disagreements(run, verdicts)).map(
      (line) => `the reference refuses ${line}`,
    ),
    ...(fsck?.disagreements ?? []).map((line) => `fsck.erofs refuses ${line}`),
  ];
}

const HEAD = [
  'bootstrap',
  'mutations',
  'we refuse',
  'upstream refuses',
  'upstream crashes',
  'fsck.erofs refuses of those we accept',
  'differ',
  'our slowest',
];

function row(outcome: Outcome): string[] {
  const { run, verdicts, fsck } = outcome;
  const of = (...which: readonly string[]): string =>
    verdicts === undefined ? '-' : number(verdicts.filter((verdict) => which.includes(verdict)).length);
  return [
    run.base,
    number(run.variants.length),
    number(run.refused.filter(Boolean).length),
    of('refused'),
    of('crash', 'hang'),
    fsck === undefined ? '-' : `${fsck.disagreements.length} of ${number(fsck.asked)}`,
    number(differences(outcome).length),
    `${run.slowestMs.toFixed(0)} ms`,
  ];
}

function number(value: number): string {
  return value.toLocaleString('en-US');
}

async function main(): Promise<void> {
  const without = values.fsck ? missing('fsck.erofs') : undefined;
  if (without !== undefined) throw new Error(`--fsck ${without}`);
  const bases = BASES.filter(({ name }) => names.length === 0 || names.includes(name));
  const count = Math.ceil(Number(wanted) / bases.length);
  const folder = await mkdtemp(join(tmpdir(), 'nydusify-mutations-'));
  const outcomes: Outcome[] = [];
  try {
    for (const [i, base] of bases.entries()) {
      const outcome = await outcomeOf(base, { count, seed: Number(first) + i, folder });
      process.stderr.write(`${row(outcome).join('  ')}\n`);
      outcomes.push(outcome);
    }
  } finally {
    await rm(folder, { recursive: true });
  }
  const differ = outcomes.flatMap(differences);
  for (const line of differ) process.stderr.write(`we accept what ${line}\n`);
  const total = outcomes.reduce((sum, { run }) => sum + run.variants.length, 0);
  const memory = Math.round(process.resourceUsage().maxRSS / 1024);
  const command = ['npm run mutations', ...(process.argv.length > 2 ? ['--', ...process.argv.slice(2)] : [])];
  const section = [
    `\`${command.join(' ')}\`: ${number(total)} mutations, ${number(differ.length)} differ; at most ${memory} MiB of memory.`,
    [HEAD, HEAD.map(() => '-'), ...outcomes.map(row)].map((cells) => `| ${cells.join(' | ')} |`).join('\n'),
  ].join('\n\n');
  if (values.write) await writePageSection('every-byte.md', 'mutations', section);
  else process.stdout.write(`${section}\n`);
  process.exitCode = differ.length === 0 ? 0 : 1;
}

await main();
