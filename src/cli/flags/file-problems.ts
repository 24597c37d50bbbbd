/** Finds out, before any work is done, whether the files that flags name can be used. */
import { accessSync, constants, existsSync, readFileSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { systemReason } from '../../io/system-error.js';

/** Each gives the reason in the system's words, or undefined where there is nothing wrong. */
export const FILE_PROBLEMS = {
  fileProblem: (path: string) => problem(() => statSync(path)),
  parentProblem: (path: string) => problem(() => statSync(dirname(path))),
  folderProblem: (path: string) =>
    problem(() => {
      accessSync(nearestFolder(path), constants.W_OK);
    }),
  standardInput,
};

/** The folder itself, or the one in which it would be made. */
function nearestFolder(path: string): string {
  let folder = resolve(path);
  while (!existsSync(folder) && folder !== dirname(folder)) folder = dirname(folder);
  return folder;
}

/** An input that is closed is an empty one. */
function standardInput(): string {
  try {
    return readFileSync('/dev/stdin', 'utf8');
  } catch {
    return '';
  }
}

function problem(look: () => unknown): string | undefined {
  try {
    look();
    return undefined;
  } catch (error) {
    return systemReason(error);
  }
}
