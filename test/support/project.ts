/** Where the project lies, and its own command. */
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** The root of the checkout, found upwards from the compiled file, so that it holds at any depth of `dist`. */
export const projectRoot = findRoot(import.meta.dirname);

/** The command as a user runs it; start it with `process.execPath`. TESTED_COMMAND has another one tested, such as that of a bundle. */
export const productCommand = process.env['TESTED_COMMAND'] ?? join(projectRoot, 'bin', 'nydusify.js');

function findRoot(from: string): string {
  const parent = dirname(from);
  if (existsSync(join(from, 'native', 'Cargo.toml')) || parent === from) return from;
  return findRoot(parent);
}
