/** The executions of the fuzzer, from the counts that `npm run fuzz -- --write` keeps. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { markdownTable } from '../../../test/support/markdown-table.js';
import { projectRoot } from '../../../test/support/project.js';

export function fuzzCounts(): string {
  const rows = readFileSync(join(projectRoot, 'tools', 'fuzz', 'counts.txt'), 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line): [string, number] => {
      const [name = '', count] = line.split('\t');
      return [name, Number(count)];
    });
  const all = rows.reduce((sum, [, count]) => sum + count, 0);
  const table = markdownTable(
    ['target', 'executions'],
    [...rows, ['all', all] as const].map(([name, count]) => [name, count.toLocaleString('en')]),
  );
  return `### Executions\n\n${table}`;
}
