/**
 * Fuzzes readers without instrumenting them: an input is kept when its outcome is of a kind that was not seen before, so that
 * mutations start from inputs that get further. A fault is anything but a result or one of our errors, an internal error, and an
 * execution that takes long.
 */
import { InternalError, NydusError } from '../../../src/errors.js';
import { mutated, Random } from './mutate.js';
import type { FuzzTarget } from './targets.js';

/** Milliseconds. Inputs have at most 64 KiB, so that every reader is done sooner, on a loaded machine too. */
const SLOW = 2000;
/** Inputs to start from. A small number makes each of them be used often. */
const MAX_KEPT = 400;
/** Outcomes of new kinds that are reported. */
const MAX_FOUND = 100;

export interface FuzzFault {
  readonly input: Buffer;
  readonly reason: string;
}

/** The kind of an outcome; undefined for a fault. */
function kindOf(error: unknown): string | undefined {
  if (!(error instanceof NydusError) || error instanceof InternalError) return undefined;
  // Sentences name the input first, and quote it, so that only the rest tells kinds apart.
  const sentence = error.message.slice(error.message.lastIndexOf(': ') + 1).replace(/"[^"]*"/g, '"');
  return sentence.replace(/[^a-z ]+/gi, '#').slice(0, 60);
}

type Outcome = { readonly kind: string } | { readonly fault: FuzzFault };

/** On a machine with other work anything may take long now and then, but not as often as this. */
const TRIES = 5;

/** Runs one input, and again if it takes long. */
async function execute(target: FuzzTarget, input: Buffer): Promise<Outcome> {
  let took = 0;
  for (let tries = 0; tries < TRIES; tries++) {
    const measured = await measure(target, input);
    if (measured.took <= SLOW) return measured.outcome;
    ({ took } = measured);
  }
  return { fault: { input, reason: `took ${Math.round(took)} ms` } };
}

async function measure(
  target: FuzzTarget,
  input: Buffer,
): Promise<{ readonly took: number; readonly outcome: Outcome }> {
  const started = performance.now();
  let kind: string | undefined = 'accepted';
  let reason = '';
  try {
    const result = target.run(input);
    if (result instanceof Promise) await result;
  } catch (error) {
    kind = kindOf(error);
    reason = error instanceof Error ? (error.stack ?? error.message) : String(error);
  }
  const took = performance.now() - started;
  return { took, outcome: kind === undefined ? { fault: { input, reason } } : { kind } };
}

export interface FuzzRun {
  readonly executions: number;
  readonly faults: readonly FuzzFault[];
  /** An input for each kind of outcome that seeds do not have. */
  readonly found: readonly Buffer[];
}

/** Fuzzes a target until `until` (of `performance.now()`) or for `executions`. */
export async function fuzz(
  target: FuzzTarget,
  seeds: readonly Buffer[],
  {
    seed,
    until,
    executions: most,
  }: { readonly seed: number; readonly until: number; readonly executions: number },
): Promise<FuzzRun> {
  const random = new Random(seed);
  const kinds = new Set<string>();
  const faults: FuzzFault[] = [];
  const kept = [...seeds];
  const found: Buffer[] = [];
  let executions = 0;
  const run = async (input: Buffer, isSeed: boolean): Promise<void> => {
    executions++;
    const outcome = await execute(target, input);
    if ('fault' in outcome) {
      if (faults.length < 10) faults.push(outcome.fault);
    } else if (!kinds.has(outcome.kind)) {
      kinds.add(outcome.kind);
      if (isSeed) return;
      if (found.length < MAX_FOUND) found.push(input);
      if (kept.length < MAX_KEPT) kept.push(input);
    }
  };
  for (const input of seeds) await run(input, true);
  while (executions < most && performance.now() < until) {
    // The loop of events turns now and then, so that timers and the addon's answers come.
    if (executions % 10_000 === 0) await new Promise((resolve) => setImmediate(resolve));
    await run(mutated(random.pick(kept), kept, target.words, random), false);
  }
  return { executions, faults, found };
}
