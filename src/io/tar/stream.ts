/** Small tars that are read and written whole, by tar-stream: the bootstrap layer of a Nydus image is one. */
import { Readable } from 'node:stream';
import { extract, pack } from 'tar-stream';
import type { ByteStream } from '../streams.js';

export interface TarEntry {
  readonly name: string;
  readonly isFile: boolean;
  /** Bytes of content. */
  readonly size: number;
  /** Read it to its end before the next entry is asked for. */
  readonly content: ByteStream;
}

/** Throws what tar-stream and the stream itself throw. */
export async function* readTar(stream: AsyncIterable<Uint8Array>): AsyncGenerator<TarEntry> {
  const archive = extract();
  const tar = Readable.from(stream);
  tar.on('error', (cause) => {
    archive.destroy(cause);
  });
  tar.pipe(archive);
  for await (const entry of archive) {
    const { name, type, size } = entry.header;
    yield { name, isFile: type === 'file', size, content: entry as ByteStream }; // a Readable of Buffers
  }
}

export interface PackedEntry {
  readonly name: string;
  readonly mode: number;
  /** Undefined for a folder. */
  readonly bytes?: Uint8Array | undefined;
}

/** Bytes of the two empty blocks that end a tar. */
export const TAR_END = 1024;

/** The tar in parts, so that large contents are not copied. Owner 0:0 and time 0: nothing of this machine gets in. */
export async function packTar(entries: Iterable<PackedEntry>): Promise<Uint8Array[]> {
  const tar = pack();
  for (const { name, mode, bytes } of entries) {
    const header = { name, mode, uid: 0, gid: 0, mtime: new Date(0) };
    if (bytes === undefined) tar.entry({ ...header, type: 'directory' });
    else tar.entry(header, bytes);
  }
  tar.finalize();
  const parts: Uint8Array[] = [];
  for await (const part of tar) if (part instanceof Uint8Array) parts.push(part);
  return parts;
}
