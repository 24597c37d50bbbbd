/**
 * An image archive, whose members are read in place. Compressed archives are unpacked into a scratch folder first; pipes, which can
 * be read only once and in order, are written there.
 */
import { statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import { FormatError, UnsupportedError } from '../../errors.js';
import { isCompressedArchive, SNIFF_BYTES } from '../../io/compression.js';
import { readFileRange } from '../../io/file-range.js';
import { openPipe } from '../../io/pipe.js';
import { openScratchBeside, type Scratch } from '../../io/scratch.js';
import { type ByteRange, type ByteStream, collect } from '../../io/streams.js';
import { indexTar, type TarMember } from '../../io/tar/index.js';
import type { Budget } from '../../limits.js';
import { ArchiveUnpacker } from '../../native/unpack.js';

/** Where an archive is unpacked to, and who pays. */
export interface UnpackOptions {
  /** Beside the archive, or else in the folder for temporary files, by default. */
  readonly workDir?: string | undefined;
  /** Charged with the bytes of the unpacked archive; by default it has one of its own. */
  readonly budget?: Budget | undefined;
}

export class ArchiveFile implements AsyncDisposable {
  readonly #path: string;
  readonly #members: ReadonlyMap<string, TarMember>;
  readonly #scratch: Scratch | undefined;

  private constructor(path: string, members: ReadonlyMap<string, TarMember>, scratch: Scratch | undefined) {
    this.#path = path;
    this.#members = members;
    this.#scratch = scratch;
  }

  static async open(
    path: string,
    { workDir, budget }: UnpackOptions,
    signal: AbortSignal | undefined,
  ): Promise<ArchiveFile> {
    const pipe = await openPipe(path, signal);
    if (pipe === undefined) {
      const start = await collect(readFileRange(path, { start: 0, end: SNIFF_BYTES }), SNIFF_BYTES, path);
      if (!isCompressedArchive(start))
        return new ArchiveFile(path, await indexTar(path, { signal }), undefined);
    }
    const scratch = await openScratchBeside(workDir, pipe === undefined ? dirname(path) : undefined);
    try {
      const unpacked = scratch.file('archive.tar');
      await unpack(
        pipe ?? readFileRange(path, undefined, signal),
        path,
        { file: unpacked, folder: scratch.path },
        budget,
      );
      return new ArchiveFile(unpacked, await indexTar(unpacked, { name: path, signal }), scratch);
    } catch (error) {
      await scratch[Symbol.asyncDispose]();
      signal?.throwIfAborted();
      throw error;
    }
  }

  member(name: string): TarMember | undefined {
    return this.#members.get(name.replace(/^(\.?\/)+/, ''));
  }

  /** The bytes of a member, or a range of them. */
  read(
    member: TarMember,
    range: ByteRange = { start: 0, end: member.size },
    signal?: AbortSignal,
  ): ByteStream {
    const end = Math.min(range.end, member.size);
    return readFileRange(this.#path, { start: member.start + range.start, end: member.start + end }, signal);
  }

  /** The bytes of a small member. */
  async readAll(name: string, limit: number): Promise<Buffer | undefined> {
    const member = this.member(name);
    return member === undefined ? undefined : collect(this.read(member), limit, `${name} of ${this.#path}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#scratch?.[Symbol.asyncDispose]();
  }
}

async function unpack(
  from: ByteStream,
  path: string,
  to: { readonly file: string; readonly folder: string },
  budget: Budget | undefined,
): Promise<void> {
  const unpacker = new ArchiveUnpacker(to.file, budget);
  const { bavail, bsize } = await statfs(to.folder);
  const room = bavail * bsize;
  try {
    for await (const bytes of from) await unpacker.write(bytes, room);
    await unpacker.finish(room);
  } catch (cause) {
    if (cause instanceof FormatError) throw new FormatError(`${path}: ${cause.message}`, { cause });
    if (cause instanceof UnsupportedError)
      throw new UnsupportedError(`${path}: ${cause.message}`, { cause, remedy: cause.remedy });
    throw cause;
  }
}
