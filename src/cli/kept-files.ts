/** The folder in which `check` leaves what it has read, as upstream's does. What lies there stays, but for files of the same names. */
import { join } from 'node:path';
import { LocalIoError } from '../errors.js';
import { writeReportFile } from './report-file.js';

/** Upstream's default; scripts read the bootstrap from there next. */
export const UPSTREAM_FOLDER = './output';

export type Keep = (path: string, bytes: Uint8Array) => Promise<void>;

/** Keeps documents in a folder that the user has named. */
export function keepIn(folder: string): Keep {
  return (path, bytes) => {
    writeReportFile(join(folder, path), bytes, '--work-dir');
    return Promise.resolve();
  };
}

/** Keeps documents in upstream's folder as long as that can be written; nobody has asked for it, so `note` is all that a failure costs. */
export function tryToKeep(note: (text: string) => void): Keep {
  const keep = keepIn(UPSTREAM_FOLDER);
  let failed = false;
  return async (path, bytes) => {
    if (failed) return;
    try {
      await keep(path, bytes);
    } catch (error) {
      if (!(error instanceof LocalIoError)) throw error;
      failed = true;
      note(`${error.message}; what was read is not kept`);
    }
  };
}
