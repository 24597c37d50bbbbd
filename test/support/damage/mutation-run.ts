/** Mutations of stored bootstraps against our verdict, and that of the upstream reader: what it refuses, we refuse. */
import { bootstrapFindings } from './findings.js';
import type { MutatedBase } from './mutated-bases.js';
import { applyEdits, type Edit, mutations } from './mutations.js';
import type { ReferenceVerdict } from '../references/reference-verdicts.js';

/** A verdict must not take longer, whatever the bytes are. Of processor time: a busy machine is not our fault. */
const LIMIT_MS = 1000;

/** Milliseconds of processor time since `start`. */
export function cpuMs(start: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(start);
  return (user + system) / 1000;
}

export interface MutationRun {
  readonly base: string;
  readonly variants: readonly (readonly Edit[])[];
  /** Ours, in the same order. */
  readonly refused: readonly boolean[];
  /** Findings of the rule that reading is, against all. */
  readonly unreadable: number;
  readonly slowestMs: number;
}

/** Mutations without edits behind a cut, which the reference's batch cannot make. An endless supply. */
export function* usableMutations(bytes: Buffer, seed: number): Generator<readonly Edit[]> {
  for (const edits of mutations(bytes, seed)) {
    const cut = Math.min(
      ...edits.map(([what, value]) => (what === 'size' ? value : Number.POSITIVE_INFINITY)),
    );
    if (edits.every(([at, value]) => at === 'size' || at + value.length / 2 <= cut)) yield edits;
  }
}

/** Throws whatever our rules throw, with the mutation that did it: they must find, never fail. */
export async function runMutations(
  { name: base, bytes: make }: Pick<MutatedBase, 'name' | 'bytes'>,
  count: number,
  seed: number,
): Promise<{ readonly run: MutationRun; readonly bytes: Buffer }> {
  const bytes = await make();
  const variants: (readonly Edit[])[] = [];
  const refused: boolean[] = [];
  let unreadable = 0;
  let slowestMs = 0;
  for (const edits of usableMutations(bytes, seed)) {
    if (variants.length === count) break;
    const start = process.cpuUsage();
    let findings;
    try {
      findings = bootstrapFindings(applyEdits(bytes, edits));
    } catch (cause) {
      throw new Error(`${base}: ${JSON.stringify(edits)} is not a finding but an exception`, { cause });
    }
    const elapsed = cpuMs(start);
    if (elapsed > LIMIT_MS) throw new Error(`${base}: ${JSON.stringify(edits)} takes ${elapsed} ms`);
    slowestMs = Math.max(slowestMs, elapsed);
    variants.push(edits);
    refused.push(findings.some(({ severity }) => severity === 'error'));
    if (findings[0]?.id === 'RAFS-READ') unreadable += 1;
  }
  return { run: { base, variants, refused, unreadable, slowestMs }, bytes };
}

/** Mutations that the reference refuses and we accept. A crash of it counts as refusing. */
export function disagreements(run: MutationRun, verdicts: readonly ReferenceVerdict[]): string[] {
  return run.variants
    .filter((_, i) => verdicts[i] !== 'accepted' && run.refused[i] === false)
    .map((edits) => `${run.base}: ${JSON.stringify(edits)}`);
}
