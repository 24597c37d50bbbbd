/** Files that a run is asked to write a report to. A report that cannot be written fails the run, with its own exit code. */
import { accessSync, closeSync, constants, realpathSync, statSync, writeFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { LocalIoError } from '../errors.js';
import { makeFoldersSync } from '../io/make-folders.js';
import { isShared } from '../io/planted-links.js';
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
  writeAt('start', path, content, flag);
}

/** For a file that others have written to before. */
export function appendToReportFile(path: string, content: string, flag: string): void {
  writeAt('end', path, content, flag);
}

function writeAt(at: 'start' | 'end', path: string, content: string | Uint8Array, flag: string): void {
  writing(path, flag, () => {
    const file = openOutput(path, at);
    try {
      writeFileSync(file, content);
    } finally {
      closeSync(file);
    }
  });
}

const PERMISSIONS = 0o777;

/** Writes a small file that appears whole or not at all, for programs that wait for it. A pipe or device is written to as it is. */
export async function writeWholeReportFile(path: string, content: string, flag: string): Promise<void> {
  const there = statSync(path, { throwIfNoEntry: false });
  if (there !== undefined && !there.isFile()) {
    writeReportFile(path, content, flag);
    return;
  }
  tryReportFile(path, flag);
  // The file behind a link is replaced, and the link stays; where others could put a link meanwhile, none is followed.
  const isLinkTrusted = there !== undefined && !isShared(dirname(resolve(path)));
  const place = isLinkTrusted ? realpathSync(path) : resolve(path);
  const { writeWhole } = await import('../io/whole-file.js'); // it brings the addon, which no help needs
  try {
    await writeWhole(place, Buffer.from(content), {
      aside: dirname(place),
      durable: false,
      ...(there === undefined ? {} : { mode: there.mode & PERMISSIONS }),
    });
  } catch (cause) {
    throw unwritable(path, flag, cause);
  }
}

function writing(path: string, flag: string, write: () => void): void {
  try {
    makeFoldersSync(dirname(path));
    write();
  } catch (cause) {
    throw unwritable(path, flag, cause);
  }
}

function unwritable(path: string, flag: string, cause: unknown): LocalIoError {
  return new LocalIoError(`cannot write ${path}: ${systemReason(cause)}`, {
    cause,
    hint: `choose another place with ${flag}`,
  });
}
