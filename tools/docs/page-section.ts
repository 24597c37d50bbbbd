/** Pages of docs/ whose sections between marks are written by the commands that measure them, the rest by hand. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as prettier from 'prettier';
import { projectRoot } from '../lab.js';

/** Replaces what stands between `<!-- NAME -->` and `<!-- /NAME -->` in the page, a file of docs/. */
export async function writePageSection(file: string, name: string, text: string): Promise<void> {
  const path = join(projectRoot, 'docs', file);
  const page = await readFile(path, 'utf8');
  const [open, close] = [`<!-- ${name} -->`, `<!-- /${name} -->`];
  const from = page.indexOf(open);
  const to = page.indexOf(close);
  if (from < 0 || to < from) throw new Error(`${path} has no section "${name}"`);
  const changed = `${page.slice(0, from + open.length)}\n\n${text}\n\n${page.slice(to)}`;
  const config = await prettier.resolveConfig(path);
  await writeFile(path, await prettier.format(changed, { ...config, filepath: path }));
}
