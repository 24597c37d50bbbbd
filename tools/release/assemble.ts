/** Puts the files of a release into one folder, with their digests. The same files give the same bytes. */
import { createHash } from 'node:crypto';
import {
  copyFileSync,
  createReadStream,
  createWriteStream,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join, relative } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { writeTar } from '../../src/io/tar/archive.js';

export interface ReleaseFiles {
  /** Paths of files that are copied. */
  readonly files: readonly string[];
  /** Names of texts, and the texts. */
  readonly texts: Readonly<Record<string, string>>;
  /** The name of the archive of an OCI layout, and the layout's folder. */
  readonly image: { readonly name: string; readonly layout: string };
}

/** Writes `folder`, in place of what is there; if it throws, that stays as it was. */
export async function assembleRelease(
  folder: string,
  { files, texts, image }: ReleaseFiles,
): Promise<readonly string[]> {
  const partial = `${folder}.partial`;
  rmSync(partial, { recursive: true, force: true });
  mkdirSync(partial, { recursive: true });
  for (const path of files) copyFileSync(path, join(partial, basename(path)));
  for (const [name, text] of Object.entries(texts)) writeFileSync(join(partial, name), text);
  await archiveLayout(image.layout, join(partial, image.name));
  const names = readdirSync(partial).sort();
  const sums: string[] = [];
  for (const name of names) sums.push(`${await sha256Of(join(partial, name))}  ${name}\n`);
  writeFileSync(join(partial, 'SHA256SUMS'), sums.join(''));
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(dirname(folder), { recursive: true });
  renameSync(partial, folder);
  return [...names, 'SHA256SUMS'];
}

async function archiveLayout(layout: string, archive: string): Promise<void> {
  const files = readdirSync(layout, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort()
    .map((path) => ({
      name: relative(layout, path),
      size: statSync(path).size,
      open: () => createReadStream(path),
    }));
  await pipeline(writeTar(files), createWriteStream(archive));
}

async function sha256Of(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  return hash.digest('hex');
}
