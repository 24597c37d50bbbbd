/** A file system in a file, mounted over a loop device: a copy of that file is what a power failure leaves of it at that moment. */
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, truncate, writeFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { isRoot, missing } from '../needs.js';
import { runTool } from '../run-tool.js';

/** A kind of disk. */
export interface DiskKind {
  readonly name: string;
  readonly make: readonly [command: string, ...args: string[]];
  /** Options of mount that write as little as possible to the disk, and that as late as possible. */
  readonly options: string;
  readonly megabytes: number;
}

const EXT4 = {
  make: ['mkfs.ext4', '-q', '-F', '-E', 'lazy_itable_init=0'],
  megabytes: 48,
} as const;

/** `noauto_da_alloc`: the content of a file that takes the place of another is not written for the sake of careless programs. */
export const DISKS: readonly [DiskKind, ...DiskKind[]] = [
  { name: 'ext4', ...EXT4, options: 'commit=1,noauto_da_alloc' },
  { name: 'ext4, data=writeback', ...EXT4, options: 'commit=1,noauto_da_alloc,data=writeback' },
  { name: 'xfs', make: ['mkfs.xfs', '-q'], options: 'nouuid', megabytes: 320 },
];

/** The reason why this machine cannot have such a disk; undefined when it can. */
export function missingFor({ make }: DiskKind): string | undefined {
  if (!isRoot) return 'needs root';
  for (const command of [make[0], 'losetup', 'mount']) {
    const reason = missing(command);
    if (reason !== undefined) return reason;
  }
  return existsSync('/dev/loop-control') ? undefined : 'needs loop devices';
}

export async function makeDisk({ make, megabytes }: DiskKind, image: string): Promise<void> {
  await writeFile(image, '');
  await truncate(image, megabytes * 2 ** 20);
  const [command, ...args] = make;
  await runTool(command, [...args, image]);
}

/** Copies a disk that nothing writes to. Its holes stay holes. */
export async function copyDisk(from: string, to: string): Promise<void> {
  await runTool('cp', ['--sparse=auto', from, to]);
}

/** How often a copy is tried, each time after a millisecond. */
const ATTEMPTS = 500;

export class MountedDisk implements AsyncDisposable {
  readonly folder: string;
  readonly #image: string;
  readonly #device: string;

  private constructor(folder: string, image: string, device: string) {
    this.folder = folder;
    this.#image = image;
    this.#device = device;
  }

  /** Mounts the disk at `folder`. The file system first repeats what its journal holds. */
  static async mount({ options }: DiskKind, image: string, folder: string): Promise<MountedDisk> {
    await mkdir(folder, { recursive: true });
    const device = (await runTool('losetup', ['--find', '--show', image])).toString('utf8').trim();
    try {
      await runTool('mount', ['-o', options, device, folder]);
    } catch (cause) {
      await runTool('losetup', ['--detach', device]);
      throw cause;
    }
    return new MountedDisk(folder, image, device);
  }

  /** Copies the disk as it is at one moment between two writes, with nothing brought to it that is not there. */
  async copyTo(path: string): Promise<void> {
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const before = this.#writes();
      if (before.underWay === 0) {
        await copyDisk(this.#image, path);
        const after = this.#writes();
        if (after.underWay === 0 && after.done === before.done) return;
      }
      await sleep(1);
    }
    throw new Error(`${this.#device} is written to without a pause`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await runTool('umount', [this.folder]);
    await runTool('losetup', ['--detach', this.#device]);
  }

  /** Fields of `/sys/block/…/stat`, which the kernel's Documentation/block/stat.rst describes. */
  #writes(): { readonly done: string; readonly underWay: number } {
    const name = this.#device.slice(this.#device.lastIndexOf('/') + 1);
    const fields = readFileSync(`/sys/block/${name}/stat`, 'utf8').trim().split(/\s+/);
    return { done: [fields[4], fields[11], fields[15]].join(), underWay: Number(fields[8]) };
  }
}
