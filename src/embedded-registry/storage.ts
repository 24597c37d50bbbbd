/**
 * The folder of the embedded registry: each blob once, and for each repository its blobs, manifests and tags. Blobs stream to disk;
 * a manifest is a blob with a media type. Digests are verified before anything appears.
 */
import { randomUUID } from 'node:crypto';
import { mkdir, open, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { errorCode } from '../io/system-error.js';
import type { ByteStream } from '../io/streams.js';
import {
  algorithmOf,
  type ContentDigest,
  contentDigestFromHex,
  contentHex,
  finishedDigest,
  hasherFor,
  isContentDigest,
} from './content-digest.js';
import type { Refused } from './protocol.js';
import { Room, ROOM_LIMITS, type RoomLimits } from './room.js';

/** An upload in progress. */
export interface Upload {
  readonly id: string;
  /** Bytes received. */
  readonly size: number;
}

export class Storage {
  readonly #root: string;
  readonly #room: Room;

  constructor(root: string, limits: RoomLimits = ROOM_LIMITS) {
    this.#root = root;
    this.#room = new Room([join(root, 'blobs'), join(root, 'uploads')], limits);
  }

  blobPath(digest: ContentDigest): string {
    return join(this.#root, 'blobs', contentHex(digest));
  }

  /** The size of a blob of the repository; undefined when the repository does not have it. */
  async blobSize(repository: string, digest: ContentDigest): Promise<number | undefined> {
    const linked = await sizeOf(this.#link(repository, 'blobs', contentHex(digest)));
    return linked === undefined ? undefined : sizeOf(this.blobPath(digest));
  }

  /** Adds a blob of the store to the repository. */
  async link(repository: string, digest: ContentDigest): Promise<void> {
    await this.#writeWhole(this.#link(repository, 'blobs', contentHex(digest)), '');
  }

  /** True when the store has the blob, in whatever repository. */
  async keeps(digest: ContentDigest): Promise<boolean> {
    return (await sizeOf(this.blobPath(digest))) !== undefined;
  }

  /** True when this repository has the blob, which can then be mounted from it. */
  async holds(repository: string, digest: ContentDigest): Promise<boolean> {
    return (await this.blobSize(repository, digest)) !== undefined;
  }

  async removeBlob(repository: string, digest: ContentDigest): Promise<boolean> {
    return removed(this.#link(repository, 'blobs', contentHex(digest)));
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

  /** Appends a stream and returns the new size. Bytes that arrived before a cut stay; an upload for which there is no room goes. */
  async append(id: string, stream: ByteStream): Promise<number> {
    const file = await open(this.#uploadPath(id), 'a');
    try {
      let { size } = await file.stat();
      let refused: Refused | undefined;
      // A client reads no answer before it has sent everything, so a body that is refused is read on.
      for await (const bytes of stream) {
        refused ??= await this.#room.take(bytes.length, (size += bytes.length));
        if (refused === undefined) await file.write(bytes);
      }
      if (refused === undefined) return (await file.stat()).size;
      await this.cancelUpload(id);
      throw refused;
    } finally {
      await file.close();
    }
  }

  /** Makes a finished upload a blob of the repository. When its digest is another, removes the upload and returns false. */
  async finishUpload(repository: string, id: string, digest: ContentDigest): Promise<boolean> {
    const path = this.#uploadPath(id);
    const hash = hasherFor(digest);
    const file = await open(path, 'r');
    for await (const bytes of file.createReadStream() as AsyncIterable<Buffer>) hash.update(bytes); // no encoding is set
    if (finishedDigest(hash, algorithmOf(digest)) !== digest) {
      await this.cancelUpload(id);
      return false;
    }
    this.#room.give((await sizeOf(this.blobPath(digest))) ?? 0);
    await mkdir(dirname(this.blobPath(digest)), { recursive: true });
    await rename(path, this.blobPath(digest));
    await this.link(repository, digest);
    return true;
  }

  async cancelUpload(id: string): Promise<void> {
    const size = await sizeOf(this.#uploadPath(id));
    await rm(this.#uploadPath(id), { force: true });
    this.#room.give(size ?? 0);
  }

  /** The media type of a manifest of the repository; undefined when there is no such manifest. */
  async manifestType(repository: string, digest: ContentDigest): Promise<string | undefined> {
    return readText(this.#link(repository, 'manifests', contentHex(digest)));
  }

  async putManifest(
    repository: string,
    digest: ContentDigest,
    mediaType: string,
    bytes: Uint8Array,
  ): Promise<void> {
    const refused = (await this.keeps(digest))
      ? undefined
      : await this.#room.take(bytes.length, bytes.length);
    if (refused !== undefined) throw refused;
    await this.#writeWhole(this.blobPath(digest), bytes);
    await this.#writeWhole(this.#link(repository, 'manifests', contentHex(digest)), mediaType);
  }

  /** Also removes the tags that point to the manifest. */
  async removeManifest(repository: string, digest: ContentDigest): Promise<boolean> {
    for (const tag of await this.tags(repository)) {
      if ((await this.tagged(repository, tag)) === digest) await this.removeTag(repository, tag);
    }
    return removed(this.#link(repository, 'manifests', contentHex(digest)));
  }

  /** All manifests of the repository, in order of their digests. */
  async manifests(repository: string): Promise<ContentDigest[]> {
    return (await list(this.#folder(repository, 'manifests'))).map(contentDigestFromHex);
  }

  async tag(repository: string, tag: string, digest: ContentDigest): Promise<void> {
    await this.#writeWhole(this.#link(repository, 'tags', tag), digest);
  }

  async tagged(repository: string, tag: string): Promise<ContentDigest | undefined> {
    const text = await readText(this.#link(repository, 'tags', tag));
    return text !== undefined && isContentDigest(text) ? text : undefined;
  }

  async removeTag(repository: string, tag: string): Promise<boolean> {
    return removed(this.#link(repository, 'tags', tag));
  }

  /** In order of their names. */
  async tags(repository: string): Promise<string[]> {
    return list(this.#folder(repository, 'tags'));
  }

  /** True when anything has been pushed to the repository. */
  async exists(repository: string): Promise<boolean> {
    return (await sizeOf(this.#folder(repository, 'manifests'))) !== undefined;
  }

  #uploadPath(id: string): string {
    return join(this.#root, 'uploads', id);
  }

  /** A part of a repository's name cannot begin with `_`, so these folders are never a repository. */
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
