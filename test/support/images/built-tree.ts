/** Directories as blobs and bootstraps, in the form in which the reference reads them: a blob is named by its digest. */
import { mkdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { BuildOptions } from '../../../src/build/options.js';
import { packDirectory, type PackedDirectory } from '../../../src/build/pack.js';
import { digestHex } from '../../../src/oci/digest.js';
import type { CallOptions } from '../../../src/reporter.js';

export interface BuiltTree extends PackedDirectory {
  /** Paths of the files. */
  readonly bootstrapPath: string;
  readonly blobPath: string;
  /** The folder of the blob. */
  readonly blobs: string;
}

const PLATFORM = { os: 'linux', architecture: 'amd64' };

/** Packs `directory` with nothing below it, into `work`. */
export async function builtTree(
  directory: string,
  work: string,
  options: BuildOptions = {},
  call: CallOptions = {},
): Promise<BuiltTree> {
  const blobs = join(work, 'blobs');
  await mkdir(blobs, { recursive: true });
  const unnamed = join(work, 'blob');
  const packed = await packDirectory(
    { directory, blobPath: unnamed, platform: PLATFORM },
    { threads: 2, ...options },
    call,
  );
  const blobPath = join(blobs, digestHex(packed.sealed.digest));
  await rename(unnamed, blobPath);
  const bootstrapPath = join(work, 'bootstrap');
  await writeFile(bootstrapPath, packed.bootstrap);
  return { ...packed, bootstrapPath, blobPath, blobs };
}
