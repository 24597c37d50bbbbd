/** Bootstraps on disk: files of their own, or sections of RAFS blobs. */
import { open, readFile } from 'node:fs/promises';
import { FormatError, LocalIoError } from '../errors.js';
import { decompress } from '../native/index.js';
import { SECTIONS, tocFlags } from '../rafs-builder/layout/blob.js';
import { endsWithTarHeader } from '../rafs-builder/blob/section-header.js';
import { parseToc, TOC_READ_SIZE } from '../rafs-builder/blob/toc.js';

/** The constant that Nydus puts on metadata it reads into memory (RAFS_MAX_METADATA_SIZE). */
const MAX_BOOTSTRAP_SIZE = 2 ** 31;

/** The bytes of a bootstrap file, or of the bootstrap in a RAFS blob, which is what ends with a tar header. */
export async function readBootstrapFile(path: string): Promise<Uint8Array> {
  try {
    await using file = await open(path, 'r');
    const { size } = await file.stat();
    const end = await readRange(file, Math.max(0, size - TOC_READ_SIZE), size);
    if (!endsWithTarHeader(end)) return await readFile(path);
    const entry = parseToc(end, size).find(({ name }) => name === SECTIONS.bootstrap);
    if (entry === undefined) throw new FormatError(`the blob has no section ${SECTIONS.bootstrap}`);
    if (entry.uncompressedSize > MAX_BOOTSTRAP_SIZE) {
      throw new FormatError(`a bootstrap of ${entry.uncompressedSize} bytes`);
    }
    const stored = await readRange(file, entry.offset, entry.offset + entry.compressedSize);
    return entry.flags === tocFlags.bits.NONE
      ? stored
      : await decompress(stored, 'zstd', entry.uncompressedSize);
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

async function readRange(
  file: Awaited<ReturnType<typeof open>>,
  start: number,
  end: number,
): Promise<Buffer> {
  const bytes = Buffer.alloc(Math.max(0, end - start));
  const { bytesRead } = await file.read(bytes, 0, bytes.length, start);
  return bytes.subarray(0, bytesRead);
}
