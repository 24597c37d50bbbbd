/**
 * Images for those who bring none: tars of generated files, the same bytes on every machine. Half of each file is text of
 * a small vocabulary, half is noise, which compresses about as programs and their libraries do.
 */
import { createHash } from 'node:crypto';
import { createWriteStream, existsSync } from 'node:fs';
import { mkdir, readFile, rename, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { END_OF_TAR, fileHeader, folderHeader, padding } from './tar.js';

/** One layer: so many files of about so many bytes. */
interface Recipe {
  readonly files: number;
  readonly bytes: number;
}

/** A base, an application in many layers, many small files, a few large ones. */
const RECIPES: Readonly<Record<string, readonly Recipe[]>> = {
  base: [{ files: 6000, bytes: 25_000 }],
  app: [
    { files: 6000, bytes: 25_000 },
    { files: 4000, bytes: 60_000 },
    { files: 12_000, bytes: 9000 },
    { files: 200, bytes: 1_000_000 },
    { files: 50, bytes: 20_000 },
  ],
  many: [{ files: 100_000, bytes: 3000 }],
  big: [
    { files: 2, bytes: 150_000_000 },
    { files: 3, bytes: 100_000_000 },
  ],
};

const BLOCK = 1 << 20;
const WORDS = 'the of a to in is for import return const function error value layer image file path'.split(
  ' ',
);

/** Pseudo-random numbers, xorshift32: the same for a seed everywhere. */
function numbers(seed: number): () => number {
  let state = seed | 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 0;
  };
}

/** A mebibyte to cut files from, in runs of text and noise of 64 to 4096 bytes. */
function material(seed: number): Buffer {
  const next = numbers(seed);
  const bytes = Buffer.alloc(BLOCK);
  for (let at = 0; at < BLOCK;) {
    const end = Math.min(BLOCK, at + 64 + (next() % 4032));
    if (next() % 2 === 0) {
      while (at < end) at += bytes.write(`${WORDS[next() % WORDS.length] ?? ''} `, at, 'latin1') || end;
      at = Math.min(at, end);
    } else {
      for (; at < end; at++) bytes[at] = next() >>> 24;
    }
  }
  return bytes;
}

/** The layer's tar; every file is different from every other. */
function* layerTar({ files, bytes }: Recipe, seed: number): Generator<Buffer> {
  const next = numbers(seed * 7919 + 1);
  const stock = Array.from({ length: 8 }, (_, index) => material(seed * 31 + index + 1));
  for (let file = 0; file < files; file++) {
    if (file % 100 === 0) yield folderHeader(`layer${seed}/folder${file / 100}/`);
    const size = Math.max(1, Math.round(bytes * (0.5 + (next() % 1000) / 1000)));
    yield fileHeader(`layer${seed}/folder${Math.floor(file / 100)}/file${file}`, size);
    for (let at = 0; at < size;) {
      const from = stock[next() % stock.length] ?? Buffer.alloc(BLOCK);
      const start = next() % (BLOCK / 2);
      const piece = Buffer.from(from.subarray(start, start + Math.min(size - at, BLOCK / 2)));
      // Two cuts at the same place still make no duplicate.
      for (let mark = 0; mark + 4 <= piece.length; mark += 8192) piece.writeUInt32LE(next(), mark);
      yield piece;
      at += piece.length;
    }
    yield padding(size);
  }
  yield END_OF_TAR;
}

interface Described {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
}

interface Listed {
  readonly schemaVersion: 2;
  readonly manifests: (Described & { readonly annotations: Readonly<Record<string, string>> })[];
}

/** Makes the images that are not there yet. */
export async function writeBenchLayout(
  layout: string,
  names: readonly string[] | undefined,
  say: (text: string) => void,
): Promise<void> {
  const blobs = join(layout, 'blobs', 'sha256');
  await mkdir(blobs, { recursive: true });
  const index = join(layout, 'index.json');
  const listed: Listed = existsSync(index)
    ? (JSON.parse(await readFile(index, 'utf8')) as Listed) // written below
    : { schemaVersion: 2, manifests: [] };
  for (const name of names ?? Object.keys(RECIPES)) {
    const recipe = RECIPES[name];
    if (recipe === undefined)
      throw new Error(`no image ${name} can be made; ${Object.keys(RECIPES).join(', ')} can`);
    const has = listed.manifests.some(
      ({ annotations }) => annotations['org.opencontainers.image.ref.name'] === name,
    );
    if (has) continue;
    say(`making ${name}`);
    const manifest = await writeImage(blobs, recipe);
    const annotations = { 'org.opencontainers.image.ref.name': name };
    listed.manifests.push({ ...manifest, annotations });
    await writeFile(join(layout, 'oci-layout'), JSON.stringify({ imageLayoutVersion: '1.0.0' }));
    await writeFile(index, JSON.stringify(listed));
  }
}

async function writeImage(blobs: string, recipe: readonly Recipe[]): Promise<Described> {
  const layers: Described[] = [];
  const diffIds: string[] = [];
  for (const [number, layer] of recipe.entries()) {
    const plain = createHash('sha256');
    const stored = createHash('sha256');
    const file = join(blobs, `new-${number}`);
    const hashed = function* (): Generator<Buffer> {
      for (const bytes of layerTar(layer, number + 1)) {
        plain.update(bytes);
        yield bytes;
      }
    };
    const gzip = createGzip({ level: 6, chunkSize: BLOCK });
    gzip.on('data', (bytes: Buffer) => stored.update(bytes));
    await pipeline(Readable.from(hashed(), { objectMode: true }), gzip, createWriteStream(file));
    const hex = stored.digest('hex');
    const { size } = await stat(file);
    await rename(file, join(blobs, hex));
    layers.push({
      mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip',
      digest: `sha256:${hex}`,
      size,
    });
    diffIds.push(`sha256:${plain.digest('hex')}`);
  }
  const add = async (mediaType: string, value: unknown): Promise<Described> => {
    const bytes = Buffer.from(JSON.stringify(value));
    const hex = createHash('sha256').update(bytes).digest('hex');
    await writeFile(join(blobs, hex), bytes);
    return { mediaType, digest: `sha256:${hex}`, size: bytes.length };
  };
  const config = await add('application/vnd.oci.image.config.v1+json', {
    architecture: process.arch === 'x64' ? 'amd64' : process.arch,
    os: 'linux',
    config: {},
    rootfs: { type: 'layers', diff_ids: diffIds },
  });
  const mediaType = 'application/vnd.oci.image.manifest.v1+json';
  return add(mediaType, { schemaVersion: 2, mediaType, config, layers });
}
