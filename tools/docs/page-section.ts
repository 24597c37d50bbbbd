/**
 * Pages of docs/ that are written by hand except for sections between `<!-- NAME -->` and `<!-- /NAME -->`, which programs write:
 * the commands that measure, and `npm run docs`.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { projectRoot } from '../../test/support/project.js';

/** The page with `text` in the section. */
export function withSection(page: string, name: string, text: string): string {
  const [open, close] = [`<!-- ${name} -->`, `<!-- /${name} -->`];
  const from = page.indexOf(open);
  const to = page.indexOf(close);
  if (from < 0 || to < from) throw new Error(`the page has no section "${name}"`);
  return `${page.slice(0, from + open.length)}\n\n${text}\n\n${page.slice(to)}`;
}

/** The rows of the table in the section, without its head. */
export function sectionRows(page: string, name: string): readonly (readonly string[])[] {
  const [, text = ''] = page.split(`<!-- ${name} -->`);
  const [section = ''] = text.split(`<!-- /${name} -->`);
  const lines = section.split('\n').filter((line) => line.startsWith('|'));
  return lines.slice(2).map((line) =>
    line
      .slice(1, line.lastIndexOf('|'))
      .split('|')
      .map((cell) => cell.trim()),
  );
}

/** Writes a section of a file in docs/, and leaves the rest of the page as it is. */
export async function writePageSection(file: string, name: string, text: string): Promise<void> {
  const path = join(projectRoot, 'docs', file);
  await writeFile(path, withSection(await readFile(path, 'utf8'), name, text));
}
