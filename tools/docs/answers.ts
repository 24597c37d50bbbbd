/** The table of statuses in docs/registries.md. */
import { type Answers, ANSWERS } from '../../src/registry/answers.js';
import { isTransient } from '../../src/registry/http/statuses.js';
import { markdownTable } from '../../test/support/markdown-table.js';

export function answersSection(): string {
  const tables: readonly Answers[] = Object.values(ANSWERS);
  const transient = Array.from({ length: 200 }, (_, i) => 400 + i).filter(isTransient);
  const table = markdownTable(
    ['request', 'status', 'what follows'],
    tables.flatMap((table) => {
      const again = table.passing === undefined ? [] : [[table.passing.join(', '), 'it is made again']];
      const rows = [
        ...Object.values(table.meanings).map(({ statuses, then }) => [ranges(statuses), then]),
        ...again,
        [table.optional === 'at once' ? 'any other' : 'any other refusal', restOf(table)],
      ];
      return rows.map((row, i) => [i === 0 ? table.request : '', ...row]);
    }),
  );
  return `Statuses that may pass, so that the request is made again: ${ranges(transient)}.\n\n${table}`;
}

function restOf({ refused, optional }: Answers): string {
  return optional === 'in the end' ? `${refused}; also after the last attempt` : refused;
}

/** `200, 202–204`: runs of three and more are shortened. */
function ranges(statuses: readonly number[]): string {
  const runs: number[][] = [];
  for (const status of statuses) {
    const run = runs.at(-1);
    if (run?.at(-1) === status - 1) run.push(status);
    else runs.push([status]);
  }
  return runs
    .flatMap((run) => (run.length < 3 ? run.map(String) : [`${run[0] ?? ''}–${run.at(-1) ?? ''}`]))
    .join(', ');
}
