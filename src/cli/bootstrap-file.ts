/** Bootstraps in files: as files of their own, and inside RAFS blobs. */
import type { FileHandle } from 'node:fs/promises';
import { FormatError, LocalIoError } from '../errors.js';
import { openFile, readPiece, readSmallFile } from '../io/file-range.js';
import { openPipe } from '../io/pipe.js';
import { collect } from '../io/streams.js';
import { decompress } from '../native/codec.js';
import { readBootstrapSection } from '../rafs-builder/blob/bootstrap.js';
import { decodeSection } from '../rafs-builder/blob/section.js';
import { endsWithTarHeader } from '../rafs-builder/blob/section-header.js';
import { TAR_HEADER_SIZE } from '../rafs-builder/layout/blob.js';

/** Nydus's RAFS_MAX_METADATA_SIZE. */
const MAX_SIZE = 2 * 1024 ** 3;

/**
 * The bytes of a bootstrap file, or of the bootstrap in a RAFS blob; a file that ends with a section header is taken for a
 * blob. The digest of the section is not compared, so that a damaged bootstrap can be looked into.
 */
export async function readBootstrapFile(path: string): Promise<Uint8Array> {
  try {
    const pipe = await openPipe(path);
    if (pipe !== undefined) return await collect(pipe, MAX_SIZE, path);
    await using file = await openFile(path);
    const { size } = await file.stat();
    const read = (start: number, end: number): Promise<Buffer> => readRange(file, start, end);
    if (!endsWithTarHeader(await read(Math.max(0, size - TAR_HEADER_SIZE), size)))
      return await readSmallFile(path, MAX_SIZE);
    return await decodeSection(await readBootstrapSection(size, read), decompress);
  } catch (error) {
    if (error instanceof FormatError) {
      throw new FormatError(`cannot read the RAFS blob ${path}: ${error.message}`, {
        cause: error,
        offset: error.offset,
      });
    }
    if (error instanceof Error && 'syscall' in error) {
      throw new LocalIoError(`cannot read ${path}: ${error.message}`, { cause: error });
    }
    throw error;
  }
}

/** Throws FormatError when the file ends before `end`. */
async function readRange(file: FileHandle, start: number, end: number): Promise<Buffer> {
  const bytes = await readPiece(file, { start, end });
  const reached = start + bytes.length;
  if (reached < end) throw new FormatError(`the file ends before byte ${end}`, { offset: reached });
  return bytes;
}
