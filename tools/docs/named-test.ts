/** Tests that pages of docs/ point to. */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';

export interface NamedTest {
  /** A file with tests, or a folder of such files. */
  readonly file: string;
  /** Words of the file, as they stand there: a title, the name of a case, a function. */
  readonly words: string;
}

/** One sentence for each test that does not exist. */
export function missingTests(tests: readonly NamedTest[]): string[] {
  return tests
    .filter(({ file, words }) => !stands(file, words))
    .map(({ file, words }) => `${file} does not hold: ${words}`);
}

function stands(path: string, words: string): boolean {
  if (!existsSync(path)) return false;
  if (statSync(path).isFile()) return readFileSync(path, 'utf8').includes(words);
  return readdirSync(path).some((name) => stands(join(path, name), words));
}
