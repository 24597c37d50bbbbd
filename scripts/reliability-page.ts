/** docs/reliability.md: sections between marks are written by the commands that measure them, the rest by hand. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as prettier from 'prettier';
import { projectRoot } from './lab.js';

const PAGE = join(projectRoot, 'docs', 'reliability.md');

/** Replaces what stands between `<!-- NAME -->` and `<!-- /NAME -->`. */
export async function writeSection(name: string, text: string): Promise<void> {
  const page = await readFile(PAGE, 'utf8');
  const [open, close] = [`<!-- ${name} -->`, `<!-- /${name} -->`];
  const from = page.indexOf(open);
  const to = page.indexOf(close);
  if (from < 0 || to < from) throw new Error(`${PAGE} has no section "${name}"`);
  const changed = `${page.slice(0, from + open.length)}\n\n${text}\n\n${page.slice(to)}`;
  const config = await prettier.resolveConfig(PAGE);
  await writeFile(PAGE, await prettier.format(changed, { ...config, filepath: PAGE }));
}
