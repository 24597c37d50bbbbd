/** Small text files that users and administrators keep: logins, certificates, settings of hosts. */
import { LocalIoError } from '../errors.js';
import { readSmallFile } from './file-range.js';
import { openPipe } from './pipe.js';
import { refusePlanted } from './planted-links.js';
import { collect } from './streams.js';

/** Bytes: bundles of all authorities have less than one million. */
const MAX_SIZE = 16 * 1024 * 1024;
/** A shell gives `<(command)` such a name. */
const OWN_PIPES = /^\/(dev\/(fd\/|stdin$)|proc\/self\/fd\/)/;

/**
 * The text of the file. A pipe is read only where the caller's shell has made it, and in a folder that all users share only what is this
 * user's or root's. Throws the system's errors.
 */
export async function readSettings(path: string): Promise<string> {
  try {
    const pipe = OWN_PIPES.test(path) ? await openPipe(path) : undefined;
    const bytes =
      pipe === undefined ? await readSmallFile(path, MAX_SIZE) : await collect(pipe, MAX_SIZE, path);
    refusePlanted(path);
    return bytes.toString('utf8');
  } catch (error) {
    throw error instanceof LocalIoError && error.cause !== undefined ? error.cause : error;
  }
}
