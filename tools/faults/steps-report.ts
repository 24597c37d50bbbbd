/** The matrix of steps as text for docs/reliability.md. */
import { markdownTable } from '../../test/support/markdown-table.js';
import { STATUSES, type StepResult, STEPS } from '../../test/support/faults/step-matrix.js';

export function stepsReport(results: readonly StepResult[]): string {
  const broken = results.filter(({ faults }) => faults.length > 0).length;
  const same = results.filter(({ outcome }) => outcome === 'same').length;
  return [
    `${results.length} cells: ${STEPS.length} steps × ${STATUSES.length} statuses, once and for good. ${same} gave the result of the run without faults, ${results.length - same} ended with a documented error, ${broken} broke a promise.`,
    markdownTable(
      ['step', 'the same result, whether once or for good', 'ended with an error'],
      STEPS.map(({ name }) => {
        const own = results.filter(({ step }) => step === name);
        const ended = own.filter(({ outcome }) => outcome !== 'same');
        const statuses = STATUSES.filter((status) => !ended.some((result) => result.status === status));
        const errors = ended.map(({ status, mode, outcome }) => `${status} ${mode}: ${outcome}`);
        return [name, statuses.length === STATUSES.length ? 'all' : statuses.join(', '), errors.join('; ')];
      }),
    ),
  ].join('\n\n');
}
