/** Images of RAFS v5, of cases with one layer: blob and bootstrap are those of the reference, byte for byte. */
import { readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { sha256 } from '../../src/oci/digest.js';
import { ANNOTATION } from '../../src/oci/media-types.js';
import { encodeTarHeader } from '../../src/rafs-builder/tar-header.js';
import { OWN_BLOB_ID } from '../../src/rafs-builder/v6.js';
import { converted, respelled, sourceImage } from '../e2e/check-lab.js';
import { type MemoryStore } from '../unit/check/memory-store.js';
import { referenceLayers, referenceText } from './fixtures.js';
import { packLayer } from './pack.js';
import { dir, file, layer } from './tar.js';
import { v5FromDump } from './v5-from-dump.js';

/** Of these the bootstrap in the blob is the image's but for the blob's id, so that its dump gives both. */
export const V5_CASES = ['smallfiles', 'concatenated', 'tree-order', 'symlinks'] as const;
export type V5Case = (typeof V5_CASES)[number];

export interface V5Parts {
  readonly blob: Buffer;
  readonly bootstrap: Buffer;
}

/** Throws unless the blob has the id that the reference gave it. */
export async function v5Parts(name: V5Case): Promise<V5Parts> {
  const dump = referenceText(name, 'v5-zstd', 'merged.dump');
  const id = blobId(dump);
  const data = await chunkData(name);
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
  return { blob, bootstrap: v5FromDump(dump) };
}

/** The form of builders that write the bootstrap to a file: the blob is nothing but data. */
export async function bareV5Parts(name: V5Case): Promise<V5Parts> {
  const dump = referenceText(name, 'v5-zstd', 'merged.dump');
  const blob = await chunkData(name);
  const facts = dump
    .replace(blobId(dump) ?? '', sha256(blob).slice('sha256:'.length))
    .replace('features=0x50000000', 'features=0x40000000') // no HAS_TAR_HEADER
    .replace(/ csize=\d+ /, ` csize=${blob.length} `);
  return { blob, bootstrap: v5FromDump(facts) };
}

/** A whole image: what we make of the case, with these parts in place of ours. */
export async function v5Image(
  name: V5Case,
  { blob, bootstrap }: V5Parts,
): Promise<{ readonly source: MemoryStore; readonly target: MemoryStore }> {
  const source = sourceImage(referenceLayers(name));
  const target = respelled(await converted(source), (manifest, config, copy) => {
    const tar = layer(dir('image'), file('image/image.boot', bootstrap));
    const [data, last] = manifest.layers;
    if (data === undefined || last === undefined) throw new Error('an image of one blob was expected');
    const version = { [ANNOTATION.nydusFsVersion]: '5' };
    manifest.layers = [
      { ...data, ...copy.put(data.mediaType, blob) },
      {
        ...last,
        ...copy.put(last.mediaType, gzipSync(tar)),
        annotations: { ...last.annotations, ...version },
      },
    ];
    manifest['annotations'] = { ...(manifest['annotations'] as object), ...version };
    config['rootfs'] = { type: 'layers', diff_ids: [sha256(blob), sha256(tar)] };
  });
  return { source, target };
}

function blobId(dump: string): string | undefined {
  return / id=([0-9a-f]{64}) /.exec(dump)?.[1];
}

/** Chunks of v5 lie behind each other as those of v6 do. */
async function chunkData(name: V5Case): Promise<Buffer> {
  const [tar] = referenceLayers(name);
  if (tar === undefined) throw new Error(`${name} has no layer`);
  using packed = await packLayer(tar);
  return readFileSync(packed.blobPath);
}
