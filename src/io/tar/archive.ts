/** Writes a tar of plain files, for archives of images: the same files give the same bytes. */
import type { ByteStream } from '../streams.js';
import { BLOCK, writeHeader } from './header.js';

export interface TarFile {
  /** At most 100 bytes of ASCII, which all paths of an OCI layout keep to. */
  readonly name: string;
  /** Bytes. */
  readonly size: number;
  open(): ByteStream;
}

/** The files in their order, each padded to whole blocks, and two blocks of zeros at the end. */
export async function* writeTar(files: Iterable<TarFile>): ByteStream {
  for (const file of files) {
    yield writeHeader(file.name, file.size);
    yield* file.open();
    const over = file.size % BLOCK;
    if (over > 0) yield Buffer.alloc(BLOCK - over);
  }
  yield Buffer.alloc(2 * BLOCK);
}
