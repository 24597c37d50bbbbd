/** Images of RAFS v5. Of cases with one layer, blob and bootstrap are those of the reference, byte for byte. */
import { gzipSync } from 'node:zlib';
import { compressSync } from 'lz4-napi';
import { decompress } from '../../../src/native/codec.js';
import { sha256 } from '../../../src/oci/digest.js';
import { ANNOTATION, MEDIA } from '../../../src/oci/media-types.js';
import { TAR_HEADER_SIZE } from '../../../src/rafs-builder/layout/blob.js';
import { encodeTarHeader } from './section-header.js';
import { OWN_BLOB_ID } from '../../../src/rafs-builder/layout/v6.js';
import { converted, respelled, sourceImage } from './memory-conversion.js';
import type { MemoryStore } from '../registries/memory-store.js';
import { referenceLayers, referenceText } from './fixtures.js';
import { packImage } from './pack.js';
import { dir, file, layer } from './tar.js';
import { v5FromDump } from './v5-from-dump.js';

/** In these cases the bootstrap in the blob differs from the image's in the blob's id alone, so that one dump gives both. */
export const V5_CASES = ['smallfiles', 'concatenated', 'tree-order', 'symlinks'] as const;
export type V5Case = (typeof V5_CASES)[number];

/** True if `v5Parts` can make the case. */
export function isFramedV5(name: string): name is V5Case {
  return V5_CASES.some((one) => one === name);
}

export interface V5Parts {
  /** Lowest first. */
  readonly blobs: readonly Buffer[];
  readonly bootstrap: Buffer;
}

/** Throws unless the blob has the id that the reference gave it. */
export async function v5Parts(name: V5Case): Promise<V5Parts> {
  const dump = referenceText(name, 'v5-zstd', 'merged.dump');
  const id = blobId(dump);
  const [data = Buffer.alloc(0)] = await chunkData(name, 'zstd');
  const inside =
    id === undefined
      ? dump
      : dump.replace(id, OWN_BLOB_ID).replace('features=0x50000000', 'features=0x50000002'); // INLINED_FS_META
  const own = v5FromDump(inside);
  const blob = Buffer.concat([
    ...(data.length === 0 ? [] : [data, encodeTarHeader('image.blob', data.length)]),
    own,
    encodeTarHeader('image.boot', own.length),
  ]);
  if (id !== undefined && sha256(blob) !== `sha256:${id}`)
    throw new Error(`the blob of ${name} is not the reference's`);
  return { blobs: [blob], bootstrap: v5FromDump(dump) };
}

/** The case whose blobs are a dictionary. */
const DICTIONARIES: Readonly<Record<string, string>> = { 'dedup-next': 'dedup' };

/**
 * The form of builders that write the bootstrap to a file: blobs are nothing but data. Any case, of any number of layers;
 * blobs are left out where no file needs any. `option`: which of the reference's results.
 */
export async function bareV5Parts(name: string, option = 'v5-zstd'): Promise<V5Parts> {
  const compressor = option === 'v5-none' ? 'none' : 'zstd';
  const dictionary = DICTIONARIES[name];
  const blobs =
    dictionary === undefined
      ? await chunkData(name, compressor)
      : [...(await chunkData(dictionary, compressor)), ...(await chunkData(name, compressor, dictionary))];
  const left = [...blobs];
  const dump = referenceText(name, option, 'merged.dump').replace(/^B .*$/gm, (line) => {
    const inline = Number(/ csize=(\d+) /.exec(line)?.[1]);
    const at = left.findIndex(({ length }) => length + TAR_HEADER_SIZE === inline);
    const [blob] = at < 0 ? [] : left.splice(at, 1);
    if (blob === undefined) throw new Error(`no layer of ${name} has the data of ${line}`);
    return line
      .replace(/ id=[0-9a-f]+ /, ` id=${sha256(blob).slice('sha256:'.length)} `)
      .replace('features=0x50000000', 'features=0x40000000') // no HAS_TAR_HEADER
      .replace(` csize=${inline} `, ` csize=${blob.length} `);
  });
  return { blobs: left.length === blobs.length ? [] : blobs, bootstrap: v5FromDump(dump) };
}

const COMPRESSOR_FLAGS = { lz4_block: 0x02, gzip: 0x40, zstd: 0x80 } as const;

