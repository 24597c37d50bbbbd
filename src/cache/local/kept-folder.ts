/**
 * A folder of files by name, which many processes use at the same time. A file appears whole; those that were used last stay when
 * the folder holds too much, and a file in use stays in any case: a run gives it a second name of its own as long as it reads it.
 */
import { randomBytes } from 'node:crypto';
import { link, lstat, readdir, rm, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import type { ByteStream } from '../../io/streams.js';
import { readFileRange } from '../../io/file-range.js';
import { makeFolders } from '../../io/make-folders.js';
import { errorCode } from '../../io/system-error.js';
import { writeWhole } from '../../io/whole-file.js';

/** A file that stays while it is used. */
export interface HeldFile extends AsyncDisposable {
  readonly path: string;
  readonly size: number;
}

export class KeptFolder {
  readonly #path: string;
  readonly #aside: string;
  readonly #maxBytes: number;

  private constructor(path: string, aside: string, maxBytes: number) {
    this.#path = path;
    this.#aside = aside;
    this.#maxBytes = maxBytes;
  }

  /** `aside` is a temporary folder of the run, on the same file system. */
  static async open(path: string, aside: string, maxBytes: number): Promise<KeptFolder> {
    await makeFolders(path, 0o700);
    return new KeptFolder(path, aside, maxBytes);
  }

  /** Undefined if there is no such file. */
  async hold(name: string): Promise<HeldFile | undefined> {
    const path = join(this.#path, name);
    const held = join(this.#aside, randomBytes(8).toString('hex'));
    try {
      await link(path, held);
      const now = new Date();
      await utimes(held, now, now);
      const { size } = await lstat(held);
      return { path: held, size, [Symbol.asyncDispose]: () => rm(held, { force: true }) };
    } catch (cause) {
      await rm(held, { force: true });
      if (errorCode(cause) === 'ENOENT') return undefined;
      throw cause;
    }
  }

  /** Keeps a file that must not change any more, without copying it where the file system allows. */
  async keep(name: string, file: string): Promise<void> {
    const path = join(this.#path, name);
    try {
      await link(file, path);
    } catch (cause) {
      if (errorCode(cause) !== 'EEXIST') await this.write(name, readFileRange(file));
    }
    await this.trim();
  }

  async has(name: string): Promise<boolean> {
    return (await this.#look(name)) !== undefined;
  }

  async write(name: string, content: ByteStream | Uint8Array): Promise<void> {
    await writeWhole(join(this.#path, name), content, { aside: this.#aside, durable: false, mode: 0o600 });
  }

  async drop(name: string): Promise<void> {
    await rm(join(this.#path, name), { force: true });
  }

  /** Removes the files that were not used for the longest time until the folder holds no more than it may. */
  async trim(): Promise<void> {
    const found = await Promise.all((await readdir(this.#path)).map((name) => this.#look(name)));
    const files = found.filter((file) => file !== undefined);
    let total = files.reduce((sum, { size }) => sum + size, 0);
    for (const { name, size, isHeld } of files.toSorted((one, other) => one.used - other.used)) {
      if (total <= this.#maxBytes) return;
      if (isHeld) continue;
      await this.drop(name);
      total -= size;
    }
  }

  async #look(
    name: string,
  ): Promise<
    | { readonly name: string; readonly size: number; readonly used: number; readonly isHeld: boolean }
    | undefined
  > {
    try {
      const { size, mtimeMs, nlink } = await lstat(join(this.#path, name));
      return { name, size, used: mtimeMs, isHeld: nlink > 1 };
    } catch (cause) {
      if (errorCode(cause) === 'ENOENT') return undefined; // another run was faster
      throw cause;
    }
  }
}
