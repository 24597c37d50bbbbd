/** The bytes that a registry may keep: a client in error, or one that is tested, cannot fill the disk of the machine. */
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Refused } from './protocol.js';

export interface RoomLimits {
  /** Bytes of one upload at most. */
  readonly upload: number;
  /** Bytes of all blobs and uploads in the folder at most. */
  readonly folder: number;
}

const GIB = 2 ** 30;

/** Larger than the images of examples and tests, and far smaller than disks. */
export const ROOM_LIMITS: RoomLimits = { upload: 4 * GIB, folder: 16 * GIB };

export class Room {
  readonly #folders: readonly string[];
  readonly #limits: RoomLimits;
  #used: Promise<number> | undefined;

  /** `folders` hold everything that counts. */
  constructor(folders: readonly string[], limits: RoomLimits) {
    this.#folders = folders;
    this.#limits = limits;
  }

  /** Counts bytes that are about to be written, by which an upload gets this size; or returns the answer when there is no room for them. */
  async take(bytes: number, uploadSize: number): Promise<Refused | undefined> {
    const { upload, folder } = this.#limits;
    if (uploadSize > upload) return new Refused(413, 'SIZE_INVALID', `an upload has at most ${upload} bytes`);
    this.#used ??= this.#measure();
    const used = await this.#used;
    if (used + bytes > folder)
      return new Refused(507, 'DENIED', `the registry keeps at most ${folder} bytes`);
    this.give(-bytes);
    return undefined;
  }

  /** Counts bytes that were removed. */
  give(bytes: number): void {
    this.#used = this.#used?.then((used) => used - bytes);
  }

  async #measure(): Promise<number> {
    const sizes = await Promise.all(this.#folders.map(sizeOfFiles));
    return sizes.reduce((sum, size) => sum + size, 0);
  }
}

async function sizeOfFiles(folder: string): Promise<number> {
  const names = await readdir(folder).catch(() => []);
  const sizes = await Promise.all(
    names.map(async (name) => (await stat(join(folder, name)).catch(() => undefined))?.size ?? 0),
  );
  return sizes.reduce((sum, size) => sum + size, 0);
}
