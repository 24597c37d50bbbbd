/**
 * Writes files that appear whole or not at all, after a power failure too: aside first, under a name that nothing else has, to the
 * disk, and only then under its own name. The name itself is on the disk once its folder is synchronised.
 */
import { randomBytes } from 'node:crypto';
import { type FileHandle, open, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { guardingFile } from '../native/guard.js';
import { ownerMark } from './owner.js';
import type { ByteStream } from './streams.js';

/** The prefix of incomplete files, which a killed run leaves behind. */
export const PART_PREFIX = '.part-';

export interface WholeFileOptions {
  /** The folder of the incomplete file, on the same file system as `path`. */
  readonly aside: string;
  /** False for files that need not outlive the run, which are not waited for. */
  readonly durable: boolean;
  /** The permissions of the file, from its first byte on; those that the process gives to new files by default. */
  readonly mode?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Replaces what is at `path`, which may be known only when all bytes are written; a link is replaced, not followed. Throws what
 * `content` and `path` throw, and the system's errors.
 */
export async function writeWhole(
  path: string | (() => Promise<string>),
  content: ByteStream | Uint8Array,
  { aside, durable, mode, signal }: WholeFileOptions,
): Promise<void> {
  const part = join(aside, `${PART_PREFIX}${await ownerMark()}${randomBytes(8).toString('hex')}`);
  await guardingFile({ path: part }, async () => {
    const file = await open(part, 'wx', mode);
    try {
      try {
        const bytes = durable && !(content instanceof Uint8Array) ? flushed(content, file) : content;
        await writeFile(file, bytes, signal === undefined ? {} : { signal });
        if (durable) await file.datasync();
      } finally {
        await file.close();
      }
      await rename(part, typeof path === 'string' ? path : await path());
    } catch (cause) {
      await rm(part, { force: true });
      throw cause;
    }
  });
}

/** Bytes of a file after which they are brought to the disk, while its writer goes on. */
const FLUSHED_BYTES = 32 * 1024 * 1024;

/** True while a file is being flushed: one at a time, since each occupies one of the few threads that read and write files. */
let isFlushing = false;

/**
 * Passes bytes on, and has those that are written brought to the disk meanwhile, so that the writer waits for the last of them alone.
 * The system reports a failure of the disk only once, so it is thrown here.
 */
async function* flushed(content: ByteStream, file: FileHandle): ByteStream {
  let dirty = 0;
  let failure: { readonly cause: unknown } | undefined;
  let flush = Promise.resolve();
  try {
    for await (const bytes of content) {
      yield bytes;
      dirty += bytes.length;
      if (dirty < FLUSHED_BYTES || isFlushing) continue;
      dirty = 0;
      isFlushing = true;
      flush = file
        .datasync()
        .catch((cause: unknown) => {
          failure = { cause };
        })
        .finally(() => {
          isFlushing = false;
        });
    }
  } finally {
    await flush; // the file is closed next
  }
  if (failure !== undefined) throw failure.cause;
}
