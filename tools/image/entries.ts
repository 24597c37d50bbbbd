/** Files of a layer, and how they become one. Entries bear no time and stand in the order of their names, so that equal files give equal bytes. */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { pack } from 'tar-stream';
import { projectRoot } from '../../test/support/project.js';

export interface Entry {
  readonly kind: 'directory' | 'file' | 'symlink';
  /** Relative to the root, without a slash at either end. */
  readonly path: string;
  readonly mode: number;
  readonly owner?: number;
  readonly content?: Uint8Array;
  readonly target?: string;
}

export interface Layer {
  /** The sentence of the image's history. */
  readonly title: string;
  readonly diffId: string;
  readonly gzip: Uint8Array;
}

export function directory(path: string, mode = 0o755, owner = 0): Entry {
  return { kind: 'directory', path, mode, owner };
}

export function textFile(path: string, text: string): Entry {
  return { kind: 'file', path, mode: 0o644, content: Buffer.from(text) };
}

/** Packs and compresses entries; the folders above them are added. */
export async function makeLayer(title: string, entries: readonly Entry[]): Promise<Layer> {
  const tar = await tarOf(withParents(entries));
  const diffId = createHash('sha256').update(tar).digest('hex');
  return { title, diffId: `sha256:${diffId}`, gzip: await compressed(diffId, tar) };
}

function withParents(entries: readonly Entry[]): readonly Entry[] {
  const all = new Map<string, Entry>();
  for (const entry of entries) {
    for (let path = dirname(entry.path); path !== '.'; path = dirname(path))
      if (!all.has(path)) all.set(path, directory(path));
    all.set(entry.path, entry);
  }
  return [...all.values()].sort((a, b) => (a.path < b.path ? -1 : 1));
}

async function tarOf(entries: readonly Entry[]): Promise<Buffer> {
  const tar = pack();
  for (const { kind, path, mode, owner = 0, content, target } of entries) {
    const header = { name: path, type: kind, mode, uid: owner, gid: owner, mtime: new Date(0) } as const;
    if (kind === 'symlink') tar.entry({ ...header, linkname: target ?? '' });
    else tar.entry(header, Buffer.from(content ?? []));
  }
  tar.finalize();
  const pieces: Buffer[] = [];
  for await (const piece of tar) pieces.push(piece as Buffer); // a stream of bytes gives buffers
  return Buffer.concat(pieces);
}

const LEVEL = 6;

/** Compression takes longer than all else, and most layers are those of the last image, so they are kept by digest. */
async function compressed(diffId: string, tar: Buffer): Promise<Uint8Array> {
  const folder = join(projectRoot, '.cache', 'image', 'layers');
  const path = join(folder, `${diffId}-zlib-${process.versions.zlib}-${process.arch}-${LEVEL}.gz`);
  if (existsSync(path)) return readFileSync(path);
  const bytes = await promisify(gzip)(tar, { level: LEVEL });
  mkdirSync(folder, { recursive: true });
  writeFileSync(`${path}.new`, bytes);
  renameSync(`${path}.new`, path);
  return bytes;
}
