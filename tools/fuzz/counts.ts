/** The executions without a fault: the lines of counts.txt are name, tab, executions. docs/security.md is made from them. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { projectRoot } from '../../test/support/project.js';
import type { Report } from './report.js';

const COUNTS = join(projectRoot, 'tools', 'fuzz', 'counts.txt');

export async function addToCounts(reports: readonly Report[]): Promise<void> {
  const text = await readFile(COUNTS, 'utf8').catch(() => '');
  const counts = new Map(
    text
      .split('\n')
      .filter((line) => line !== '')
      .map((line): [string, number] => {
        const [name = '', count] = line.split('\t');
        return [name, Number(count)];
      }),
  );
  for (const { name, executions } of reports) counts.set(name, (counts.get(name) ?? 0) + executions);
  await writeFile(COUNTS, [...counts].map(([name, count]) => `${name}\t${count}\n`).join(''));
}
