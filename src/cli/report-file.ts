/** Files that a run is asked to write a report to. A report that cannot be written fails the run, with its own exit code. */
import { accessSync, closeSync, constants, mkdirSync, statSync, writeFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { LocalIoError } from '../errors.js';
import { systemReason } from '../io/system-error.js';
import { openOutput, tryOutput } from './output-file.js';

/**
 * Finds out before the work whether the file can be written, so that hours of it are not lost to a wrong path. Nothing is
 * opened: a pipe would take that for its end. `flag` names the file in the hint.
 */
export function tryReportFile(path: string, flag: string): void {
  writing(path, flag, () => {
    tryOutput(path);
    const there = statSync(path, { throwIfNoEntry: false });
    if (there?.isDirectory() === true) throw Object.assign(new Error('it is a folder'), { code: 'EISDIR' });
    accessSync(there === undefined ? dirname(path) : path, constants.W_OK);
  });
}

export function writeReportFile(path: string, content: string | Uint8Array, flag: string): void {
  writing(path, flag, () => {
    const file = openOutput(path, 'start');
    try {
      writeFileSync(file, content);
    } finally {
      closeSync(file);
    }
  });
}

function writing(path: string, flag: string, write: () => void): void {
  try {
    // In a working folder that has been removed, Node would try a relative path for ever.
    mkdirSync(dirname(resolve(path)), { recursive: true });
    write();
  } catch (cause) {
    throw new LocalIoError(`cannot write ${path}: ${systemReason(cause)}`, {
      cause,
      hint: `choose another place with ${flag}`,
    });
  }
}
