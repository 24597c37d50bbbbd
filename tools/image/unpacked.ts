/** Files of packages, read without unpacking them onto this machine: tarballs of npm and packages of Debian. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { Readable } from 'node:stream';
import { gunzipSync } from 'node:zlib';
import { extract } from 'tar-stream';
import type { Entry } from './entries.js';

/** The files of a tarball of npm, by their paths in the package. */
export async function filesOfTarball(path: string): Promise<readonly Entry[]> {
  const entries = await entriesOf(gunzipSync(readFileSync(path)));
  return entries.map((entry) => ({ ...entry, path: entry.path.replace(/^package\//, '') }));
}

/** The files of a package of Debian, by their paths in the system. */
export function filesOfDebianPackage(path: string): Promise<readonly Entry[]> {
  return entriesOf(dpkg('--fsys-tarfile', path));
}

/** The description of a package of Debian: its name, version, dependencies. */
export function descriptionOf(path: string): string {
  return dpkg('--field', path).toString('utf8');
}

function dpkg(...args: readonly string[]): Buffer {
  const { status, stdout, stderr, error } = spawnSync('dpkg-deb', args, { maxBuffer: 1 << 28 });
  if (error !== undefined) throw new Error(`cannot run dpkg-deb: ${error.message}`);
  if (status !== 0) throw new Error(`dpkg-deb ${args.join(' ')}: ${stderr.toString('utf8').trim()}`);
  return stdout;
}

/** Files and symbolic links; folders are made again where a file needs them. */
async function entriesOf(tar: Buffer): Promise<readonly Entry[]> {
  const entries: Entry[] = [];
  for await (const { header, content } of members(tar)) {
    const { name, type, mode, linkname } = header;
    const path = name.replace(/^\.\//, '');
    if (type === 'file') entries.push({ kind: 'file', path, mode: mode & 0o111 ? 0o755 : 0o644, content });
    else if (type === 'symlink') entries.push({ kind: 'symlink', path, mode: 0o777, target: linkname });
  }
  return entries;
}

async function* members(tar: Buffer): AsyncGenerator<{ readonly header: Header; readonly content: Buffer }> {
  const archive = Readable.from([tar]).pipe(extract());
  for await (const member of archive) {
    const pieces: Buffer[] = [];
    for await (const piece of member) pieces.push(piece as Buffer); // a stream of bytes gives buffers
    yield { header: member.header, content: Buffer.concat(pieces) };
  }
}

type Header =
  ReturnType<typeof extract> extends AsyncIterable<infer Member>
    ? Member extends { readonly header: infer H }
      ? H
      : never
    : never;
