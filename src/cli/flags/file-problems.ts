/** Finds out, before any work is done, whether the files that flags name can be used. */
import { statSync } from 'node:fs';
import { dirname } from 'node:path';
import { systemReason } from '../../io/system-error.js';

/** Each gives the reason in the system's words, or undefined where there is nothing wrong. */
export const FILE_PROBLEMS = {
  fileProblem: (path: string) => problem(() => statSync(path)),
  parentProblem: (path: string) => problem(() => statSync(dirname(path))),
};

function problem(look: () => unknown): string | undefined {
  try {
    look();
    return undefined;
  } catch (error) {
    return systemReason(error);
  }
}
