/** Lays files of an image out in a directory, in a thread of the addon. */
import type { DigesterName } from '../rafs-builder/model/tree.js';
import { addon } from './addon.js';
import type { NativeExisting, NativeExtractLane, NativeExtractStep } from './addon-types.js';
import { unwrap } from './outcome.js';

export type ExtractStep = NativeExtractStep;
export type ExistingFile = NativeExisting;

/** A part of an image that this user, or the file system, cannot make. */
export interface NotExtracted {
  /** Path in the image. */
  readonly path: Buffer;
  /** `char`, `block`, `fifo`, `socket`, or `xattr` and a name. */
  readonly what: string;
  /** The system's reason. */
  readonly reason: string;
}

export interface LaneOptions {
  /** Whether files get the owners of the image, which takes root. */
  readonly owners: boolean;
  /** Whether files with other content, and entries of another kind, are replaced; a directory never is. */
  readonly overwrite: boolean;
}

/** Makes entries one after the other. No link that lies in the directory is followed. A caller waits before it calls again. */
export class ExtractLane implements Disposable {
  readonly #native: NativeExtractLane;

  /** Throws LocalIoError when `directory` cannot be opened. */
  constructor(directory: string, options: LaneOptions) {
    this.#native = unwrap(addon().openExtractLane(directory, options));
  }

  /**
   * Makes entries, and returns what this user or the file system cannot make. Throws LocalIoError, UnsupportedError for something else
   * of that name, and FormatError for a path that means another directory.
   */
  async make(steps: ExtractStep[]): Promise<readonly NotExtracted[]> {
    return unwrap(await this.#native.make(steps));
  }

  /** Returns for each file whether it is there with its content. */
  async compare(files: ExistingFile[], digester: DigesterName): Promise<readonly boolean[]> {
    return unwrap(await this.#native.compare(files, digester));
  }

  /** Ends the thread. A file that is not complete is removed. */
  [Symbol.dispose](): void {
    this.#native.close();
  }
}
