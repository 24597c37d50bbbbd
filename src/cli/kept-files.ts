/** The folder in which `check` leaves what it has read, as upstream's does. What lies there stays, but for files of the same names. */
import { basename, dirname, join } from 'node:path';
import { LocalIoError } from '../errors.js';
import { writeKept } from '../io/kept-file.js';
import { refusePlantedLinks } from '../io/planted-links.js';
import { localIoError } from '../io/system-error.js';
import { UPSTREAM_FOLDER } from './flags/check.js';

export type Keep = (path: string, bytes: Uint8Array) => Promise<void>;

/** Keeps documents in a folder that the user has named. */
export function keepIn(folder: string): Keep {
  return async (path, bytes) => {
    await reported(join(folder, path), () => {
      refusePlantedLinks(join(folder, path));
      return writeKept(folder, path.split('/'), bytes);
    });
  };
}

async function reported(path: string, write: () => Promise<void>): Promise<void> {
  try {
    await write();
  } catch (cause) {
    throw localIoError(`cannot write ${path}`, cause, { hint: 'choose another place with --work-dir' });
  }
}

/** Keeps documents in upstream's folder as long as that can be written; no flag asks for it, so `note` is all that a failure costs. */
export function tryToKeep(note: (text: string) => void): Keep {
  // The folder is no choice of the user's, so a link in its place is not followed.
  const keep: Keep = (path, bytes) =>
    reported(join(UPSTREAM_FOLDER, path), () =>
      writeKept(dirname(UPSTREAM_FOLDER), [basename(UPSTREAM_FOLDER), ...path.split('/')], bytes),
    );
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
