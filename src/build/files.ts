/** A directory as two files: a bootstrap and a blob, under upstream's names. */
import { open, rename } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { UsageError } from '../errors.js';
import type { BlobBackend } from '../backend/backend.js';
import { BUILDER_VERSION } from '../convert/version.js';
import { readFileRange } from '../io/file-range.js';
import { syncFolder } from '../io/folder.js';
import { makeFolders } from '../io/make-folders.js';
import { openScratch } from '../io/scratch.js';
import { localIoError } from '../io/system-error.js';
import { writeWhole } from '../io/whole-file.js';
import type { Platform } from '../oci/descriptor.js';
import { type Digest, digestHex, sha256 } from '../oci/digest.js';
import { allBlobIds } from './blob-ids.js';
import type { PrefetchMeaning } from '../prefetch/meaning.js';
import type { CallOptions, PackStats } from '../reporter.js';
import type { BuildOptions } from './options.js';
import { demandDirectory, demandOutside } from './outside.js';
import { type LowerTree, packDirectory, type PackedDirectory } from './pack.js';

export interface BuildPlace {
  /** The folder of the result; it is made if it is not there. */
  readonly folder: string;
  /** The bootstrap's name; `.meta` follows one without an ending. */
  readonly name: string;
  /** The bootstrap of an image that the directory is put on. */
  readonly parent?: LowerTree | undefined;
  /** Where the files are sent, too. */
  readonly backend?: BlobBackend | undefined;
  /** The platform whose image a dictionary of several is taken from; linux/amd64 by default. */
  readonly platform?: Platform | undefined;
}

export interface BuiltFiles {
  readonly stats: PackStats;
  readonly prefetched: PrefetchMeaning | undefined;
  readonly fsVersion: number;
  readonly compressor: string;
  /** The bootstrap's path, or where the backend has it. */
  readonly bootstrap: string;
  readonly bootstrapSize: number;
  readonly bootstrapDigest: Digest;
  /** The blob's path, or where the backend has it. */
  readonly blob: string;
  readonly blobDigest: Digest;
  readonly blobSize: number;
  /** The ids of all blobs that the bootstrap names, in its order. */
  readonly blobs: readonly string[];
  readonly milliseconds: number;
}

const USUAL: Platform = { os: 'linux', architecture: 'amd64' };

/** The folder of the incomplete blob, inside that of the result. */
const SCRATCH_PREFIX = '.nydusify-build-';

/** A file appears whole or not at all, the blob before the bootstrap. Throws what packing and the backend throw. */
export async function buildFiles(
  directory: string,
  { folder, name, parent, backend, platform = USUAL }: BuildPlace,
  options: BuildOptions,
  call: CallOptions = {},
): Promise<BuiltFiles> {
  const started = performance.now();
  if (name === '' || name === '.' || name === '..' || /[/\0]/.test(name))
    throw new UsageError(`the bootstrap's name "${name}" is no name of a file`);
  await demandDirectory(directory);
  await demandOutside(folder, directory);
  const ending = extname(name);
  const bootstrapPath = join(folder, ending === '' ? `${name}.meta` : name);
  try {
    await makeFolders(folder);
  } catch (cause) {
    throw localIoError(`cannot make ${folder}`, cause);
  }
  await using scratch = await openScratch(folder, SCRATCH_PREFIX);
  const packing = { directory, blobPath: scratch.file('blob'), below: parent, platform };
  const packed = await packDirectory(packing, options, call);
  const { sealed, bootstrap } = packed;
  const id = digestHex(sealed.digest);
  const isNamedById = parent !== undefined || backend !== undefined;
  const blobPath = join(folder, isNamedById ? id : `${name.slice(0, name.length - ending.length)}.blob`);
  const blobs = await allBlobIds(bootstrap, call);
  const summary = {
    version: BUILDER_VERSION,
    bootstrap: bootstrapPath,
    blobs,
    fs_version: String(packed.fsVersion),
    compressor: packed.compressor,
  };
  await place(packing.blobPath, blobPath);
  await write(bootstrapPath, bootstrap, scratch.path, call);
  await write(
    join(folder, 'output.json'),
    Buffer.from(`${JSON.stringify(summary, undefined, 2)}\n`),
    scratch.path,
    call,
  );
  await syncFolder(folder);
  const places = { bootstrap: bootstrapPath, blob: blobPath };
  const sent = backend === undefined ? places : await send(backend, places, packed, call);
  return {
    ...sent,
    bootstrapSize: bootstrap.length,
    bootstrapDigest: sha256(bootstrap),
    blobDigest: sealed.digest,
    blobSize: sealed.size,
    blobs,
    stats: packed.stats,
    prefetched: packed.prefetched,
    fsVersion: packed.fsVersion,
    compressor: packed.compressor,
    milliseconds: performance.now() - started,
  };
}

/** The blob goes first, unless it is there, and the bootstrap always: another one may have its name. */
async function send(
  backend: BlobBackend,
  { bootstrap, blob }: { readonly bootstrap: string; readonly blob: string },
  { sealed: { digest, size }, bootstrap: bytes }: PackedDirectory,
  call: CallOptions,
): Promise<{ readonly bootstrap: string; readonly blob: string }> {
  call.reporter?.emit({ type: 'step', message: `sending to ${backend.location}` });
  if ((await backend.sizeOf(digest, call)) !== size) {
    const open = (range?: { start: number; end: number }): ReturnType<typeof readFileRange> =>
      readFileRange(blob, range, call.signal);
    await backend.put({ digest, size }, { size, open }, call);
  }
  const name = bootstrap.slice(bootstrap.lastIndexOf('/') + 1);
  return { blob: backend.nameOf(digest), bootstrap: await backend.putFile(name, bytes, call) };
}

/** Brings the file to the disk, and then under its name. */
async function place(from: string, to: string): Promise<void> {
  try {
    await using file = await open(from, 'r+');
    await file.datasync();
    await rename(from, to);
  } catch (cause) {
    throw localIoError(`cannot write ${to}`, cause);
  }
}

async function write(path: string, bytes: Uint8Array, aside: string, { signal }: CallOptions): Promise<void> {
  try {
    await writeWhole(path, bytes, { aside, durable: true, signal });
  } catch (cause) {
    signal?.throwIfAborted();
    throw localIoError(`cannot write ${path}`, cause);
  }
}
