/** Linux' own EROFS driver as a judge: mounts a bootstrap with one device for each blob. */
import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { listTree } from './reference-builder.js';
import { runTool } from '../run-tool.js';

/** Undoes what was done so far, last first, and goes on when one step fails; the first failure is thrown at the end. */
class Undo implements AsyncDisposable {
  readonly #steps: (() => Promise<unknown>)[] = [];

  add(step: () => Promise<unknown>): void {
    this.#steps.push(step);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    let failure: Error | undefined;
    for (const step of this.#steps.reverse()) {
      await step().catch((error: unknown) => {
        failure ??= error instanceof Error ? error : new Error(String(error));
      });
    }
    if (failure !== undefined) throw failure;
  }
}

async function attach(file: string, undo: Undo): Promise<string> {
  const device = (await runTool('losetup', ['--find', '--show', '--read-only', file]))
    .toString('utf8')
    .trim();
  undo.add(() => runTool('losetup', ['--detach', device]));
  return device;
}

/**
 * Mounts `bootstrap` and lists what the kernel shows, as canonical lines. `devices` holds one file for each blob, named by
 * its number in the blob table: the blob's uncompressed address space (`referenceRead` makes them). Needs root and loop
 * devices; `work` receives the mount point. Everything is unmounted and detached again.
 */
export async function kernelTree(bootstrap: string, devices: string, work: string): Promise<string> {
  await using undo = new Undo();
  const mountPoint = join(work, 'mounted');
  await mkdir(mountPoint, { recursive: true });
  const options = ['ro'];
  for (const file of await deviceFiles(devices)) options.push(`device=${await attach(file, undo)}`);
  const image = await attach(bootstrap, undo);
  await runTool('mount', ['-t', 'erofs', '-o', options.join(','), image, mountPoint]);
  undo.add(() => runTool('umount', [mountPoint]));
  return await listTree(mountPoint);
}

/** The structure check of erofs-utils, with the same devices as a mount. Rejects with what it found. */
export async function fsckErofs(bootstrap: string, devices: string): Promise<void> {
  const flags = (await deviceFiles(devices)).map((file) => `--device=${file}`);
  await runTool('fsck.erofs', [...flags, bootstrap]);
}

/** In the order of the blob table. */
async function deviceFiles(folder: string): Promise<string[]> {
  const numbers = (await readdir(folder)).map(Number).sort((a, b) => a - b);
  return numbers.map((number) => join(folder, String(number)));
}
