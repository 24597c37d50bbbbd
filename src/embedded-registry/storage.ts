/**
 * What the embedded registry keeps, on a folder: blobs once, and for each repository which of them it holds, its manifests and
 * its tags. Blobs stream to disk; a manifest is a blob with a name. Digests are verified before anything appears.
 */
import { createHash, randomUUID } from 'node:crypto';
import { mkdir, open, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { errorCode } from '../io/scratch.js';
import { type ByteStream } from '../io/streams.js';
import { type Digest, digestFromHex, digestHex, isDigest } from '../oci/digest.js';

/** An upload in progress. */
export interface Upload {
  readonly id: string;
  /** Bytes received. */
  readonly size: number;
}

export class Storage {
  readonly #root: string;

  constructor(root: string) {
    this.#root = root;
  }

  blobPath(digest: Digest): string {
    return join(this.#root, 'blobs', digestHex(digest));
  }

  /** Bytes of a blob that the repository holds; undefined when it does not. */
  async blobSize(repository: string, digest: Digest): Promise<number | undefined> {
    const linked = await sizeOf(this.#link(repository, 'blobs', digestHex(digest)));
    return linked === undefined ? undefined : sizeOf(this.blobPath(digest));
  }

  /** Makes a blob that the store holds one of the repository's. */
  async link(repository: string, digest: Digest): Promise<void> {
    await this.#writeWhole(this.#link(repository, 'blobs', digestHex(digest)), '');
  }

  /** Any repository that holds the blob, so that it can be mounted from there. */
  async holds(repository: string, digest: Digest): Promise<boolean> {
    return (await this.blobSize(repository, digest)) !== undefined;
  }

  async removeBlob(repository: string, digest: Digest): Promise<boolean> {
    return removed(this.#link(repository, 'blobs', digestHex(digest)));
  }

  async startUpload(): Promise<Upload> {
    const id = randomUUID();
    await this.#writeWhole(this.#uploadPath(id), '');
    return { id, size: 0 };
  }

  async upload(id: string): Promise<Upload | undefined> {
    if (!/^[0-9a-f-]{36}$/.test(id)) return undefined;
    const size = await sizeOf(this.#uploadPath(id));
    return size === undefined ? undefined : { id, size };
  }

  /** Appends what comes; returns the size after it. What arrived before a cut stays. */
  async append(id: string, stream: ByteStream): Promise<number> {
    const file = await open(this.#uploadPath(id), 'a');
    try {
      for await (const bytes of stream) await file.write(bytes);
      return (await file.stat()).size;
    } finally {
      await file.close();
    }
  }

  /** Turns a finished upload into a blob of the repository. False, and the upload gone, when its digest is another. */
  async finishUpload(repository: string, id: string, digest: Digest): Promise<boolean> {
    const path = this.#uploadPath(id);
    const hash = createHash('sha256');
    const file = await open(path, 'r');
    for await (const bytes of file.createReadStream() as AsyncIterable<Buffer>) hash.update(bytes); // no encoding is set
    if (digestFromHex(hash.digest('hex')) !== digest) {
      await rm(path, { force: true });
      return false;
    }
    await mkdir(dirname(this.blobPath(digest)), { recursive: true });
    await rename(path, this.blobPath(digest));
    await this.link(repository, digest);
    return true;
  }

  async cancelUpload(id: string): Promise<void> {
    await rm(this.#uploadPath(id), { force: true });
  }

  /** Media type of a manifest of the repository; undefined when it has none of this digest. */
  async manifestType(repository: string, digest: Digest): Promise<string | undefined> {
    return readText(this.#link(repository, 'manifests', digestHex(digest)));
  }

  async putManifest(repository: string, digest: Digest, mediaType: string, bytes: Uint8Array): Promise<void> {
    await this.#writeWhole(this.blobPath(digest), bytes);
    await this.#writeWhole(this.#link(repository, 'manifests', digestHex(digest)), mediaType);
  }

  /** Tags that point to it go too. */
  async removeManifest(repository: string, digest: Digest): Promise<boolean> {
    for (const tag of await this.tags(repository)) {
      if ((await this.tagged(repository, tag)) === digest) await this.removeTag(repository, tag);
    }
    return removed(this.#link(repository, 'manifests', digestHex(digest)));
  }

  /** All manifests of the repository, in order of their digests. */
  async manifests(repository: string): Promise<Digest[]> {
    return (await list(this.#folder(repository, 'manifests'))).map(digestFromHex);
  }

  async tag(repository: string, tag: string, digest: Digest): Promise<void> {
    await this.#writeWhole(this.#link(repository, 'tags', tag), digest);
  }

  async tagged(repository: string, tag: string): Promise<Digest | undefined> {
    const text = await readText(this.#link(repository, 'tags', tag));
    return text !== undefined && isDigest(text) ? text : undefined;
  }

  async removeTag(repository: string, tag: string): Promise<boolean> {
    return removed(this.#link(repository, 'tags', tag));
  }

  /** In order of their names. */
  async tags(repository: string): Promise<string[]> {
    return list(this.#folder(repository, 'tags'));
  }

  /** True once anything has been pushed to it. */
  async exists(repository: string): Promise<boolean> {
    return (await sizeOf(this.#folder(repository, 'manifests'))) !== undefined;
  }

  #uploadPath(id: string): string {
    return join(this.#root, 'uploads', id);
  }

  /** `_` cannot begin a part of a repository's name, so these folders are never a repository. */
  #folder(repository: string, kind: 'blobs' | 'manifests' | 'tags'): string {
    return join(this.#root, 'repositories', ...repository.split('/'), `_${kind}`);
  }

  #link(repository: string, kind: 'blobs' | 'manifests' | 'tags', name: string): string {
    return join(this.#folder(repository, kind), name);
  }

  async #writeWhole(path: string, content: Uint8Array | string): Promise<void> {
    const part = join(this.#root, 'uploads', `part-${randomUUID()}`);
    await mkdir(dirname(part), { recursive: true });
    await mkdir(dirname(path), { recursive: true });
    await writeFile(part, content);
    await rename(part, path);
  }
}

async function sizeOf(path: string): Promise<number | undefined> {
  return orAbsent(stat(path).then((found) => found.size));
}

async function readText(path: string): Promise<string | undefined> {
  return orAbsent(readFile(path, 'utf8'));
}

async function list(folder: string): Promise<string[]> {
  return ((await orAbsent(readdir(folder))) ?? []).sort();
}

async function removed(path: string): Promise<boolean> {
  return (await orAbsent(rm(path).then(() => true))) ?? false;
}

async function orAbsent<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    if (errorCode(error) === 'ENOENT' || errorCode(error) === 'ENOTDIR') return undefined;
    throw error;
  }
}
