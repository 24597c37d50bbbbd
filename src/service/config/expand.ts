/** `${env:NAME}` and `${file:PATH}` in the texts of the configuration, so that secrets need not stand in it. */
import { readFileSync } from 'node:fs';
import { systemReason } from '../../io/system-error.js';
import { type Environment, given } from '../../io/variables.js';

/** Throws an error for a variable that is not set, and for a file that cannot be read. A line end at the end of a file is no part of a secret. */
export function expander(env: Environment): (text: string) => string {
  return (text) =>
    text.replaceAll(/\$\{(env|file):([^}]*)\}/g, (_, kind: string, name: string) => {
      if (kind === 'file') return fileText(name);
      const value = given(env, name);
      if (value === undefined) throw new Error(`needs the variable ${name}, which is not set`);
      return value;
    });
}

function fileText(path: string): string {
  try {
    return readFileSync(path, 'utf8').replace(/\r?\n$/, '');
  } catch (error) {
    throw new Error(`needs the file ${path}, which cannot be read: ${systemReason(error)}`, { cause: error });
  }
}