/** The parts of `v5Parts` with chunks that another compressor stored, as older builders did; records and sizes fit them. */
export async function recompressedV5Parts(name: string, compressor: 'lz4_block' | 'gzip'): Promise<V5Parts> {
  const compress = (bytes: Buffer): Buffer =>
    // The package puts the size in front, which blobs do not have.
    compressor === 'gzip' ? gzipSync(bytes) : compressSync(bytes).subarray(4);
  const data = await chunkData(name, 'zstd');
  const parts = data.map((): Buffer[] => []);
  const lines = referenceText(name, 'v5-zstd', 'merged.dump').split('\n');
  const records = new Map<string, readonly [offset: number, size: number, flags: number]>();
  // In the order of the blob, so that chunks lie behind each other again.
  const chunks = lines.map((line) => line.split(' ')).filter(([letter]) => letter === 'C');
  const number = (words: readonly string[], i: number): number => Number(words[i]);
  for (const words of chunks.sort((a, b) => number(a, 5) - number(b, 5))) {
    const key = `${words[1] ?? ''} ${words[2] ?? ''}`;
    const part = parts[number(words, 1)];
    if (part === undefined || records.has(key)) continue;
    const flags = number(words, 9);
    const stored = data[number(words, 1)]?.subarray(number(words, 5), number(words, 5) + number(words, 6));
    const plain = await plainOf(stored ?? Buffer.alloc(0), (flags & 1) !== 0, number(words, 8));
    const smaller = compress(plain);
    const isSmaller = smaller.length < plain.length;
    const chosen = isSmaller ? smaller : plain;
    const offset = part.reduce((sum, { length }) => sum + length, 0);
    part.push(chosen);
    records.set(key, [offset, chosen.length, isSmaller ? flags | 1 : flags & ~1]);
  }
  const blobs = parts.map((part) => Buffer.concat(part));
  const dump = lines.map((line) => {
    const words = line.split(' ');
    if (words[0] === 'C') {
      const [offset, size, flags] = records.get(`${words[1] ?? ''} ${words[2] ?? ''}`) ?? [0, 0, 0];
      words.splice(5, 2, String(offset), String(size));
      words[9] = `0x${flags.toString(16)}`;
      return words.join(' ');
    }
    if (words[0] === 'B') {
      const blob = blobs[number(words, 1)] ?? Buffer.alloc(0);
      return line
        .replace(/ id=[0-9a-f]+ /, ` id=${sha256(blob).slice('sha256:'.length)} `)
        .replace('features=0x50000000', 'features=0x40000000')
        .replace(/ csize=\d+ /, ` csize=${blob.length} `);
    }
    return line.replace(/^(S .*)flags=(0x[0-9a-f]+)/, (_, start: string, flags: string) => {
      const other = (Number(flags) & ~COMPRESSOR_FLAGS.zstd) | COMPRESSOR_FLAGS[compressor];
      return `${start}flags=0x${other.toString(16)}`;
    });
  });
  return { blobs, bootstrap: v5FromDump(dump.join('\n')) };
}

async function plainOf(stored: Buffer, compressed: boolean, size: number): Promise<Buffer> {
  return compressed ? decompress(stored, 'zstd', size) : stored;
}

/** A whole image: what we make of the case, with these parts in place of ours. */
export async function v5Image(
  name: string,
  { blobs, bootstrap }: V5Parts,
): Promise<{ readonly source: MemoryStore; readonly target: MemoryStore }> {
  const source = sourceImage(referenceLayers(name));
  const target = respelled(await converted(source), (manifest, config, copy) => {
    const tar = layer(dir('image'), file('image/image.boot', bootstrap));
    const last = manifest.layers.at(-1);
    if (last === undefined) throw new Error('there are no layers');
    const version = { [ANNOTATION.nydusFsVersion]: '5' };
    manifest.layers = [
      // There may be more blobs than layers were converted: those of a dictionary.
      ...blobs.map((blob) => ({ ...manifest.layers[0], ...copy.put(MEDIA.nydusBlob, blob) })),
      {
        ...last,
        ...copy.put(last.mediaType, gzipSync(tar)),
        annotations: { ...last.annotations, ...version },
      },
    ];
    manifest['annotations'] = { ...(manifest['annotations'] as object), ...version };
    config['rootfs'] = { type: 'layers', diff_ids: [...blobs, tar].map((bytes) => sha256(bytes)) };
  });
  return { source, target };
}

function blobId(dump: string): string | undefined {
  return / id=([0-9a-f]{64}) /.exec(dump)?.[1];
}

/** By layer, without what the layers of another case hold. Chunks of v5 lie behind each other as those of v6 do. */
async function chunkData(name: string, compressor: 'zstd' | 'none', dictionary?: string): Promise<Buffer[]> {
  const below = dictionary === undefined ? [] : referenceLayers(dictionary);
  const data: Buffer[] = [];
  for (const tar of referenceLayers(name)) {
    using packed = await packImage([...below, tar], { compressor });
    const layer = packed.layers.at(-1);
    if (layer !== undefined) data.push(layer.data);
  }
  return data;
}
