/**
 * A folder of blobs, which are named by the hex digits of their digests. A blob appears whole or not at all, after a power failure
 * too. Upstream writes in place, so that a killed run leaves half of a blob under the name of the whole.
 */
import type { Stats } from 'node:fs';
import { lstat, opendir, rm } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { RegistryError } from '../errors.js';
import { removeAbandoned } from '../io/abandoned.js';
import { makeFolders } from '../io/make-folders.js';
import { readFileRange } from '../io/file-range.js';
import { syncFolder } from '../io/folder.js';
import { errorCode, localIoError } from '../io/system-error.js';
import { type ByteRange, type ByteStream, type ReplayableContent, verified } from '../io/streams.js';
import { PART_PREFIX, writeWhole } from '../io/whole-file.js';
import { type Digest, digestFromHex, digestHex } from '../oci/digest.js';
import type { CallOptions } from '../reporter.js';
import { MEDIA } from '../oci/media-types.js';
import type { BlobBackend, NamedBlob, StoredBlob, UnfinishedUpload } from './backend.js';
import type { LocalConfig } from './config.js';
import { isBlobName } from './names.js';

/** Upstream's mode of the folder. */
const FOLDER_MODE = 0o755;

export class LocalBackend implements BlobBackend {
  readonly type = 'localfs';
  readonly location: string;
  readonly #dir: string;
  #made: Promise<void> | undefined;

  constructor({ dir }: LocalConfig) {
    this.#dir = resolve(dir);
    this.location = `localfs:${this.#dir}`;
  }

  async sizeOf(digest: Digest): Promise<number | undefined> {
    return (await this.#found(digest))?.size;
  }

  async put(blob: NamedBlob, content: ReplayableContent, { signal }: CallOptions = {}): Promise<void> {
    const path = this.#path(blob.digest);
    const descriptor = { mediaType: MEDIA.nydusBlob, ...blob };
    await this.#writing(path, signal, async () => {
      this.#made ??= this.#make();
      await this.#made;
      const bytes = verified(content.open(), descriptor, `${blob.digest} for ${this.location}`);
      await writeWhole(path, bytes, { aside: this.#dir, durable: true, signal });
      await syncFolder(this.#dir);
    });
  }

  async *read(digest: Digest, range: ByteRange | undefined, { signal }: CallOptions = {}): ByteStream {
    if ((await this.#found(digest)) === undefined)
      throw new RegistryError(`${this.location} does not have blob ${digest}`, { status: 404 });
    yield* readFileRange(this.#path(digest), range, signal);
  }

  nameOf(digest: Digest): string {
    return this.#path(digest);
  }

  async putFile(name: string, bytes: Uint8Array, { signal }: CallOptions = {}): Promise<string> {
    const path = join(this.#dir, name);
    await this.#writing(path, signal, async () => {
      this.#made ??= this.#make();
      await this.#made;
      await writeWhole(path, bytes, { aside: this.#dir, durable: true, signal });
      await syncFolder(this.#dir);
    });
    return path;
  }

  async remove(digest: Digest): Promise<void> {
    const path = this.#path(digest);
    await this.#writing(path, undefined, async () => {
      await rm(path, { force: true });
      await syncFolder(this.#dir);
    });
  }

  async *list({ signal }: CallOptions = {}): AsyncIterable<StoredBlob> {
    let folder;
    try {
      folder = await opendir(this.#dir);
    } catch (cause) {
      if (errorCode(cause) === 'ENOENT') return;
      throw localIoError(`cannot read ${this.#dir}`, cause);
    }
    for await (const { name } of folder) {
      signal?.throwIfAborted();
      if (!isBlobName(name)) continue;
      const digest = digestFromHex(name);
      const found = await this.#found(digest);
      if (found !== undefined) yield { digest, size: found.size, modified: found.mtime };
    }
  }

  async *unfinished(): AsyncIterable<UnfinishedUpload> {
    // The next run removes the files of a killed one.
  }

  abandon(): Promise<void> {
    return Promise.resolve();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve();
  }

  #path(digest: Digest): string {
    return join(this.#dir, digestHex(digest));
  }

  /** A folder or a link in the place of a blob is none: another user may have put it there. */
  async #found(digest: Digest): Promise<Stats | undefined> {
    const path = this.#path(digest);
    try {
      const found = await lstat(path);
      return found.isFile() ? found : undefined;
    } catch (cause) {
      if (errorCode(cause) === 'ENOENT') return undefined;
      throw localIoError(`cannot read ${path}`, cause);
    }
  }

  /** Makes the folder, and removes what killed runs have left in it. */
  async #make(): Promise<void> {
    const first = await makeFolders(this.#dir, FOLDER_MODE);
    for (let made = this.#dir; first !== undefined && made.length >= first.length; made = dirname(made))
      await syncFolder(dirname(made));
    await removeAbandoned(this.#dir, PART_PREFIX);
  }

  async #writing(path: string, signal: AbortSignal | undefined, write: () => Promise<void>): Promise<void> {
    try {
      await write();
    } catch (cause) {
      signal?.throwIfAborted();
      throw errorCode(cause)?.startsWith('E') === true ? localIoError(`cannot write ${path}`, cause) : cause;
    }
  }
}
