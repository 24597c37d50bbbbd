/** Images that differ from another one in a single layer. */
import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGunzip, gzipSync } from 'node:zlib';
import { readFileRange } from '../../src/io/file-range.js';
import { contentOf } from '../../src/io/streams.js';
import { digestFromHex, sha256 } from '../../src/oci/digest.js';
import { MEDIA } from '../../src/oci/media-types.js';
import type { ImageTarget } from '../../src/registry/stores/store.js';
import { file, tarBytes } from '../../test/support/images/tar.js';
import { place } from '../../test/support/temp-folder.js';
import type { BenchImage } from '../bench/images.js';

interface Manifest {
  readonly config: { readonly digest: string };
  readonly layers: { digest: string; size: number }[];
}
interface Config {
  readonly rootfs: { readonly diff_ids: string[] };
}

/** Puts the image with one more file at the front of a layer; the target has the other layers. Returns the bytes of the new layer. */
export async function putChanged(
  target: ImageTarget,
  { digest, layers }: BenchImage,
  layout: string,
  number: number,
  folder: string,
): Promise<number> {
  const blob = (name: string): string => join(layout, 'blobs', ...name.split(':'));
  const manifest = JSON.parse(await readFile(blob(digest), 'utf8')) as Manifest; // the layout's own form
  const config = JSON.parse(await readFile(blob(manifest.config.digest), 'utf8')) as Config; // the same
  const layer = layers[number];
  const listed = manifest.layers[number];
  if (layer === undefined || listed === undefined) throw new Error(`there is no layer ${number}`);
  const front = tarBytes([file(`changed-${number}`, 'changed')]);
  // A gzip stream may consist of several members, so the layer need not be compressed again.
  const path = await place(folder, 'changed.tar.gz', gzipSync(front));
  await pipeline(createReadStream(layer.file), createWriteStream(path, { flags: 'a' }));
  const compressed = createHash('sha256');
  const tar = createHash('sha256');
  let size = 0;
  for await (const bytes of createReadStream(path) as AsyncIterable<Buffer>) {
    compressed.update(bytes);
    size += bytes.length;
  }
  for await (const bytes of createReadStream(path).pipe(createGunzip()) as AsyncIterable<Buffer>)
    tar.update(bytes);
  Object.assign(listed, { digest: digestFromHex(compressed.digest('hex')), size });
  config.rootfs.diff_ids[number] = digestFromHex(tar.digest('hex'));
  const push = async (mediaType: string, bytes: Buffer) => {
    const descriptor = { mediaType, digest: sha256(bytes), size: bytes.length };
    await target.push(descriptor, contentOf(bytes));
    return descriptor;
  };
  const layerDescriptor = { mediaType: MEDIA.ociLayerGzip, digest: sha256(''), size };
  await target.push(
    { ...layerDescriptor, digest: listed.digest as typeof layerDescriptor.digest }, // just made
    { size, open: (range) => readFileRange(path, range) },
  );
  Object.assign(manifest.config, await push(MEDIA.ociConfig, Buffer.from(JSON.stringify(config))));
  const bytes = Buffer.from(JSON.stringify(manifest));
  await target.tag({ mediaType: MEDIA.ociManifest, digest: sha256(bytes), size: bytes.length }, bytes);
  return size;
}
