/** Folders and files that tests need for a while. */
import { accessSync, constants } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** The file system in memory that Linux has, for tests that write hundreds of layouts, each of which waits for its disk. */
const MEMORY = '/dev/shm';

/** The folder for such tests: in memory, where it can be. */
export const QUICK_DISK = mayWrite(MEMORY) ? MEMORY : tmpdir();

function mayWrite(folder: string): boolean {
  try {
    accessSync(folder, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

/** A test, or a tool that runs what it was given once it is done. */
export interface Owner {
  after(undo: () => unknown): void;
}

/** Makes a folder that is removed when the test is over. */
export async function tempFolder(t: Owner, parent = tmpdir()): Promise<string> {
  const folder = await mkdtemp(join(parent, 'nydusify-test-'));
  t.after(() => removeFolder(folder));
  return folder;
}

/** Removes a folder, in several attempts, since a server that was just stopped may still write a file into it. */
export function removeFolder(folder: string): Promise<void> {
  return rm(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 });
}

/** Writes a file into a folder, which is made if need be; returns the path of the file. */
export async function place(folder: string, name: string, content: string | Uint8Array): Promise<string> {
  await mkdir(folder, { recursive: true });
  const path = join(folder, name);
  await writeFile(path, content);
  return path;
}
