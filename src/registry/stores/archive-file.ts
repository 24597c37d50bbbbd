/** An image archive on disk, whose members are read in place. A compressed archive is unpacked into a scratch folder first. */
import { createReadStream, createWriteStream } from 'node:fs';
import { dirname } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { FormatError, NydusError, UnsupportedError } from '../../errors.js';
import { SNIFF_BYTES, sniffCompression } from '../../io/compression.js';
import { readFileRange } from '../../io/file-range.js';
import { errorCode, localIoError, openScratch, type Scratch } from '../../io/scratch.js';
import { type ByteRange, type ByteStream, collect } from '../../io/streams.js';
import { indexTar, type TarMember } from '../../io/tar/index.js';

export class ArchiveFile implements AsyncDisposable {
  readonly #path: string;
  readonly #members: ReadonlyMap<string, TarMember>;
  readonly #scratch: Scratch | undefined;

  private constructor(path: string, members: ReadonlyMap<string, TarMember>, scratch: Scratch | undefined) {
    this.#path = path;
    this.#members = members;
    this.#scratch = scratch;
  }

  /** A compressed archive is unpacked in `workDir`, or else in the archive's own folder. */
  static async open(
    path: string,
    workDir: string | undefined,
    signal: AbortSignal | undefined,
  ): Promise<ArchiveFile> {
    const start = readFileRange(path, { start: 0, end: SNIFF_BYTES });
    const compression = sniffCompression(await collect(start, SNIFF_BYTES, path));
    switch (compression) {
      case 'none':
        return new ArchiveFile(path, await indexTar(path), undefined);
      case 'zstd':
        throw new UnsupportedError(`${path} is compressed with zstd`, {
          hint: `unpack it first: zstd -d ${path}`,
        });
      case 'gzip': {
        const scratch = await openScratch(workDir ?? dirname(path));
        try {
          const unpacked = scratch.file('archive.tar');
          await gunzip(path, unpacked, signal);
          return new ArchiveFile(unpacked, await indexTar(unpacked), scratch);
        } catch (error) {
          await scratch[Symbol.asyncDispose]();
          throw error;
        }
      }
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

async function gunzip(from: string, to: string, signal: AbortSignal | undefined): Promise<void> {
  try {
    const options = signal === undefined ? {} : { signal };
    await pipeline(createReadStream(from), createGunzip(), createWriteStream(to), options);
  } catch (cause) {
    signal?.throwIfAborted();
    if (cause instanceof NydusError) throw cause;
    if (errorCode(cause)?.startsWith('Z_') === true)
      throw new FormatError(`${from}: damaged gzip data`, { cause });
    throw localIoError(`cannot unpack ${from}`, cause, { remedy: { kind: 'work-dir' } });
  }
}
