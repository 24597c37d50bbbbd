/**
 * The matrix of steps: each step that a run can do without, or do in another way, × every status that a registry may answer to it.
 * Unlike in the fault matrix the status is all that is wrong, and it says nothing else: no challenge, no error body.
 */
import type { IncomingMessage } from 'node:http';
import type { FaultRule } from '../../../src/embedded-registry/faults.js';
import { NydusError } from '../../../src/errors.js';
import { mapOrdered } from '../../../src/io/concurrency.js';
import { isTransient } from '../../../src/registry/http/statuses.js';
import { type FaultLab, type Host, type Observation, openFaultLab } from './fault-lab.js';
import { brokenPromises, type Mode } from './fault-matrix.js';
import type { Scenario } from './fault-runs.js';

export const STATUSES = [
  400, 401, 403, 404, 405, 406, 408, 409, 410, 411, 413, 415, 422, 425, 429, 451, 499, 500, 501, 502, 503,
  507, 520, 524, 530,
] as const;

interface Step {
  readonly name: string;
  readonly scenario: Scenario;
  readonly host: Host;
  readonly strikes: (request: IncomingMessage) => boolean;
  /** Another fault, without which a run does not come to this step. */
  readonly before?: FaultRule;
  /** Statuses that leave no other way, so that the run may end with an error; by default none. */
  readonly lasting?: readonly number[];
}

function asks(method: string, path: RegExp): (request: IncomingMessage) => boolean {
  return (request) => request.method === method && path.test(request.url ?? '');
}

const hasBody = ({ headers }: IncomingMessage): boolean => headers['content-length'] !== '0';
const sendWhole = (request: IncomingMessage): boolean =>
  asks('PUT', /\/uploads\//)(request) && hasBody(request);
/** The first whole blob is cut in its middle. */
const CUT: FaultRule = { fault: 'half', when: sendWhole };
/** No body fits, not even the smallest that is tried. */
const NO_SPACE = [413, 507];

export const STEPS: readonly Step[] = [
  { name: 'HEAD of the source', scenario: 'usual', host: 'source', strikes: asks('HEAD', /\/manifests\//) },
  {
    name: 'HEAD of the tag',
    scenario: 'usual',
    host: 'target',
    strikes: asks('HEAD', /\/manifests\/(?!sha)/),
  },
  {
    name: 'HEAD of a manifest',
    scenario: 'usual',
    host: 'target',
    strikes: asks('HEAD', /\/manifests\/sha/),
  },
  { name: 'HEAD of a blob', scenario: 'usual', host: 'target', strikes: asks('HEAD', /\/blobs\//) },
  {
    name: 'read on by Range',
    scenario: 'usual',
    host: 'source',
    strikes: ({ method, headers }) => method === 'GET' && headers.range !== undefined,
    before: { fault: 'half', method: 'GET', path: /\/blobs\// },
  },
  { name: 'mount', scenario: 'mount', host: 'target', strikes: asks('POST', /mount=/) },
  { name: 'PUT of a whole blob', scenario: 'usual', host: 'target', strikes: sendWhole, lasting: NO_SPACE },
  {
    name: 'PATCH of a chunk',
    scenario: 'chunks',
    host: 'target',
    strikes: asks('PATCH', /\/uploads\//),
    lasting: NO_SPACE,
  },
  {
    name: 'PATCH of a blob that is made',
    scenario: 'large',
    host: 'target',
    strikes: asks('PATCH', /\/uploads\//),
  },
  {
    name: 'GET of an upload',
    scenario: 'usual',
    host: 'target',
    strikes: asks('GET', /\/uploads\//),
    before: CUT,
  },
  {
    name: 'DELETE of an upload',
    scenario: 'usual',
    host: 'target',
    strikes: asks('DELETE', /\/uploads\//),
    before: { fault: 'status-405', when: sendWhole },
  },
  { name: 'GET of referrers', scenario: 'referrer', host: 'target', strikes: asks('GET', /\/referrers\//) },
  {
    name: 'GET of the list of referrers',
    scenario: 'referrer',
    host: 'target',
    strikes: asks('GET', /\/manifests\/sha256-/),
    lasting: STATUSES,
  },
  {
    name: 'PUT of the list of referrers',
    scenario: 'referrer',
    host: 'target',
    strikes: asks('PUT', /\/manifests\/sha256-/),
    lasting: STATUSES,
  },
];

export interface StepCell {
  readonly step: string;
  readonly status: number;
  readonly mode: Mode;
}

export interface StepResult extends StepCell {
  /** `same`, or the code of the error. */
  readonly outcome: string;
  /** Promises that were broken. */
  readonly faults: readonly string[];
}

/** Every step × status × mode, of `every` so many the first. */
function stepCells(every: number): readonly StepCell[] {
  const modes: readonly Mode[] = ['once', 'for good'];
  return STEPS.flatMap(({ name: step }) =>
    STATUSES.flatMap((status) => modes.map((mode) => ({ step, status, mode }))),
  ).filter((_, index) => index % every === 0);
}

/** Conversions at a time: most of a cell is waiting. */
const AT_ONCE = 6;

export async function runSteps(
  every: number,
  progress: (result: StepResult) => void = () => undefined,
): Promise<readonly StepResult[]> {
  const cells = stepCells(every);
  const results: StepResult[] = [];
  for (const scenario of new Set(STEPS.map((step) => step.scenario))) {
    await using lab = await openFaultLab(scenario);
    const { tagged = '' } = await lab.run({ rules: {} });
    const steps = STEPS.filter((step) => step.scenario === scenario);
    const own = cells.flatMap((cell) => {
      const step = steps.find(({ name }) => name === cell.step);
      return step === undefined ? [] : [{ cell, step }];
    });
    await mapOrdered(own, AT_ONCE, async ({ cell, step }) => {
      const result = await runStep(lab, step, cell, tagged);
      results.push(result);
      progress(result);
    });
  }
  return results;
}

async function runStep(lab: FaultLab, step: Step, cell: StepCell, reference: string): Promise<StepResult> {
  const { status, mode } = cell;
  const times = mode === 'once' ? 1 : Infinity;
  const strike: FaultRule = { fault: `status-${status}`, when: step.strikes, times };
  const rules = { [step.host]: step.before === undefined ? [strike] : [strike, step.before] };
  const seen = await lab.run({ rules });
  const outcome = outcomeOf(seen);
  const faults = brokenPromises(seen, reference);
  // The rule before counts too, so the step was met only if both have struck.
  if (seen.struck < (step.before === undefined ? 1 : 2)) faults.push('the run did not come to this step');
  if (outcome !== 'same' && !mayEnd(step, cell, outcome)) faults.push(`ended with ${outcome}`);
  return { ...cell, outcome, faults };
}

function outcomeOf({ error }: Observation): string {
  if (error === undefined) return 'same';
  return error instanceof NydusError ? error.code : 'INTERNAL';
}

function mayEnd({ lasting = [] }: Step, { status, mode }: StepCell, outcome: string): boolean {
  const isPassing = mode === 'once' && isTransient(status);
  return lasting.includes(status) && !isPassing && (outcome === 'REGISTRY' || outcome === 'AUTH');
}
