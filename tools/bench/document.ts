/** Sections of docs/performance.md that the bench writes, between comments that name them. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runTool, projectRoot } from '../../test/support/references/tools.js';

const FILE = join(projectRoot, 'docs', 'performance.md');

/** Replaces what stands between `<!-- NAME -->` and `<!-- /NAME -->`. */
export async function writeSection(name: string, text: string): Promise<void> {
  const before = await readFile(FILE, 'utf8');
  const [open, close] = [`<!-- ${name} -->`, `<!-- /${name} -->`];
  const [start, end] = [before.indexOf(open), before.indexOf(close)];
  if (start < 0 || end < start) throw new Error(`docs/performance.md has no section ${name}`);
  await writeFile(FILE, `${before.slice(0, start)}${open}\n\n${text}\n\n${before.slice(end)}`);
  await runTool(process.execPath, [
    join(projectRoot, 'node_modules', 'prettier', 'bin', 'prettier.cjs'),
    '--write',
    '--log-level',
    'warn',
    FILE,
  ]);
}

export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map((_, index) => (index === 0 ? '-' : '-:'))), ...rows.map(line)].join('\n');
}
