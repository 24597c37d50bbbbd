/** What HTTP says of a file beside its bytes: type, tag and time. Equal content has an equal tag in every image. */
import { createHash } from 'node:crypto';
import mime from 'mime';
import type { FileInode, Filesystem } from '../look/filesystem.js';
import type { RawName } from '../oci/raw-name.js';
import type { Inode } from '../rafs-builder/model/tree.js';

export interface Entity {
  readonly size: number;
  readonly type: string;
  readonly etag: string;
  /** Undefined for a time that HTTP cannot write. */
  readonly lastModified: string | undefined;
}

const BINARY = 'application/octet-stream';
/** The first second of the year 10000. */
const LAST_SECOND = 253_402_300_800;

/** Makes tags, and remembers those of the inodes that live. */
export class Entities {
  readonly #filesystem: Filesystem;
  readonly #tags = new WeakMap<FileInode, string>();

  constructor(filesystem: Filesystem) {
    this.#filesystem = filesystem;
  }

  of(file: FileInode, name: RawName): Entity {
    return {
      size: file.size,
      type: typeOf(name),
      etag: this.#tag(file),
      lastModified: httpTime(file),
    };
  }

  /** A digest of the digests of all chunks. */
  #tag(file: FileInode): string {
    const known = this.#tags.get(file);
    if (known !== undefined) return known;
    const { digester, chunkSize } = this.#filesystem;
    const hash = createHash('sha256').update(`${digester} ${chunkSize} ${file.size}\n`);
    // A hole is one chunk over and over, so its count stands for it.
    for (let i = 0; i < file.chunks.length;) {
      const ref = file.chunks[i];
      const first = i;
      while (i < file.chunks.length && file.chunks[i] === ref) i++;
      if (ref !== undefined) hash.update(this.#filesystem.chunk(ref).record.digest).update(`${i - first}`);
    }
    const tag = `"${hash.digest('base64url').slice(0, 32)}"`;
    this.#tags.set(file, tag);
    return tag;
  }
}

/** The name alone decides: the content is known by its digests only, until it is fetched. */
function typeOf(name: RawName): string {
  const type = mime.getType(name) ?? BINARY;
  return type.startsWith('text/') ? `${type}; charset=utf-8` : type;
}

/** The time of modification as HTTP and WebDAV write it. */
export function httpTime({ mtime }: Inode): string | undefined {
  return mtime < 0 || mtime >= LAST_SECOND ? undefined : new Date(mtime * 1000).toUTCString();
}
