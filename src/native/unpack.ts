/** Unpacks an archive of images, compressed in whatever way its first bytes say, into a file. */
import type { NativeArchiveUnpacker } from './addon-types.js';
import { addon, asBuffer } from './addon.js';
import { nativeBudget } from './budget.js';
import type { Budget } from '../limits.js';
import { unwrap } from './outcome.js';

export class ArchiveUnpacker {
  readonly #native: NativeArchiveUnpacker;

  /** Creates the file. What it takes is charged to the budget. Throws LocalIoError. */
  constructor(path: string, budget?: Budget) {
    this.#native = unwrap(addon().openArchiveUnpacker(path, nativeBudget({ budget })));
  }

  /**
   * Unpacks the next bytes. Throws FormatError for damaged bytes and when the file gets larger than `limit`, UnsupportedError beyond the
   * budget, and LocalIoError. A caller waits before it calls again.
   */
  async write(bytes: Uint8Array, limit: number): Promise<void> {
    unwrap(await this.#native.write(asBuffer(bytes), limit));
  }

  /** Ends the input. */
  async finish(limit: number): Promise<void> {
    unwrap(await this.#native.finish(limit));
  }
}
